/**
 * What nodes say to each other. Numbers are the protocol: append only.
 *
 * Frames travel over one channel, between two ends of a link:
 *
 *   no name     fields (u8, u16, u32 big-endian; address = 20 bytes; text = u16 length, UTF-8)       sent when
 *   0  start    version u8, namespace 20 bytes, attempt u32, incarnation u32, from address,          a channel opened that
 *               to address (zeros: whoever is there), endpoints, status                              we dialled
 *   1  accept   attempt u32, incarnation u32, from address, endpoints, status                        start, or a proof
 *   2  confirm  attempt u32                                                                          accept was good
 *   3  refuse   attempt u32, code u8                                                                 start was not
 *   4  status   status                                                                               roles or neighbours changed
 *   5  ping     nonce u32                                                                            silence, or doubt
 *   6  pong     nonce u32                                                                            ping
 *   7  retire   unused u8                               nothing follows on this channel: another carries the link (0),
 *                                                       or nobody needs the link any more (1)
 *   8  goodbye  –                                                                                    the node leaves
 *   9  packet   mode u8, hops u8, ttl u8, body u8, source address, destination address, payload      routed traffic
 *   10 endpoints  endpoints                           where we can be dialled has changed
 *   11 data    as in packet body 3                                                                   for this far end itself
 *   12 tunnel  kind u8 (0 frame, 1 close, 2 bulk frame), dialler u8 (1: from dialled), session u32,  for `to`, which we
 *              from address, to address, frame                                                       cannot reach
 *   13 no-tunnel  to address                                                                         we cannot either
 *   14 forwarders  wanted u8 (1: answer with yours), addresses                                       for tunnels to us
 *   15 links   addresses                               ring links that our status does not name, seconds after a change
 *
 *   addresses = count u8, address…
 *   endpoints = count u8, text…                status = roles u8, flags u8 (1 hidden), size u16, count u8, address…
 *
 * Packets travel through the ring, by mode: 0 greedy, 1 annealing, 2 exact, 3 path, 4 last (what they mean stands in
 * routing.ts); the source is a node, the destination any place, or a direction. Their payloads by body:
 *
 *   0  request  id u32, via address (zeros: none), method u8, arguments
 *                 method 0 connect: role u8, endpoints, addresses (forwarders); 1 find: nothing
 *   1  reply    id u32, result
 *                 connect: endpoints, status, addresses (forwarders), full u8
 *   2  forward  a whole packet frame, to be routed on from here
 *   3  data     stream u32, sequence u32, ack-stream u32, ack u32, content u8, content
 *   4  ack      ack-stream u32, ack u32
 *   5  reset    stream u32
 *   6  signal   bytes, which mean nothing to the core   7  sealed   3, 4 or 5 for the destination alone: sealed-packets.ts   8  dht: dht-wire.ts
 *
 *   content 0 message: bytes      content 1 broadcast: origin address, id u32, after address (zeros: the receiver's),
 *                                                      until address, bytes    content 2 inner: as message
 */
import { ADDRESS_BYTES, type Address } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Endpoint } from './endpoint.ts'
import { decodeSignOfLife, encodeSignOfLife, isSignOfLife, type SignOfLife } from './sign-of-life.ts'
import {
  type Content,
  decodeStreamData,
  type StreamData,
  type StreamHead,
  streamDataBytes,
  writeStreamContent,
  writeStreamHead,
} from './stream-data.ts'
import {
  NOBODY,
  readAddresses,
  readEndpoints,
  readStatus,
  type Status,
  writeAddresses,
  writeEndpoints,
  writeStatus,
} from './wire-fields.ts'

export {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type Reply,
  type Request,
} from './connect-payload.ts'
export {
  type Content,
  decodeReset,
  decodeStreamAck,
  decodeStreamData,
  encodeReset,
  encodeStreamAck,
  type StreamAck,
  type StreamData,
} from './stream-data.ts'
export { MAX_ADDRESSES, MAX_ENDPOINTS, MAX_NEIGHBOURS, type Status } from './wire-fields.ts'

export const WIRE_VERSION = 0
/** A type byte, four bytes of header and two addresses. */
export const PACKET_HEADER_BYTES = 45

export const REFUSALS = [
  'wrong-version',
  'wrong-namespace',
  'wrong-target',
  'self',
  'leaving',
  'full',
  'forged-address',
] as const
export type Refusal = (typeof REFUSALS)[number]

const MODES = ['greedy', 'annealing', 'exact', 'path', 'last'] as const
export type Mode = (typeof MODES)[number]

export const BODIES = ['request', 'reply', 'forward', 'data', 'ack', 'reset', 'signal', 'sealed', 'dht'] as const
export type Body = (typeof BODIES)[number]
export const TUNNEL_KINDS = ['frame', 'close', 'bulk'] as const

