/**
 * User data: does a frame carry what an application says, or what keeps the ring? Looked up in the bytes, since a frame
 * that is only passed on is never read as a whole; see the tables in wire.ts.
 */
import { ADDRESS_BYTES } from './address.ts'
import { BODIES, FRAMES, PACKET_HEADER_BYTES, TUNNEL_KINDS } from './wire.ts'

const DATA = FRAMES.indexOf('data')
const PACKET = FRAMES.indexOf('packet')
const TUNNEL = FRAMES.indexOf('tunnel')
const BULK = TUNNEL_KINDS.indexOf('bulk')
const DATA_BODY = BODIES.indexOf('data')
const SEALED_BODY = BODIES.indexOf('sealed')
const FORWARD_BODY = BODIES.indexOf('forward')
/** After type, mode, hops and ttl. */
const BODY_OFFSET = 4
/** Type, kind, dialler, session and two addresses. */
export const TUNNEL_HEADER_BYTES = 7 + 2 * ADDRESS_BYTES
/** A packet to be forwarded is the deepest that there is; one more does no harm. */
const MAX_WRAPPINGS = 2
/** What a sealed acknowledgement has as its payload; the smallest message has more. As `EndSession` and wire.ts have it. */
const MAX_SEALED_ANSWER_BYTES = 35

export function isUserData(frame: Uint8Array): boolean {
  let at = 0
  for (let wrappings = 0; wrappings <= MAX_WRAPPINGS; wrappings++) {
    const type = frame[at]
    if (type === DATA) return true
    if (type === TUNNEL) return frame[at + 1] === BULK
    if (type !== PACKET) return false
    const body = frame[at + BODY_OFFSET]
    if (body === SEALED_BODY) return frame.length - at - PACKET_HEADER_BYTES > MAX_SEALED_ANSWER_BYTES
    if (body !== FORWARD_BODY) return body === DATA_BODY
    at += PACKET_HEADER_BYTES
  }
  return false
}
