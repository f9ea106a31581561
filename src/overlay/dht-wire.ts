/**
 * What nodes say to each other of the DHT: the payloads of packets whose body is `dht`. Numbers are the protocol: append
 * only. Records are written as dht-record.ts has it.
 *
 *   no name     fields                                                          sent to
 *   0  put      id u32, flags u8 (1 create), record                             the key, greedy
 *   1  get      id u32, flags u8 (1 local), key address, after tag              the key, greedy; local: a node, exact
 *   2  done     id u32, outcome u8                                              who has put, or copied
 *   3  values   id u32, flags u8 (1 there are more), count u8, record…          who has asked
 *   4  copy     id u32, count u8, record…                                       a node that is to hold them, too
 *   5  compare  id u32, count u16, (key address, tag, version u48)…             a node that should hold the same
 *   6  wants    id u32, count u16, (index u16)…                                 who has compared
 *
 *   tag = 13 hex digits as 7 bytes, the first digit 0
 */
import type { Address } from './address.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { type DhtRecord, readRecord, writeRecord } from './dht-record.ts'
import { MAX_PAGE_RECORDS } from './dht-store.ts'

export const DHT_KINDS = ['put', 'get', 'done', 'values', 'copy', 'compare', 'wants'] as const
export type DhtKind = (typeof DHT_KINDS)[number]
/** `taken`: another's value is there; the others say what the node that is nearest to the key lacks, or minds. */
export const DHT_OUTCOMES = [
  'stored',
  'taken',
  'full',
  'too-many-values',
  'older',
  'not-proved',
  'share-used-up',
  'elsewhere',
] as const
export type DhtOutcome = (typeof DHT_OUTCOMES)[number]

/** What is compared at once: as much as a packet of moderate size holds. A guess. */
export const MAX_COMPARED = 512
const TAG_DIGITS = 13
export const NO_TAG = ''

/** A record without its value. */
export type Held = { key: Address; tag: string; version: number }

export type DhtMessage =
  | { kind: 'put'; id: number; create: boolean; record: DhtRecord }
  | { kind: 'get'; id: number; local: boolean; key: Address; after: string }
  | { kind: 'done'; id: number; outcome: DhtOutcome }
  | { kind: 'values'; id: number; more: boolean; records: DhtRecord[] }
  | { kind: 'copy'; id: number; records: DhtRecord[] }
  | { kind: 'compare'; id: number; held: Held[] }
  | { kind: 'wants'; id: number; indices: number[] }

/** What answers a request. */
export type DhtReply = Extract<DhtMessage, { kind: 'done' | 'values' | 'wants' }>

export function encodeDhtMessage(message: DhtMessage): Uint8Array {
  const writer = new ByteWriter(256).u8(DHT_KINDS.indexOf(message.kind)).u32(message.id)
  switch (message.kind) {
    case 'put':
      writeRecord(writer.u8(message.create ? 1 : 0), message.record)
      break
    case 'get':
      writeTag(writer.u8(message.local ? 1 : 0).address(message.key), message.after)
      break
    case 'done':
      writer.u8(DHT_OUTCOMES.indexOf(message.outcome))
      break
    case 'values':
      writer.u8(message.more ? 1 : 0)
      writeRecords(writer, message.records)
      break
    case 'copy':
      writeRecords(writer, message.records)
      break
    case 'compare':
      writer.u16(message.held.length)
      for (const { key, tag, version } of message.held) {
        writeTag(writer.address(key), tag)
          .u16(Math.floor(version / 2 ** 32))
          .u32(version >>> 0)
      }
      break
    case 'wants':
      writer.u16(message.indices.length)
      for (const index of message.indices) writer.u16(index)
      break
  }
  return writer.finish()
}

/** Undefined for anything that is not exactly one message. Never throws. */
export function decodeDhtMessage(bytes: Uint8Array): DhtMessage | undefined {
  const reader = new ByteReader(bytes)
  const kind = DHT_KINDS[reader.u8()]
  const id = reader.u32()
  const message = kind && !reader.failed ? readMessage(kind, id, reader) : undefined
  return message && reader.complete ? message : undefined
}

function readMessage(kind: DhtMessage['kind'], id: number, reader: ByteReader): DhtMessage | undefined {
  switch (kind) {
    case 'put': {
      const create = readFlag(reader)
      return { kind, id, create, record: readRecord(reader) }
    }
    case 'get': {
      const local = readFlag(reader)
      const key = reader.nodeAddress()
      return { kind, id, local, key, after: readTag(reader) }
    }
    case 'done': {
      const outcome = DHT_OUTCOMES[reader.u8()]
      return outcome && { kind, id, outcome }
    }
    case 'values': {
      const more = readFlag(reader)
      return { kind, id, more, records: readRecords(reader) }
    }
    case 'copy':
      return { kind, id, records: readRecords(reader) }
    case 'compare':
      return { kind, id, held: readList(reader, readHeld) }
    case 'wants':
      return { kind, id, indices: readList(reader, () => reader.u16()) }
  }
}

function writeRecords(writer: ByteWriter, records: readonly DhtRecord[]): void {
  writer.u8(records.length)
  for (const record of records) writeRecord(writer, record)
}

function readRecords(reader: ByteReader): DhtRecord[] {
  const count = reader.u8()
  if (count > MAX_PAGE_RECORDS) reader.failed = true
  const records: DhtRecord[] = []
  for (let index = 0; index < count && !reader.failed; index++) records.push(readRecord(reader))
  return records
}

function readHeld(reader: ByteReader): Held {
  const key = reader.nodeAddress()
  const tag = readTag(reader)
  return { key, tag, version: reader.u16() * 2 ** 32 + reader.u32() }
}

function readList<Item>(reader: ByteReader, read: (reader: ByteReader) => Item): Item[] {
  const count = reader.u16()
  if (count > MAX_COMPARED) reader.failed = true
  const items: Item[] = []
  for (let index = 0; index < count && !reader.failed; index++) items.push(read(reader))
  return items
}

function writeTag(writer: ByteWriter, tag: string): ByteWriter {
  const digits = tag.padStart(TAG_DIGITS + 1, '0')
  for (let index = 0; index < digits.length; index += 2) writer.u8(Number.parseInt(digits.slice(index, index + 2), 16))
  return writer
}

function readFlag(reader: ByteReader): boolean {
  const flag = reader.u8()
  if (flag > 1) reader.failed = true
  return flag === 1
}

/** Zeros are no tag: what comes first comes after it. */
function readTag(reader: ByteReader): string {
  let digits = ''
  for (let index = 0; index < (TAG_DIGITS + 1) / 2; index++) digits += reader.u8().toString(16).padStart(2, '0')
  if (digits[0] !== '0') reader.failed = true
  const tag = digits.slice(1)
  return /^0*$/.test(tag) ? NO_TAG : tag
}
