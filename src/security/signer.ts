/** Signer: signs by WebCrypto where it knows Ed25519, twenty times as fast as noble, which is asked elsewhere. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { nativePrivateKey, nativePublicKey } from './native-key.ts'

export type Signer = (message: Uint8Array) => Promise<Uint8Array>

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

/** The 32 bytes with which others check. */
export async function signingKeyOfSeed(seed: Uint8Array): Promise<Uint8Array> {
  const key = await nativeKeyOf(seed, true)
  return key ? nativePublicKey(key) : ed25519.getPublicKey(seed)
}

function nativeKeyOf(seed: Uint8Array, extractable = false): Promise<CryptoKey | undefined> {
  return nativePrivateKey('Ed25519', seed, 'sign', extractable).catch(() => undefined)
}
