/**
 * Ring signal: how is what two say of a link written in a few hundred bytes? To bytes and back, without behaviour. What
 * a stranger sends is read to an object or to undefined; nothing throws.
 *
 *   signal       what u8, session 8 bytes, number u8, received u32, then
 *     0 nothing  –              only tells what has arrived
 *     1 offer    description, candidates
 *     2 answer   description, candidates
 *     3 candidates  candidates
 *     4 end      reason u8
 *
 *   number       of this sender's signals of the session, from 0; 255: not counted, and not to be acknowledged
 *   received     bit n: the far end's signal n has arrived
 *   description  ufrag text, pwd text, hash u8, fingerprint bytes, setup u8, SCTP port u16, largest message u32 u32
 *   candidates   count u8, candidate…
 *   candidate    foundation text, component u8 (less one), protocol u8, type u8, TCP type u8 (0: none), priority u32,
 *                host text, port u16, related host text (empty: none), related port u16 after u8 (0: none)
 *
 * Texts and big-endian numbers as in overlay/wire.ts; words by their places in the lists below. Append only.
 */
import { ByteReader, ByteWriter } from '../overlay/bytes.ts'
import type { IceCandidate, SessionDescription } from '../ports.ts'
import { JINGLE_REASONS, type JingleReason } from './jingle-reason.ts'
import type { JingleStanza } from './jingle-xml.ts'

/** With the longest names allowed below, an offer with so many stays within what the ring carries as one signal. */
export const MAX_CANDIDATES_PER_SIGNAL = 16
/** Of one side of a session: an offer, and 64 candidates one by one in batches. */
export const MAX_NUMBERED = 32
const UNNUMBERED = 255

const WHATS = ['nothing', 'session-initiate', 'session-accept', 'transport-info', 'session-terminate'] as const
const HASHES = ['sha-256', 'sha-384', 'sha-512'] as const
const HASH_BYTES = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 } as const // RFC 8122 §5.
const SETUPS = ['actpass', 'active', 'passive'] as const
const PROTOCOLS = ['udp', 'tcp'] as const
const TYPES = ['host', 'srflx', 'prflx', 'relay'] as const
const TCP_TYPES = ['active', 'passive', 'so'] as const

const UFRAG = /^[A-Za-z0-9+/]{4,256}$/ // RFC 8839 §5.4.
const PWD = /^[A-Za-z0-9+/]{22,256}$/
const FOUNDATION = /^[A-Za-z0-9+/]{1,32}$/ // RFC 8839 §5.1.
const MAX_FOUNDATION = 32
const HOST = /^[A-Za-z0-9.:-]{1,64}$/ // An address has at most 45 characters, the name that mDNS hides one behind 42.
const MAX_HOST = 64
const MAX_CREDENTIAL = 256

/** What of Jingle is said through the ring. */
export type Saying = Exclude<JingleStanza, { action: 'session-info' }>

export type RingSignal = {
  /** 16 hex digits. */
  session: string
  /** Undefined for what is sent once and not acknowledged. */
  number: number | undefined
  received: number
  /** Undefined when it only tells what has arrived. */
  saying: Saying | undefined
}

/** Candidates that cannot be written are left out; more than MAX_CANDIDATES_PER_SIGNAL must not be given. */
export function encodeSignal({ session, number = UNNUMBERED, received, saying }: RingSignal): Uint8Array {
  const writer = new ByteWriter(512).u8(WHATS.indexOf(saying?.action ?? 'nothing'))
  writer.u32(Number.parseInt(session.slice(0, 8), 16)).u32(Number.parseInt(session.slice(8), 16))
  writer.u8(number).u32(received)
  switch (saying?.action) {
    case 'session-initiate':
    case 'session-accept':
      writeDescription(writer, saying.description)
      writeCandidates(writer, saying.candidates)
      break
    case 'transport-info':
      writeCandidates(writer, saying.candidates)
      break
    case 'session-terminate':
      writer.u8(JINGLE_REASONS.indexOf(saying.reason))
      break
    case undefined:
      break
  }
  return writer.finish()
}

export function decodeSignal(bytes: Uint8Array): RingSignal | undefined {
  const reader = new ByteReader(bytes)
  const what = WHATS[reader.u8()]
  const session = hex(reader.u32()) + hex(reader.u32())
  const number = reader.u8()
  const received = reader.u32()
  if (what === undefined || (number >= MAX_NUMBERED && number !== UNNUMBERED)) return undefined
  const saying = readSaying(what, session, reader)
  if (saying === null || !reader.complete) return undefined
  return { session, number: number === UNNUMBERED ? undefined : number, received, saying }
}

