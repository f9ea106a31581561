/**
 * Member seal: what one end of a handshake says before it knows who is at the other, and only who knows the namespace's
 * secret can read. It is bound to all that both have said, so that it shows that its sender knows the secret, too, now.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { decryptAs, encryptAs } from './cipher-state.ts'

const PURPOSE = utf8ToBytes('overture member seal')
const NOTHING = new Uint8Array()

/** `hash`: of what both have said, and of no other handshake. */
export function sealForMembers(psk: Uint8Array, hash: Uint8Array, bytes: Uint8Array): Uint8Array {
  return encryptAs(keyOf(psk, hash), 0, bytes, NOTHING)
}

/** Undefined for what no member has sealed in this handshake; never throws. */
export function openAsMember(psk: Uint8Array, hash: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  return decryptAs(keyOf(psk, hash), 0, sealed, NOTHING)
}

/** Of one handshake, and used once: the secret is a key already, so one step makes another of it. */
function keyOf(psk: Uint8Array, hash: Uint8Array): Uint8Array {
  return hmac(sha256, psk, concatBytes(PURPOSE, hash))
}