export type Packet = {
  type: 'packet'
  mode: Mode
  hops: number
  ttl: number
  body: Body
  source: Address
  destination: Address
  payload: Uint8Array
}

/** What a sender says of its packet; without a ttl it gets one by the ring's size. */
export type Outbound = Omit<Packet, 'type' | 'hops' | 'ttl' | 'source'> & { ttl?: number }

export type Start = {
  type: 'start'
  version: number
  namespace: string
  attempt: number
  incarnation: number
  from: Address
  to: Address | undefined
  endpoints: Endpoint[]
  status: Status
}

export type Accept = {
  type: 'accept'
  attempt: number
  incarnation: number
  from: Address
  endpoints: Endpoint[]
  status: Status
}

export type TunnelFrame = {
  type: 'tunnel'
  /** Bulk is what applications say. Who passes it on cannot see that in what may be sealed. */
  kind: (typeof TUNNEL_KINDS)[number]
  /** Whether `from` dialled the session; with its number it names the session at either end. */
  fromDialler: boolean
  session: number
  from: Address
  to: Address
  payload: Uint8Array
}

export type Frame =
  | Start
  | Accept
  | { type: 'confirm'; attempt: number }
  | { type: 'refuse'; attempt: number; code: Refusal }
  | { type: 'status'; status: Status }
  | SignOfLife
  | { type: 'retire'; unused: boolean }
  | { type: 'goodbye' }
  | { type: 'endpoints'; endpoints: Endpoint[] }
  | { type: 'data'; data: StreamData }
  | TunnelFrame
  | { type: 'no-tunnel'; to: Address }
  | { type: 'forwarders'; wanted: boolean; addresses: Address[] }
  | { type: 'links'; links: Address[] }
  | Packet

export const FRAMES = [
  'start',
  'accept',
  'confirm',
  'refuse',
  'status',
  'ping',
  'pong',
  'retire',
  'goodbye',
  'packet',
  'endpoints',
  'data',
  'tunnel',
  'no-tunnel',
  'forwarders',
  'links',
] as const
/** Where a packet's hop count stands, so that it can be forwarded without being encoded again. */
export const HOPS_OFFSET = 2

const PACKET = FRAMES.indexOf('packet')
const DATA = FRAMES.indexOf('data')
const EXACT = MODES.indexOf('exact')
const DATA_BODY = BODIES.indexOf('data')

export function encodeFrame(frame: Frame): Uint8Array {
  if (frame.type === 'ping' || frame.type === 'pong') return encodeSignOfLife(frame)
  const writer = new ByteWriter(roomFor(frame))
  writer.u8(FRAMES.indexOf(frame.type))
  switch (frame.type) {
    case 'start':
      writer
        .u8(frame.version)
        .address(frame.namespace as Address)
        .u32(frame.attempt)
        .u32(frame.incarnation)
      writer.address(frame.from).address(frame.to ?? NOBODY)
      writeEndpoints(writer, frame.endpoints)
      writeStatus(writer, frame.status)
      break
    case 'accept':
      writer.u32(frame.attempt).u32(frame.incarnation).address(frame.from)
      writeEndpoints(writer, frame.endpoints)
      writeStatus(writer, frame.status)
      break
    case 'confirm':
      writer.u32(frame.attempt)
      break
    case 'refuse':
      writer.u32(frame.attempt).u8(REFUSALS.indexOf(frame.code))
      break
    case 'status':
      writeStatus(writer, frame.status)
      break
    case 'retire':
      writer.u8(frame.unused ? 1 : 0)
      break
    case 'goodbye':
      break
    case 'endpoints':
      writeEndpoints(writer, frame.endpoints)
      break
    case 'links':
      writeAddresses(writer, frame.links)
      break
    case 'data': {
      const encoded = encodeForStream(frame.data.content, (bytes) => new Uint8Array(bytes))
      return asDataFrame(encoded, frame.data)
    }
    case 'tunnel':
      writer
        .u8(TUNNEL_KINDS.indexOf(frame.kind))
        .u8(frame.fromDialler ? 1 : 0)
        .u32(frame.session)
        .address(frame.from)
        .address(frame.to)
        .raw(frame.payload)
      break
    case 'no-tunnel':
      writer.address(frame.to)
      break
    case 'forwarders':
      writer.u8(frame.wanted ? 1 : 0)
      writeAddresses(writer, frame.addresses)
      break
    case 'packet':
      writer.u8(MODES.indexOf(frame.mode)).u8(frame.hops).u8(frame.ttl).u8(BODIES.indexOf(frame.body))
      writer.address(frame.source).address(frame.destination).raw(frame.payload)
      break
  }
  return writer.finish()
}

