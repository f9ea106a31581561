/** Signer: signs by WebCrypto where it knows Ed25519, twenty times as fast as noble, which is asked elsewhere. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { concatBytes } from '@noble/hashes/utils.js'

export type Signer = (message: Uint8Array) => Promise<Uint8Array>

/** RFC 8410 §7: what precedes the 32 bytes of a private key of this curve. */
const PKCS8_HEAD = Uint8Array.from([0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32])
const ALGORITHM = { name: 'Ed25519' }

/** Of the 32 bytes of an identity's seed. */
export function signerOfSeed(seed: Uint8Array): Signer {
  let native: Promise<CryptoKey | undefined> | undefined
  return async (message) => {
    native ??= nativeKeyOf(seed)
    const key = await native
    if (!key) return ed25519.sign(message, seed)
    return new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, message as Uint8Array<ArrayBuffer>))
  }
}

/** The 32 bytes with which others check. In a page that has just been opened, noble takes some tens of milliseconds. */
export async function signingKeyOfSeed(seed: Uint8Array): Promise<Uint8Array> {
  const key = await nativeKeyOf(seed, true)
  if (!key) return ed25519.getPublicKey(seed)
  const { x = '' } = await crypto.subtle.exportKey('jwk', key)
  return Uint8Array.from(atob(x.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
}

/** Undefined where WebCrypto does not know the curve, or is not to be had. */
async function nativeKeyOf(seed: Uint8Array, extractable = false): Promise<CryptoKey | undefined> {
  const pkcs8 = concatBytes(PKCS8_HEAD, seed) as Uint8Array<ArrayBuffer>
  try {
    return await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, extractable, ['sign'])
  } catch {
    return undefined
  }
}
