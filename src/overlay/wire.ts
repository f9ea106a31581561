/**
 * What nodes say to each other. Numbers are the protocol: append only.
 *
 * Frames travel over one channel, between two ends of a link:
 *
 *   no name     fields (u8, u16, u32 big-endian; address = 20 bytes; text = u16 length, UTF-8)       sent when
 *   0  start    version u8, namespace 20 bytes, attempt u32, incarnation u32, from address,          a channel opened that
 *               to address (zeros: whoever is there), endpoints, status                              we dialled
 *   1  accept   attempt u32, incarnation u32, from address, endpoints, status                        start was good
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
 *   12 links   count u8, address…                          ring links that our status does not name, seconds after a change
 *
 *   endpoints = count u8, text…                status = roles u8, flags u8 (1 hidden), size u16, count u8, address…
 *
 * Packets travel through the ring, by mode: 0 greedy, 1 annealing, 2 exact, 3 path, 4 last (what they mean stands in
 * routing.ts); the source is a node, the destination any place, or a direction. Their payloads by body:
 *
 *   0  request  id u32, via address (zeros: none), method u8, arguments     method 0 connect: role u8, endpoints
 *   1  reply    id u32, result                                              connect: endpoints, status, full u8
 *   2  forward  a whole packet frame, to be routed on from here
 *   3  data     stream u32, sequence u32, ack-stream u32, ack u32, content u8, content
 *   4  ack      ack-stream u32, ack u32
 *   5  reset    stream u32
 *
 *   content 0 message: bytes      content 1 broadcast: origin address, id u32, after address (zeros: the receiver's),
 *                                                      until address, bytes
 */
import type { Address } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Endpoint } from './endpoint.ts'
import { ALL_ROLES, type RoleBits } from './role.ts'
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
  MAX_LINKS,
  readAddresses,
  readEndpoints,
  readStatus,
  type Status,
  writeAddresses,
  writeEndpoints,
  writeStatus,
} from './wire-fields.ts'

export { type Content, decodeStreamData, type StreamData } from './stream-data.ts'
export { MAX_ENDPOINTS, MAX_LINKS, MAX_NEIGHBOURS, type Status } from './wire-fields.ts'

export const WIRE_VERSION = 0
/** A type byte, four bytes of header and two addresses. */
export const PACKET_HEADER_BYTES = 45

const REFUSALS = ['wrong-version', 'wrong-namespace', 'wrong-target', 'self', 'leaving', 'full'] as const
export type Refusal = (typeof REFUSALS)[number]

const MODES = ['greedy', 'annealing', 'exact', 'path', 'last'] as const
export type Mode = (typeof MODES)[number]

const BODIES = ['request', 'reply', 'forward', 'data', 'ack', 'reset'] as const
export type Body = (typeof BODIES)[number]

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

export type Frame =
  | Start
  | Accept
  | { type: 'confirm'; attempt: number }
  | { type: 'refuse'; attempt: number; code: Refusal }
  | { type: 'status'; status: Status }
  | { type: 'ping'; nonce: number }
  | { type: 'pong'; nonce: number }
  | { type: 'retire'; unused: boolean }
  | { type: 'goodbye' }
  | { type: 'endpoints'; endpoints: Endpoint[] }
  | { type: 'data'; data: StreamData }
  | { type: 'links'; links: Address[] }
  | Packet

const FRAMES = [
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
  'links',
] as const
/** Where a packet's hop count stands, so that it can be forwarded without being encoded again. */
export const HOPS_OFFSET = 2

const PACKET = FRAMES.indexOf('packet')
const DATA = FRAMES.indexOf('data')
const EXACT = MODES.indexOf('exact')
const DATA_BODY = BODIES.indexOf('data')

export const NOBODY = '0'.repeat(40) as Address

