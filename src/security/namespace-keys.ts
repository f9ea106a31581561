/**
 * Namespace keys: what follows from an overlay's name and secret. The outside sees one hash; members have keys that do not
 * follow from it. The name itself leaves nobody's page.
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { pbkdf2Async } from '@noble/hashes/pbkdf2.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { OvertureError } from '../overture-error.ts'

/** The paper hashes the name so that a resource stays below 1 023 bytes; this only keeps names sane. */
export const MAX_NAMESPACE_LENGTH = 256
export const MAX_SECRET_LENGTH = 256
const HASH_BYTES = 20
const KEY_BYTES = 32
const PURPOSE = 'overture namespace 1'
/** OWASP's password storage sheet of 2023, for this function. */
const STRETCH_ROUNDS = 600_000
/** 128 bits as base64url have 22 characters, of which 10 are different but for one in ten million. */
const RANDOM_SECRET = /^[A-Za-z0-9_-]{22,}$/
const RANDOM_VARIETY = 10

export type NamespaceKeys = {
  /** 40 hex digits: what the outside may know. */
  hash: string
  /** Who knows it is let in: 32 bytes. */
  psk: Uint8Array
  /** Makes and checks what members say to each other through others: 32 bytes each. */
  signalKey: Uint8Array
  broadcastKey: Uint8Array
  /** By which members find each other in a ring of others: 32 bytes. */
  lookupKey: Uint8Array
}

/**
 * Rejects with an OvertureError for a name or secret that cannot be used. A secret that looks as if people had made it up
 * is stretched, so that it cannot be guessed from the hash: some tenths of a second.
 */
export async function namespaceKeys(namespace: string, secret = ''): Promise<NamespaceKeys> {
  if (namespace.length === 0) throw OvertureError.badNamespace('it is empty')
  if (namespace.length > MAX_NAMESPACE_LENGTH) throw OvertureError.badNamespace('it is too long')
  if (secret.length > MAX_SECRET_LENGTH) throw OvertureError.badNamespace('its secret is too long')
  const salt = utf8ToBytes([PURPOSE, namespace].map((part) => `${part.length}:${part}`).join(''))
  const master = secret === '' || looksRandom(secret) ? utf8ToBytes(secret) : await stretched(secret, salt)
  const key = (purpose: string, length = KEY_BYTES) => hkdf(sha256, master, salt, utf8ToBytes(purpose), length)
  return {
    hash: bytesToHex(key('outside', HASH_BYTES)),
    psk: key('links'),
    signalKey: key('signals'),
    broadcastKey: key('broadcasts'),
    lookupKey: key('lookups'),
  }
}

function looksRandom(secret: string): boolean {
  return RANDOM_SECRET.test(secret) && new Set(secret).size >= RANDOM_VARIETY
}

async function stretched(secret: string, salt: Uint8Array): Promise<Uint8Array> {
  const password = utf8ToBytes(secret)
  // Only secure contexts have it; elsewhere it takes ten times as long.
  if (globalThis.crypto?.subtle === undefined) {
    return pbkdf2Async(sha256, password, salt, { c: STRETCH_ROUNDS, dkLen: KEY_BYTES })
  }
  const key = await crypto.subtle.importKey('raw', password as Uint8Array<ArrayBuffer>, 'PBKDF2', false, ['deriveBits'])
  const algorithm = {
    name: 'PBKDF2',
    hash: 'SHA-256',
    salt: salt as Uint8Array<ArrayBuffer>,
    iterations: STRETCH_ROUNDS,
  }
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 8 * KEY_BYTES))
}
