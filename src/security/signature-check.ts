/** Signature check: has the owner of this key signed that? By WebCrypto where it knows Ed25519, five times as fast; else by noble. */
import { isSignedBy } from './identity.ts'

/** Never rejects. */
export type SignatureCheck = (signature: Uint8Array, message: Uint8Array) => Promise<boolean>

const ALGORITHM = { name: 'Ed25519' }

let support: Promise<boolean> | undefined

function isNative(): Promise<boolean> {
  support ??= (async () => {
    try {
      await crypto.subtle.generateKey(ALGORITHM, false, ['verify', 'sign'])
      return true
    } catch {
      return false
    }
  })()
  return support
}

/** For a key that is used more than once. */
export function signatureCheckOf(signingKey: Uint8Array): SignatureCheck {
  let native: Promise<CryptoKey | undefined> | undefined
  return async (signature, message) => {
    native ??= nativeKeyOf(signingKey)
    const key = await native
    if (!key) return isSignedBy(signingKey, signature, message)
    const raw = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>
    return crypto.subtle.verify(ALGORITHM, key, raw(signature), raw(message)).catch(() => false)
  }
}

async function nativeKeyOf(signingKey: Uint8Array): Promise<CryptoKey | undefined> {
  if (!(await isNative())) return undefined
  const raw = signingKey as Uint8Array<ArrayBuffer>
  return crypto.subtle.importKey('raw', raw, ALGORITHM, false, ['verify']).catch(() => undefined)
}
