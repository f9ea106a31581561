/**
 * DTLS binding: what both ends of an RTCPeerConnection know alike of it, if nobody in between has put in a session of its
 * own: both fingerprints, by which DTLS knows the ends (RFC 8122), and both ICE sessions, each as this end has it.
 *
 * It is made of what was said, not of what the RTCPeerConnection tells: in Chromium a busy page hears that its data
 * channel is open before it can read the remote description (measured: one link in forty of ten tabs that join at once).
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { SessionDescription } from '../ports.ts'

export function bindingOf(offer: SessionDescription, answer: SessionDescription): Uint8Array {
  return utf8ToBytes(`${endOf(offer)} ${endOf(answer)}`)
}

function endOf({ fingerprint, ufrag }: SessionDescription): string {
  return `${fingerprint.hash} ${fingerprint.value} ${ufrag}`
}
