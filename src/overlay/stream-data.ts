/**
 * StreamData: one message of a stream, as bytes; see the table in wire.ts. Read and written in place, without a cursor,
 * since all that applications send and receive passes here.
 */
import { ADDRESS_BYTES, type Address, addressFromBytes, classOf, writeAddress } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { NOBODY } from './wire-fields.ts'

export type Content =
  | { type: 'message'; data: Uint8Array }
  /** What an overlay within this one says. */
  | { type: 'inner'; data: Uint8Array }
  | {
      type: 'broadcast'
      origin: Address
      id: number
      /** The arc begins after this address; after the receiver's own if undefined. */
      after: Address | undefined
      until: Address
      data: Uint8Array
    }

export type StreamHead = { stream: number; sequence: number; ackStream: number; ack: number }
export type StreamData = StreamHead & { content: Content }

const MESSAGE = 0
const BROADCAST = 1
const INNER = 2
const HEAD_BYTES = 16
/** The head, and what kind of content follows. */
const MESSAGE_BYTES = HEAD_BYTES + 1
/** Where the fields of a broadcast stand in its head. */
const ORIGIN = 0
const ID = ADDRESS_BYTES
const AFTER = ID + 4
const UNTIL = AFTER + ADDRESS_BYTES
const BROADCAST_HEAD_BYTES = UNTIL + ADDRESS_BYTES

/** How many bytes it takes with its head. */
export function streamDataBytes(content: Content): number {
  return MESSAGE_BYTES + (content.type === 'broadcast' ? BROADCAST_HEAD_BYTES : 0) + content.data.length
}

export function writeStreamHead(head: StreamHead, into: Uint8Array, offset: number): void {
  writeU32(head.stream, into, offset)
  writeU32(head.sequence, into, offset + 4)
  writeU32(head.ackStream, into, offset + 8)
  writeU32(head.ack, into, offset + 12)
}

/** Leaves room for the head. */
export function writeStreamContent(content: Content, into: Uint8Array, offset: number): void {
  if (content.type !== 'broadcast') {
    into[offset + HEAD_BYTES] = content.type === 'message' ? MESSAGE : INNER
    into.set(content.data, offset + MESSAGE_BYTES)
    return
  }
  into[offset + HEAD_BYTES] = BROADCAST
  const start = offset + MESSAGE_BYTES
  writeAddress(content.origin, into, start + ORIGIN)
  writeU32(content.id, into, start + ID)
  writeAddress(content.after ?? NOBODY, into, start + AFTER)
  writeAddress(content.until, into, start + UNTIL)
  into.set(content.data, start + BROADCAST_HEAD_BYTES)
}

/** The data are a view of the bytes. Undefined for what is no message of a stream; never throws. */
export function decodeStreamData(bytes: Uint8Array, offset = 0): StreamData | undefined {
  const kind = bytes[offset + HEAD_BYTES]
  if (kind === undefined || kind > INNER) return undefined
  const content: Content | undefined =
    kind === BROADCAST
      ? readBroadcast(bytes, offset + MESSAGE_BYTES)
      : { type: kind === MESSAGE ? 'message' : 'inner', data: bytes.subarray(offset + MESSAGE_BYTES) }
  return (
    content && {
      stream: readU32(bytes, offset),
      sequence: readU32(bytes, offset + 4),
      ackStream: readU32(bytes, offset + 8),
      ack: readU32(bytes, offset + 12),
      content,
    }
  )
}

function readBroadcast(bytes: Uint8Array, offset: number): Content | undefined {
  if (bytes.length < offset + BROADCAST_HEAD_BYTES) return undefined
  const origin = addressFromBytes(bytes, offset + ORIGIN)
  const id = readU32(bytes, offset + ID)
  const after = addressFromBytes(bytes, offset + AFTER)
  const until = addressFromBytes(bytes, offset + UNTIL)
  if ([origin, after, until].some((address) => classOf(address) !== 0)) return undefined
  const data = bytes.subarray(offset + BROADCAST_HEAD_BYTES)
  return { type: 'broadcast', origin, id, after: after === NOBODY ? undefined : after, until, data }
}

export type StreamAck = { ackStream: number; ack: number }

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

function writeU32(value: number, into: Uint8Array, offset: number): void {
  into[offset] = value >>> 24
  into[offset + 1] = value >>> 16
  into[offset + 2] = value >>> 8
  into[offset + 3] = value
}

function readU32(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number)
  const low = ((bytes[offset + 2] as number) << 8) | (bytes[offset + 3] as number)
  return high * 65_536 + low
}