export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new ByteWriter(frame.type === 'packet' ? PACKET_HEADER_BYTES + frame.payload.length : 128)
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
    case 'ping':
    case 'pong':
      writer.u32(frame.nonce)
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
      writeAddresses(writer, frame.links, MAX_LINKS)
      break
    case 'data': {
      const encoded = encodeForStream(frame.data.content, (bytes) => new Uint8Array(bytes))
      return asDataFrame(encoded, frame.data)
    }
    case 'packet':
      writer.u8(MODES.indexOf(frame.mode)).u8(frame.hops).u8(frame.ttl).u8(BODIES.indexOf(frame.body))
      writer.address(frame.source).address(frame.destination).raw(frame.payload)
      break
  }
  return writer.finish()
}

/** Undefined for anything that is not exactly one frame. Never throws. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes[0] === DATA) {
    const data = decodeStreamData(bytes, 1)
    return data && { type: 'data', data }
  }
  const reader = new ByteReader(bytes)
  const type = FRAMES[reader.u8()]
  const frame = type && type !== 'data' && !reader.failed ? readFrame(type, reader) : undefined
  return frame && reader.complete ? frame : undefined
}

function readFrame(type: Exclude<Frame['type'], 'data'>, reader: ByteReader): Frame | undefined {
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
    case 'ping':
    case 'pong':
      return { type, nonce: reader.u32() }
    case 'retire':
      return { type, unused: reader.u8() === 1 }
    case 'goodbye':
      return { type }
    case 'endpoints':
      return { type, endpoints: readEndpoints(reader) }
    case 'links':
      return { type, links: readAddresses(reader, MAX_LINKS) }
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

export type Request = {
  id: number
  /** Through whom the reply must go, for a requester that is not in the ring yet. */
  via: Address | undefined
  method: 'connect'
  role: RoleBits
  endpoints: Endpoint[]
}

export type Reply = {
  id: number
  endpoints: Endpoint[]
  status: Status
  /** Has as many links of this role as it bears, and does not dial. */
  full: boolean
}

export type StreamAck = { ackStream: number; ack: number }

const CONNECT = 0

export function encodeRequest(request: Request): Uint8Array {
  const writer = new ByteWriter()
    .u32(request.id)
    .address(request.via ?? NOBODY)
    .u8(CONNECT)
    .u8(request.role)
  writeEndpoints(writer, request.endpoints)
  return writer.finish()
}

export function decodeRequest(payload: Uint8Array): Request | undefined {
  const reader = new ByteReader(payload)
  const id = reader.u32()
  const via = reader.nodeAddress()
  const method = reader.u8()
  const role = (reader.u8() & ALL_ROLES) as RoleBits
  const endpoints = readEndpoints(reader)
  if (!reader.complete || method !== CONNECT) return undefined
  return { id, via: via === NOBODY ? undefined : via, method: 'connect', role, endpoints }
}

export function encodeReply(reply: Reply): Uint8Array {
  const writer = new ByteWriter().u32(reply.id)
  writeEndpoints(writer, reply.endpoints)
  writeStatus(writer, reply.status)
  writer.u8(reply.full ? 1 : 0)
  return writer.finish()
}

export function decodeReply(payload: Uint8Array): Reply | undefined {
  const reader = new ByteReader(payload)
  const reply = {
    id: reader.u32(),
    endpoints: readEndpoints(reader),
    status: readStatus(reader),
    full: reader.u8() === 1,
  }
  return reader.complete ? reply : undefined
}

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

export function encodeStreamAck(ack: StreamAck): Uint8Array {
  return new ByteWriter(8).u32(ack.ackStream).u32(ack.ack).finish()
}

export function decodeStreamAck(payload: Uint8Array): StreamAck | undefined {
  const reader = new ByteReader(payload)
  const ack = { ackStream: reader.u32(), ack: reader.u32() }
  return reader.complete ? ack : undefined
}

export function encodeReset(stream: number): Uint8Array {
  return new ByteWriter(4).u32(stream).finish()
}

export function decodeReset(payload: Uint8Array): number | undefined {
  return payload.length === 4 ? new ByteReader(payload).u32() : undefined
}
