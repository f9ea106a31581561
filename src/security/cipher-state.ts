/** Cipher state: one direction's key and count, as Noise has them (§5.1, ChaChaPoly of §12.3). */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'

export const TAG_BYTES = 16
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const NOTHING = new Uint8Array()
/** Noise §4.2: this number is not for messages. */
const REKEY_NONCE = new Uint8Array(NONCE_BYTES).fill(255, 4)

export class CipherState {
  private key: Uint8Array
  private count = 0

  constructor(key: Uint8Array) {
    this.key = key
  }

  encrypt(plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
    return encryptAs(this.key, this.count++, plaintext, associated)
  }

  /** Undefined for what was not made by the other end for this very place; then nothing is counted. */
  decrypt(ciphertext: Uint8Array, associated: Uint8Array): Uint8Array | undefined {
    const plaintext = decryptAs(this.key, this.count, ciphertext, associated)
    if (plaintext) this.count++
    return plaintext
  }
}

export function encryptAs(key: Uint8Array, count: number, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  return chacha20poly1305(key, nonceOf(count), associated).encrypt(plaintext)
}

export function decryptAs(
  key: Uint8Array,
  count: number,
  ciphertext: Uint8Array,
  associated: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < TAG_BYTES) return undefined
  try {
    return chacha20poly1305(key, nonceOf(count), associated).decrypt(ciphertext)
  } catch {
    return undefined
  }
}

/** The next key, from which nobody finds this one (§4.2, REKEY). */
export function rekeyed(key: Uint8Array): Uint8Array {
  return chacha20poly1305(key, REKEY_NONCE, NOTHING).encrypt(new Uint8Array(KEY_BYTES)).subarray(0, KEY_BYTES)
}

/** Noise §12.3: 32 bits of zeros, then the count, little-endian. */
function nonceOf(count: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES)
  const view = new DataView(nonce.buffer)
  view.setUint32(4, count >>> 0, true)
  view.setUint32(8, Math.floor(count / 0x1_0000_0000), true)
  return nonce
}