/** Null for what cannot be read. */
function readSaying(what: (typeof WHATS)[number], sid: string, reader: ByteReader): Saying | undefined | null {
  switch (what) {
    case 'nothing':
      return undefined
    case 'session-initiate':
    case 'session-accept': {
      const description = readDescription(reader)
      const candidates = readCandidates(reader)
      return description && candidates ? { action: what, sid, description, candidates, unreadable: 0 } : null
    }
    case 'transport-info': {
      const candidates = readCandidates(reader)
      return candidates ? { action: what, sid, candidates, unreadable: 0 } : null
    }
    case 'session-terminate': {
      const reason: JingleReason = JINGLE_REASONS[reader.u8()] ?? 'general-error'
      return { action: what, sid, reason }
    }
  }
}

function writeDescription(writer: ByteWriter, description: SessionDescription): void {
  const { ufrag, pwd, fingerprint, setup, sctpPort, maxMessageSize } = description
  writer
    .text(ufrag)
    .text(pwd)
    .u8(HASHES.indexOf(fingerprint.hash as never))
  for (const byte of fingerprint.value.split(':')) writer.u8(Number.parseInt(byte, 16))
  writer.u8(SETUPS.indexOf(setup)).u16(sctpPort)
  writer.u32(Math.floor(maxMessageSize / 2 ** 32)).u32(maxMessageSize % 2 ** 32)
}

function readDescription(reader: ByteReader): SessionDescription | undefined {
  const ufrag = reader.text(MAX_CREDENTIAL)
  const pwd = reader.text(MAX_CREDENTIAL)
  const hash = HASHES[reader.u8()]
  if (hash === undefined) return undefined
  const bytes = Array.from({ length: HASH_BYTES[hash] }, () => reader.u8().toString(16).padStart(2, '0'))
  const fingerprint = { hash, value: bytes.join(':').toUpperCase() }
  const setup = SETUPS[reader.u8()]
  const sctpPort = reader.u16()
  const maxMessageSize = reader.u32() * 2 ** 32 + reader.u32()
  if (reader.failed || setup === undefined || !UFRAG.test(ufrag) || !PWD.test(pwd)) return undefined
  if (sctpPort === 0 || !Number.isSafeInteger(maxMessageSize)) return undefined
  return { ufrag, pwd, fingerprint, setup, sctpPort, maxMessageSize }
}

function writeCandidates(writer: ByteWriter, candidates: readonly IceCandidate[]): void {
  const written = candidates.filter(isWritable)
  if (written.length > MAX_CANDIDATES_PER_SIGNAL) throw new Error('A signal has room for fewer candidates.')
  writer.u8(written.length)
  for (const candidate of written) {
    const { foundation, component, protocol, priority, ip, port, type } = candidate
    writer
      .text(foundation)
      .u8(component - 1)
      .u8(PROTOCOLS.indexOf(protocol))
      .u8(TYPES.indexOf(type))
    writer.u8(candidate.tcpType === undefined ? 0 : TCP_TYPES.indexOf(candidate.tcpType) + 1)
    writer
      .u32(priority)
      .text(ip)
      .u16(port)
      .text(candidate.relatedAddress ?? '')
    if (candidate.relatedPort === undefined) writer.u8(0)
    else writer.u8(1).u16(candidate.relatedPort)
  }
}

function isWritable({ foundation, ip, relatedAddress }: IceCandidate): boolean {
  return FOUNDATION.test(foundation) && HOST.test(ip) && (relatedAddress === undefined || HOST.test(relatedAddress))
}

function readCandidates(reader: ByteReader): IceCandidate[] | undefined {
  const count = reader.u8()
  if (count > MAX_CANDIDATES_PER_SIGNAL) return undefined
  const candidates: IceCandidate[] = []
  for (let index = 0; index < count; index++) {
    const candidate = readCandidate(reader)
    if (!candidate) return undefined
    candidates.push(candidate)
  }
  return candidates
}

function readCandidate(reader: ByteReader): IceCandidate | undefined {
  const foundation = reader.text(MAX_FOUNDATION)
  const component = reader.u8() + 1
  const protocol = PROTOCOLS[reader.u8()]
  const type = TYPES[reader.u8()]
  const tcp = reader.u8()
  const tcpType = TCP_TYPES[tcp - 1]
  const priority = reader.u32()
  const ip = reader.text(MAX_HOST)
  const port = reader.u16()
  const relatedAddress = reader.text(MAX_HOST)
  const hasRelatedPort = reader.u8() !== 0
  const relatedPort = hasRelatedPort ? reader.u16() : undefined
  if (reader.failed || protocol === undefined || type === undefined || port === 0) return undefined
  if (!FOUNDATION.test(foundation) || !HOST.test(ip)) return undefined
  if (relatedAddress !== '' && !HOST.test(relatedAddress)) return undefined
  if ((tcp !== 0 && tcpType === undefined) || (protocol === 'tcp') !== (tcpType !== undefined)) return undefined
  return {
    foundation,
    component,
    protocol,
    priority,
    ip,
    port,
    type,
    ...(relatedAddress === '' ? {} : { relatedAddress }),
    ...(relatedPort === undefined ? {} : { relatedPort }),
    ...(tcpType === undefined ? {} : { tcpType }),
  }
}

function hex(u32: number): string {
  return u32.toString(16).padStart(8, '0')
}
