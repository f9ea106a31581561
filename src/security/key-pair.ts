/**
 * Key pair: an X25519 key (RFC 7748) that can agree with another's. By WebCrypto where it knows the curve, ten times as
 * fast; else by noble.
 */
import { x25519 } from '@noble/curves/ed25519.js'
import { nativePrivateKey, nativePublicKey } from './native-key.ts'

export const PUBLIC_KEY_BYTES = 32
const ALGORITHM = { name: 'X25519' }

/** More would be made while nobody waits for them than a burst of handshakes takes. A guess. */
const SPARE_PAIRS = 8

/** Another's key, which WebCrypto reads once however often it is agreed with. */
export type RemoteKey = { readonly bytes: Uint8Array; imported?: Promise<CryptoKey> }

export type KeyPair = {
  readonly publicKey: Uint8Array
  /** Rejects for a key that no honest end has: one with which everybody agrees on zeros (RFC 7748 §6.1). */
  agree(remote: RemoteKey): Promise<Uint8Array>
}

const spare: Promise<KeyPair>[] = []

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

/** One that was made ahead, where there is one: while many want some at once, each waits for as little as can be. */
export function ephemeralKeyPair(): Promise<KeyPair> {
  const pair = spare.shift() ?? generateKeyPair()
  prepareKeyPairs()
  return pair
}

/** Makes some ahead. */
export function prepareKeyPairs(): void {
  while (spare.length < SPARE_PAIRS) spare.push(generateKeyPair())
}

export async function generateKeyPair(): Promise<KeyPair> {
  if (!(await isNative())) return nobleKeyPair(x25519.utils.randomSecretKey())
  const { publicKey, privateKey } = (await crypto.subtle.generateKey(ALGORITHM, false, ['deriveBits'])) as CryptoKeyPair
  return nativeKeyPair(privateKey, new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))
}

/** Of 32 secret bytes. */
export async function keyPairOf(secretKey: Uint8Array): Promise<KeyPair> {
  if (!(await isNative())) return nobleKeyPair(secretKey)
  const privateKey = await nativePrivateKey('X25519', secretKey, 'deriveBits', true)
  return nativeKeyPair(privateKey, await nativePublicKey(privateKey))
}

export function nobleKeyPair(secretKey: Uint8Array): KeyPair {
  return {
    publicKey: x25519.getPublicKey(secretKey),
    agree: async ({ bytes }) => x25519.getSharedSecret(secretKey, bytes),
  }
}

function nativeKeyPair(privateKey: CryptoKey, publicKey: Uint8Array): KeyPair {
  return {
    publicKey,
    agree: async (remote) => {
      remote.imported ??= crypto.subtle.importKey('raw', remote.bytes as Uint8Array<ArrayBuffer>, ALGORITHM, false, [])
      const key = await remote.imported
      return new Uint8Array(await crypto.subtle.deriveBits({ ...ALGORITHM, public: key }, privateKey, 256))
    },
  }
}
