/**
 * Value pieces: a value that is too large for one record lies in pieces, each under a key of its own, and what lies under the
 * value's key tells how to find and check them.
 *
 *   record's value = 0, bytes                                                                whole
 *                    1, bytes in all u32, SHA-256 of them 32 bytes                           in pieces
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Address, nodeAddress } from '../overlay/address.ts'
import { MAX_VALUE_BYTES as MAX_RECORD_BYTES } from '../overlay/dht-record.ts'

const WHOLE = 0
const IN_PIECES = 1
const HASH_BYTES = 32
const PIECE_BYTES = MAX_RECORD_BYTES
/** A guess: sixty-four records, each with its copies; what is larger belongs on a link. */
export const MAX_VALUE_BYTES = 64 * PIECE_BYTES

export type Piece = { key: Address; value: Uint8Array }
export type Pieces = { byteLength: number; hash: Uint8Array; keys: Address[] }

/** What lies under the value's own key, and the pieces beside it. */
export function cutUp(namespaceHash: string, value: Uint8Array): { head: Uint8Array; pieces: Piece[] } {
  if (value.length < MAX_RECORD_BYTES) {
    const head = new Uint8Array(1 + value.length)
    head[0] = WHOLE
    head.set(value, 1)
    return { head, pieces: [] }
  }
  const hash = sha256(value)
  const head = new Uint8Array(5 + HASH_BYTES)
  head[0] = IN_PIECES
  new DataView(head.buffer).setUint32(1, value.length)
  head.set(hash, 5)
  const keys = pieceKeys(namespaceHash, value.length, hash)
  const pieces = keys.map((key, index) => ({ key, value: value.slice(index * PIECE_BYTES, (index + 1) * PIECE_BYTES) }))
  return { head, pieces }
}

/** The value, or where its pieces lie; undefined for what is neither. */
export function readHead(namespaceHash: string, head: Uint8Array): Uint8Array | Pieces | undefined {
  if (head[0] === WHOLE) return head.slice(1)
  if (head[0] !== IN_PIECES || head.length !== 5 + HASH_BYTES) return undefined
  const byteLength = new DataView(head.buffer, head.byteOffset).getUint32(1)
  if (byteLength < MAX_RECORD_BYTES || byteLength > MAX_VALUE_BYTES) return undefined
  const hash = head.slice(5)
  return { byteLength, hash, keys: pieceKeys(namespaceHash, byteLength, hash) }
}

/** Of the values that lie under each piece's key, in order; undefined where one is missing, or is not what it was. */
export function putTogether(
  { byteLength, hash }: Pieces,
  found: readonly (readonly Uint8Array[])[],
): Uint8Array | undefined {
  const value = new Uint8Array(byteLength)
  for (const [index, candidates] of found.entries()) {
    const start = index * PIECE_BYTES
    const length = Math.min(PIECE_BYTES, byteLength - start)
    // Anybody may put something else there; the hash over all tells whether we have the right ones.
    const piece = candidates.find((candidate) => candidate.length === length)
    if (!piece) return undefined
    value.set(piece, start)
  }
  return sha256(value).every((byte, index) => byte === hash[index]) ? value : undefined
}

/** Of a key that a person or a program chose, in one namespace. */
export function keyOf(namespaceHash: string, key: string): Address {
  return addressOf(`overture dht 1 ${namespaceHash} ${key}`)
}

/** Each piece's key follows from what lies there: nobody can guess it who does not know the value or its head. */
function pieceKeys(namespaceHash: string, byteLength: number, hash: Uint8Array): Address[] {
  const name = `overture piece 1 ${namespaceHash} ${bytesToHex(hash)}`
  return Array.from({ length: Math.ceil(byteLength / PIECE_BYTES) }, (_, index) => addressOf(`${name} ${index}`))
}

function addressOf(text: string): Address {
  return nodeAddress(sha256(utf8ToBytes(text)).subarray(0, 20))
}
