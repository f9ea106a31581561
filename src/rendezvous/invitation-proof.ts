/**
 * Who holds the link that an invitation came in? Says so without showing it: HMAC-SHA-256 (RFC 2104) over who says it and
 * to whom, under a key that only those have who know the token. A proof is good for one direction between these two only,
 * so whoever overhears it, such as a server on the way, can do nothing with it but say the same again.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

export type Invitation = {
  /** The account that invites, as a bare JID. */
  inviter: string
  /** Known to those only whom the inviter has given the link. */
  token: string
}

const PURPOSE = 'overture invitation 0'

/** `ask` goes from the newcomer to the inviter, `answer` the other way. 64 hex digits. */
export function invitationProof(
  { inviter, token }: Invitation,
  namespaceHash: string,
  newcomer: string,
  says: 'ask' | 'answer',
): string {
  const key = hmac(sha256, utf8ToBytes(token), utf8ToBytes(joined(PURPOSE, namespaceHash)))
  return bytesToHex(hmac(sha256, key, utf8ToBytes(joined(says, newcomer.toLowerCase(), inviter.toLowerCase()))))
}

/** So that no two lists of parts become the same text. */
function joined(...parts: string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('')
}
