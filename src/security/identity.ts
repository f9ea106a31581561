/**
 * Identity: one secret, from which follow the key that proves who we are on each link, the key that signs what we say to
 * all, and our address. Nobody chooses an address, and nobody speaks for another's.
 *
 * The signing key is of Ed25519, and the key of the links is its Montgomery form (RFC 7748 §4.1), so that either leads to
 * the address.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { type Address, nodeAddress } from '../overlay/address.ts'
import { type KeyPair, keyPairOf, PUBLIC_KEY_BYTES } from './key-pair.ts'
import { type Signer, signerOfSeed, signingKeyOfSeed } from './signer.ts'

export const SEED_BYTES = 32
export const SIGNATURE_BYTES = 64
const ADDRESS_BYTES = 20

export type Identity = {
  readonly address: Address
  readonly keyPair: KeyPair
  /** 32 bytes; who has them can check what we have signed, and that it is ours. */
  readonly signingKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
  /** The same, later and for less. */
  signSoon: Signer
}

/** Of 32 random bytes that nobody else may ever know. */
export async function identityOf(seed: Uint8Array): Promise<Identity> {
  const [keyPair, signingKey] = await Promise.all([
    keyPairOf(ed25519.utils.toMontgomerySecret(seed)),
    signingKeyOfSeed(seed),
  ])
  return {
    address: addressOf(keyPair.publicKey),
    keyPair,
    signingKey,
    sign: (message) => ed25519.sign(message, seed),
    signSoon: signerOfSeed(seed),
  }
}

/** The first 160 bits of the key's SHA-256, made even. */
export function addressOf(publicKey: Uint8Array): Address {
  return nodeAddress(sha256(publicKey).subarray(0, ADDRESS_BYTES))
}

/** Whose signing key this is; undefined where it is none. */
export function signerOf(signingKey: Uint8Array): Address | undefined {
  if (signingKey.length !== PUBLIC_KEY_BYTES) return undefined
  try {
    return addressOf(ed25519.utils.toMontgomery(signingKey))
  } catch {
    return undefined
  }
}

export function isSignedBy(signingKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, signingKey, { zip215: false })
  } catch {
    return false
  }
}
