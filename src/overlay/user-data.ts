/**
 * User data: does a frame carry what an application says, or what keeps the ring? Looked up in the bytes, since a frame
 * that is only passed on is never read as a whole; see the tables in wire.ts.
 */
import { ADDRESS_BYTES } from './address.ts'
import { BODIES, FRAMES, PACKET_HEADER_BYTES } from './wire.ts'

const DATA = FRAMES.indexOf('data')
const PACKET = FRAMES.indexOf('packet')
const TUNNEL = FRAMES.indexOf('tunnel')
const DATA_BODY = BODIES.indexOf('data')
const SEALED_BODY = BODIES.indexOf('sealed')
const FORWARD_BODY = BODIES.indexOf('forward')
/** After type, mode, hops and ttl. */
const BODY_OFFSET = 4
/** Type, kind, dialler, session and two addresses. */
const TUNNEL_HEADER_BYTES = 7 + 2 * ADDRESS_BYTES
/** What a sealed acknowledgement has as its payload; the smallest message has more. As `Sealer` and wire.ts have it. */
const MAX_SEALED_ANSWER_BYTES = 35
/** A packet to be forwarded by the far end of a tunnel is the deepest that there is. */
const MAX_WRAPPINGS = 3

export function isUserData(frame: Uint8Array): boolean {
  let at = 0
  for (let wrappings = 0; wrappings <= MAX_WRAPPINGS; wrappings++) {
    const type = frame[at]
    if (type === DATA) return true
    if (type === TUNNEL) at += TUNNEL_HEADER_BYTES
    else if (type !== PACKET) return false
    else if (frame[at + BODY_OFFSET] === FORWARD_BODY) at += PACKET_HEADER_BYTES
    else if (frame[at + BODY_OFFSET] === SEALED_BODY) {
      return frame.length - at - PACKET_HEADER_BYTES > MAX_SEALED_ANSWER_BYTES
    } else return frame[at + BODY_OFFSET] === DATA_BODY
  }
  return false
}
