/**
 * Value pieces: a value that is too large for one record lies in pieces, each under a key that follows from its hash, and what
 * lies under the value's key tells how to find and check them: anybody may put something else beside them.
 *
 *   record's value = 0, bytes                                                  whole
 *                    1, bytes in all u32, SHA-256 of each piece 32 bytes       in pieces
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Address, nodeAddress } from '../overlay/address.ts'
import { MAX_VALUE_BYTES as MAX_RECORD_BYTES } from '../overlay/dht-record.ts'

const WHOLE = 0
const IN_PIECES = 1
const HEAD_BYTES = 5
const HASH_BYTES = 32
const PIECE_BYTES = MAX_RECORD_BYTES
/** A guess: sixty-four records, each with its copies; what is larger belongs on a link. */
export const MAX_VALUE_BYTES = 64 * PIECE_BYTES

export type Piece = { key: Address; value: Uint8Array }
export type Pieces = { byteLength: number; hashes: string[]; keys: Address[] }

/** What lies under the value's own key, and the pieces beside it. */
export function cutUp(namespaceHash: string, value: Uint8Array): { head: Uint8Array; pieces: Piece[] } {
  if (value.length < MAX_RECORD_BYTES) {
    const head = new Uint8Array(1 + value.length)
    head[0] = WHOLE
    head.set(value, 1)
    return { head, pieces: [] }
  }
  const count = Math.ceil(value.length / PIECE_BYTES)
  const head = new Uint8Array(HEAD_BYTES + count * HASH_BYTES)
  head[0] = IN_PIECES
  new DataView(head.buffer).setUint32(1, value.length)
  const pieces = Array.from({ length: count }, (_, index) => {
    const piece = value.slice(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)
    const hash = sha256(piece)
    head.set(hash, HEAD_BYTES + index * HASH_BYTES)
    return { key: pieceKey(namespaceHash, bytesToHex(hash)), value: piece }
  })
  return { head, pieces }
}

/** The value, or where its pieces lie; undefined for what is neither. */
export function readHead(namespaceHash: string, head: Uint8Array): Uint8Array | Pieces | undefined {
  if (head[0] === WHOLE) return head.slice(1)
  if (head[0] !== IN_PIECES || head.length < HEAD_BYTES) return undefined
  const byteLength = new DataView(head.buffer, head.byteOffset).getUint32(1)
  const count = Math.ceil(byteLength / PIECE_BYTES)
  const isSound = byteLength >= MAX_RECORD_BYTES && byteLength <= MAX_VALUE_BYTES
  if (!isSound || head.length !== HEAD_BYTES + count * HASH_BYTES) return undefined
  const hashes = Array.from({ length: count }, (_, index) =>
    bytesToHex(head.subarray(HEAD_BYTES + index * HASH_BYTES, HEAD_BYTES + (index + 1) * HASH_BYTES)),
  )
  return { byteLength, hashes, keys: hashes.map((hash) => pieceKey(namespaceHash, hash)) }
}

/** Of the values that lie under each piece's key, in order; undefined where one is missing. */
export function putTogether(
  { byteLength, hashes }: Pieces,
  found: readonly (readonly Uint8Array[])[],
): Uint8Array | undefined {
  const value = new Uint8Array(byteLength)
  for (const [index, hash] of hashes.entries()) {
    const start = index * PIECE_BYTES
    const length = Math.min(PIECE_BYTES, byteLength - start)
    const piece = found[index]?.find((each) => each.length === length && bytesToHex(sha256(each)) === hash)
    if (!piece) return undefined
    value.set(piece, start)
  }
  return value
}

/** Of a key that a person or a program chose, in one namespace. */
export function keyOf(namespaceHash: string, key: string): Address {
  return addressOf(`overture dht 1 ${namespaceHash} ${key}`)
}

function pieceKey(namespaceHash: string, hash: string): Address {
  return addressOf(`overture piece 1 ${namespaceHash} ${hash}`)
}

function addressOf(text: string): Address {
  return nodeAddress(sha256(utf8ToBytes(text)).subarray(0, 20))
}
