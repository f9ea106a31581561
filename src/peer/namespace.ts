/** Namespace: what the outside sees of an overlay's name and secret is one hash; the name itself leaves nobody's page. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { OvertureError } from '../overture-error.ts'

/** The paper hashes the name so that a resource stays below 1 023 bytes; this only keeps names sane. */
export const MAX_NAMESPACE_LENGTH = 256
export const MAX_SECRET_LENGTH = 256
const HASH_DIGITS = 40
const PURPOSE = 'overture namespace 0'

/** 40 hex digits. Throws an OvertureError for a name or secret that cannot be used. */
export function namespaceHash(namespace: string, secret = ''): string {
  if (namespace.length === 0) throw OvertureError.badNamespace('it is empty')
  if (namespace.length > MAX_NAMESPACE_LENGTH) throw OvertureError.badNamespace('it is too long')
  if (secret.length > MAX_SECRET_LENGTH) throw OvertureError.badNamespace('its secret is too long')
  const parts = [PURPOSE, namespace, secret].map((part) => `${part.length}:${part}`)
  return bytesToHex(sha256(utf8ToBytes(parts.join('')))).slice(0, HASH_DIGITS)
}
