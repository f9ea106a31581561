/**
 * DTLS binding: what both ends of an RTCPeerConnection know alike of it, if nobody in between has put in a session of its
 * own: both fingerprints, by which DTLS knows the ends (RFC 8122), and both ICE sessions, each as this end has it.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { parseSdp } from './session-description.ts'

type Described = Pick<RTCPeerConnection, 'localDescription' | 'remoteDescription'>

/** `incoming`: whether the far end made the offer. Undefined while not both are described. */
export function bindingOf(connection: Described, incoming: boolean): Uint8Array | undefined {
  const own = endOf(connection.localDescription)
  const far = endOf(connection.remoteDescription)
  if (own === undefined || far === undefined) return undefined
  return utf8ToBytes(incoming ? `${far} ${own}` : `${own} ${far}`)
}

function endOf(description: RTCSessionDescription | null): string | undefined {
  const facts = description ? parseSdp(description.sdp) : undefined
  return facts && `${facts.fingerprint.hash} ${facts.fingerprint.value} ${facts.ufrag}`
}
