/**
 * Broadcast seal: what is said to all of a namespace. Sealed for its members, and signed by its sender: each member could
 * open and seal anything, but none can speak for another.
 *
 *   nonce 24 bytes, then by XChaCha20-Poly1305 with the namespace's broadcast key:
 *     number u64, signing key 32 bytes, signature 64 bytes, data
 *
 * Signed are the namespace, the sender's address, the number, and the data.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Address } from '../overlay/address.ts'
import { TAG_BYTES } from './cipher-state.ts'
import { SIGNATURE_BYTES } from './identity.ts'
import { PUBLIC_KEY_BYTES } from './key-pair.ts'

/** Random, of a length at which two are never the same. */
export const NONCE_BYTES = 24
const NUMBER_BYTES = 8
const SIGNATURE_OFFSET = NUMBER_BYTES + PUBLIC_KEY_BYTES
const DATA_OFFSET = SIGNATURE_OFFSET + SIGNATURE_BYTES
/** What sealing and signing add. */
export const BROADCAST_SEAL_BYTES = NONCE_BYTES + DATA_OFFSET + TAG_BYTES

export type SignedBroadcast = { number: number; signingKey: Uint8Array; signature: Uint8Array; data: Uint8Array }

export function sealBroadcast(
  key: Uint8Array,
  nonce: Uint8Array,
  { number, signingKey, signature, data }: SignedBroadcast,
): Uint8Array {
  const plain = concatBytes(numberBytes(number), signingKey, signature, data)
  return concatBytes(nonce, xchacha20poly1305(key, nonce).encrypt(plain))
}

/** Undefined for what no member has sealed; never throws. What is signed, and by whom, is yet to be checked. */
export function openBroadcast(key: Uint8Array, sealed: Uint8Array): SignedBroadcast | undefined {
  if (sealed.length < BROADCAST_SEAL_BYTES) return undefined
  try {
    const plain = xchacha20poly1305(key, sealed.subarray(0, NONCE_BYTES)).decrypt(sealed.subarray(NONCE_BYTES))
    const view = new DataView(plain.buffer, plain.byteOffset)
    return {
      number: view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4),
      signingKey: plain.slice(NUMBER_BYTES, SIGNATURE_OFFSET),
      signature: plain.slice(SIGNATURE_OFFSET, DATA_OFFSET),
      data: plain.subarray(DATA_OFFSET),
    }
  } catch {
    return undefined
  }
}

/** What the sender signs. */
export function broadcastStatement(namespaceHash: string, from: Address, number: number, data: Uint8Array): Uint8Array {
  const head = utf8ToBytes(`overture broadcast 1 ${namespaceHash} ${from} `)
  return concatBytes(head, numberBytes(number), data)
}

function numberBytes(number: number): Uint8Array {
  const bytes = new Uint8Array(NUMBER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(number / 0x1_0000_0000))
  view.setUint32(4, number % 0x1_0000_0000)
  return bytes
}
