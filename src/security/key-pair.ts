/**
 * Key pair: an X25519 key (RFC 7748) that can agree with another's. By WebCrypto where it knows the curve, ten times as
 * fast; else by noble.
 */
import { x25519 } from '@noble/curves/ed25519.js'
import { concatBytes } from '@noble/hashes/utils.js'

export const PUBLIC_KEY_BYTES = 32
const ALGORITHM = { name: 'X25519' }
/** RFC 8410 §7: what precedes the 32 bytes of a private key of this curve. */
const PKCS8_HEAD = Uint8Array.from([0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 34, 4, 32])

export type KeyPair = {
  readonly publicKey: Uint8Array
  /** Rejects for a key that no honest end has: one with which everybody agrees on zeros (RFC 7748 §6.1). */
  agree(publicKey: Uint8Array): Promise<Uint8Array>
}

let support: Promise<boolean> | undefined

/** Whether WebCrypto has this curve: browsers since 2024 or 2025, Node since 18. */
function isNative(): Promise<boolean> {
  support ??= (async () => {
    try {
      await crypto.subtle.generateKey(ALGORITHM, false, ['deriveBits'])
      return true
    } catch {
      return false
    }
  })()
  return support
}

export async function generateKeyPair(): Promise<KeyPair> {
  if (!(await isNative())) return nobleKeyPair(x25519.utils.randomSecretKey())
  const { publicKey, privateKey } = (await crypto.subtle.generateKey(ALGORITHM, false, ['deriveBits'])) as CryptoKeyPair
  return nativeKeyPair(privateKey, new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))
}

/** Of 32 secret bytes. */
export async function keyPairOf(secretKey: Uint8Array): Promise<KeyPair> {
  if (!(await isNative())) return nobleKeyPair(secretKey)
  const pkcs8 = concatBytes(PKCS8_HEAD, secretKey) as Uint8Array<ArrayBuffer>
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['deriveBits'])
  return nativeKeyPair(privateKey, x25519.getPublicKey(secretKey))
}

export function nobleKeyPair(secretKey: Uint8Array): KeyPair {
  return {
    publicKey: x25519.getPublicKey(secretKey),
    agree: async (publicKey) => x25519.getSharedSecret(secretKey, publicKey),
  }
}

function nativeKeyPair(privateKey: CryptoKey, publicKey: Uint8Array): KeyPair {
  return {
    publicKey,
    agree: async (theirs) => {
      const raw = theirs as Uint8Array<ArrayBuffer>
      const key = await crypto.subtle.importKey('raw', raw, ALGORITHM, false, [])
      return new Uint8Array(await crypto.subtle.deriveBits({ ...ALGORITHM, public: key }, privateKey, 256))
    },
  }
}