/** Enough for most, exact for the most frequent: bytes that need not be copied again, and no more than there is to say. */
function roomFor(frame: Frame): number {
  switch (frame.type) {
    case 'packet':
      return PACKET_HEADER_BYTES + frame.payload.length
    case 'confirm':
      return 5
    case 'status':
      return 6 + ADDRESS_BYTES * frame.status.neighbours.length
    case 'start':
    case 'accept':
      return 384
    default:
      return 64
  }
}

/** Undefined for anything that is not exactly one frame. Never throws. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes[0] === DATA) {
    const data = decodeStreamData(bytes, 1)
    return data && { type: 'data', data }
  }
  if (isSignOfLife(bytes)) return decodeSignOfLife(bytes)
  const reader = new ByteReader(bytes)
  const type = FRAMES[reader.u8()]
  const hasFields = type && type !== 'data' && type !== 'ping' && type !== 'pong' && !reader.failed
  const frame = hasFields ? readFrame(type, reader) : undefined
  return frame && reader.complete ? frame : undefined
}

function readFrame(type: Exclude<Frame['type'], 'data' | 'ping' | 'pong'>, reader: ByteReader): Frame | undefined {
  switch (type) {
    case 'start': {
      const version = reader.u8()
      const namespace = reader.address()
      const attempt = reader.u32()
      const incarnation = reader.u32()
      const from = reader.nodeAddress()
      const to = reader.nodeAddress()
      const endpoints = readEndpoints(reader)
      const status = readStatus(reader)
      return {
        type,
        version,
        namespace,
        attempt,
        incarnation,
        from,
        to: to === NOBODY ? undefined : to,
        endpoints,
        status,
      }
    }
    case 'accept': {
      const attempt = reader.u32()
      const incarnation = reader.u32()
      const from = reader.nodeAddress()
      const endpoints = readEndpoints(reader)
      return { type, attempt, incarnation, from, endpoints, status: readStatus(reader) }
    }
    case 'confirm':
      return { type, attempt: reader.u32() }
    case 'refuse': {
      const attempt = reader.u32()
      const code = REFUSALS[reader.u8()]
      return code && { type, attempt, code }
    }
    case 'status':
      return { type, status: readStatus(reader) }
    case 'retire':
      return { type, unused: reader.u8() === 1 }
    case 'goodbye':
      return { type }
    case 'endpoints':
      return { type, endpoints: readEndpoints(reader) }
    case 'tunnel': {
      const kind = TUNNEL_KINDS[reader.u8()]
      const fromDialler = reader.u8() === 1
      const session = reader.u32()
      const from = reader.nodeAddress()
      const to = reader.nodeAddress()
      return kind && { type, kind, fromDialler, session, from, to, payload: reader.rest() }
    }
    case 'no-tunnel':
      return { type, to: reader.nodeAddress() }
    case 'forwarders': {
      const wanted = reader.u8() === 1
      return { type, wanted, addresses: readAddresses(reader) }
    }
    case 'links':
      return { type, links: readAddresses(reader) }
    case 'packet': {
      const mode = MODES[reader.u8()]
      const hops = reader.u8()
      const ttl = reader.u8()
      const body = BODIES[reader.u8()]
      const source = reader.nodeAddress()
      const destination = reader.address()
      return mode && body && { type, mode, hops, ttl, body, source, destination, payload: reader.rest() }
    }
  }
}

// ------------------------------------------------------------------------------------------ packet payloads

/** What is sent in bulk is copied once and never more: in front of the data there is room for either head. */
export function encodeForStream(content: Content, roomFor: (bytes: number) => Uint8Array): Uint8Array {
  const room = roomFor(PACKET_HEADER_BYTES + streamDataBytes(content))
  writeStreamContent(content, room, PACKET_HEADER_BYTES)
  return room
}

/** What `encodeForStream` made, as a frame for the far end of a link. */
export function asDataFrame(encoded: Uint8Array, head: StreamHead): Uint8Array {
  encoded[PACKET_HEADER_BYTES - 1] = DATA
  writeStreamHead(head, encoded, PACKET_HEADER_BYTES)
  return encoded.subarray(PACKET_HEADER_BYTES - 1)
}

/** What `encodeForStream` made, as a packet for a node that there is no link to. */
export function asDataPacket(
  encoded: Uint8Array,
  head: StreamHead,
  route: { source: Address; destination: Address; ttl: number },
): Uint8Array {
  const header = new ByteWriter(encoded).u8(PACKET).u8(EXACT).u8(0).u8(route.ttl).u8(DATA_BODY)
  header.address(route.source).address(route.destination)
  writeStreamHead(head, encoded, PACKET_HEADER_BYTES)
  return encoded
}
