/**
 * DHT record: one value under a key, for as long as its lease runs. A key holds any number of free values, which are told
 * apart by their bytes, and one bound value of each writer, told apart by who that is. Only the writer can replace or
 * withdraw what is bound to it.
 *
 * Leases travel as the time that is left of them, as nodes share no clock. What the way takes nobody knows: each way
 * shortens a lease by more than a way takes, so that nobody serves what has run out.
 *
 *   record = key address, flags u8 (1 bound, 2 withdrawn), [writer address, proof u8 length, proof], version u48,
 *            time left u32 (milliseconds), value u16 length, value
 */
import type { Address } from './address.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

/** So that a page of several, or one with its headers, is still one frame. */
export const MAX_VALUE_BYTES = 16_384
/** A public key and a signature, with room to spare. */
export const MAX_PROOF_BYTES = 192
/** A day: who is still there by then renews it. A guess. */
export const MAX_LEASE_MS = 86_400_000
/** Longer than a way through the ring takes, relays on it included. A guess. */
export const WAY_MS = 1_000

const BOUND = 1
const WITHDRAWN = 2

/** Who alone may replace or withdraw a value, and what shows that it was that node who wrote this. */
export type Binding = { writer: Address; proof: Uint8Array }

export type DhtRecord = {
  key: Address
  /** Of one that is withdrawn: none. */
  value: Uint8Array
  bound: Binding | undefined
  /** Of a bound value the later wins; each lease of a free one has its own. 48 bits. */
  version: number
  /** Remembered for as long as the lease would have run, so that no copy brings the value back. */
  withdrawn: boolean
  /** What is left of the lease. */
  leftMs: number
}

/** Two records of one key with the same identity are the same value, at different times. */
export function identityOf({ bound, value }: Pick<DhtRecord, 'bound' | 'value'>): string {
  return bound ? `writer ${bound.writer}` : `value ${String.fromCharCode(...value)}`
}

/**
 * Of an identity, 52 bits as 13 hex digits: what it is paged and compared by. Two free values with the same are very
 * unlikely, and who makes them so on purpose hides them only from itself.
 */
export function tagOf(identity: string): string {
  let low = 0x811c9dc5
  let high = 0x1b873593
  for (let index = 0; index < identity.length; index++) {
    const code = identity.charCodeAt(index)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ (code + index), 0x85ebca6b)
    high ^= high >>> 13
  }
  low ^= high >>> 15
  return (low >>> 0).toString(16).padStart(8, '0') + ((high >>> 0) & 0xfffff).toString(16).padStart(5, '0')
}

export function writeRecord(writer: ByteWriter, record: DhtRecord): void {
  const { key, bound, version, withdrawn, value } = record
  writer.address(key).u8((bound ? BOUND : 0) | (withdrawn ? WITHDRAWN : 0))
  if (bound) writer.address(bound.writer).u8(bound.proof.length).raw(bound.proof)
  writer.u16(Math.floor(version / 2 ** 32)).u32(version >>> 0)
  writer.u32(Math.max(0, Math.floor(record.leftMs)))
  writer.u16(value.length).raw(value)
}

/** Fails the reader for what no honest node writes. The value is a copy: what it came in need not be kept. */
export function readRecord(reader: ByteReader): DhtRecord {
  const key = reader.nodeAddress()
  const flags = reader.u8()
  if (flags > (BOUND | WITHDRAWN)) reader.failed = true
  const bound = flags & BOUND ? readBinding(reader) : undefined
  const version = reader.u16() * 2 ** 32 + reader.u32()
  const leftMs = reader.u32()
  const value = readBytes(reader, reader.u16(), MAX_VALUE_BYTES)
  const withdrawn = (flags & WITHDRAWN) !== 0
  if (leftMs > MAX_LEASE_MS || (withdrawn && (!bound || value.length > 0))) reader.failed = true
  return { key, value, bound, version, withdrawn, leftMs }
}

function readBinding(reader: ByteReader): Binding {
  const writer = reader.nodeAddress()
  return { writer, proof: readBytes(reader, reader.u8(), MAX_PROOF_BYTES) }
}

function readBytes(reader: ByteReader, length: number, max: number): Uint8Array {
  if (length > max) reader.failed = true
  return reader.failed ? new Uint8Array() : reader.bytesOf(length)
}
