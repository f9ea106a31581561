/**
 * DhtStore: the records that one node keeps, each until its lease ends. Bounded in number, in bytes, and in values of a
 * key; what is over a bound is refused, and who asked is told.
 */
import type { Address } from './address.ts'
import { type DhtRecord, identityOf, tagOf } from './dht-record.ts'

/** Guesses: what a tab can lend to others without anybody noticing. */
export const MAX_RECORDS = 4_096
export const MAX_STORED_BYTES = 4_194_304
/** A guess: a key is a meeting place of some dozens, not of thousands. */
export const MAX_VALUES_PER_KEY = 256
/** What a record takes beside its value. A guess. */
const RECORD_BYTES = 128
/** Of one answer: a page stays far below the size of a frame, though values be as large as they may. */
export const MAX_PAGE_RECORDS = 32
export const MAX_PAGE_BYTES = 32_768

export type Stored = {
  readonly key: Address
  readonly identity: string
  readonly tag: string
  record: DhtRecord
  /** By our own time. */
  endsAtMs: number
}

/** `new`: another value or lease than was there; `known`: nothing that was not; the rest say why it was not taken. */
export type StoreOutcome = 'new' | 'known' | 'older' | 'too-many-values' | 'full'

export class DhtStore {
  private readonly keys = new Map<Address, Map<string, Stored>>()
  private records = 0
  private bytes = 0

  get size(): number {
    return this.records
  }

  get byteLength(): number {
    return this.bytes
  }

  get keyCount(): number {
    return this.keys.size
  }

  *all(): IterableIterator<Stored> {
    for (const values of this.keys.values()) yield* values.values()
  }

  /** When the first lease ends, at the earliest; undefined where there is none. */
  earliestEndMs(): number | undefined {
    let earliest: number | undefined
    for (const { endsAtMs } of this.all()) if (earliest === undefined || endsAtMs < earliest) earliest = endsAtMs
    return earliest
  }

  /**
   * Of a bound value the later version stays. Of a free one every lease is as good, so the one that ends last stays. Of
   * one and the same lease nobody knows exactly what is left, so the least stays.
   */
  put(record: DhtRecord, nowMs: number): { outcome: StoreOutcome; stored: Stored | undefined } {
    const identity = identityOf(record)
    const endsAtMs = nowMs + record.leftMs
    const values = this.keys.get(record.key)
    const known = values?.get(identity)
    if (known && known.endsAtMs > nowMs) {
      const outcome = this.renew(known, record, endsAtMs)
      return { outcome, stored: known }
    }
    if (known) this.remove(known)
    const refusal = this.refusalFor(record, values?.size ?? 0)
    if (refusal) return { outcome: refusal, stored: undefined }
    const stored: Stored = { key: record.key, identity, tag: tagOf(identity), record, endsAtMs }
    const place = this.keys.get(record.key) ?? new Map<string, Stored>()
    this.keys.set(record.key, place.set(identity, stored))
    this.records++
    this.bytes += sizeOf(record)
    return { outcome: 'new', stored }
  }

  /** Those whose lease runs, withdrawn ones too, in the order of their tags, after this one. */
  of(key: Address, nowMs: number, after = ''): Stored[] {
    const live = [...(this.keys.get(key)?.values() ?? [])].filter((each) => each.endsAtMs > nowMs && each.tag > after)
    return live.sort((a, b) => (a.tag < b.tag ? -1 : 1))
  }

  remove(stored: Stored): void {
    const values = this.keys.get(stored.key)
    if (values?.get(stored.identity) !== stored) return
    values.delete(stored.identity)
    if (values.size === 0) this.keys.delete(stored.key)
    this.records--
    this.bytes -= sizeOf(stored.record)
  }

  expire(nowMs: number): void {
    for (const stored of this.all()) if (stored.endsAtMs <= nowMs) this.remove(stored)
  }

  private renew(known: Stored, record: DhtRecord, endsAtMs: number): StoreOutcome {
    const { record: before } = known
    if (record.version === before.version) {
      known.endsAtMs = Math.min(known.endsAtMs, endsAtMs)
      return 'known'
    }
    const isLater = record.bound ? record.version > before.version : endsAtMs > known.endsAtMs
    if (!isLater) return 'older'
    const grown = sizeOf(record) - sizeOf(before)
    if (this.bytes + grown > MAX_STORED_BYTES) return 'full'
    this.bytes += grown
    known.record = record
    known.endsAtMs = endsAtMs
    return 'new'
  }

  private refusalFor(record: DhtRecord, values: number): 'too-many-values' | 'full' | undefined {
    if (values >= MAX_VALUES_PER_KEY) return 'too-many-values'
    const isFull = this.records >= MAX_RECORDS || this.bytes + sizeOf(record) > MAX_STORED_BYTES
    return isFull ? 'full' : undefined
  }
}

/** As it is at this moment: with what is left of its lease. */
export function recordOf({ record, endsAtMs }: Stored, nowMs: number): DhtRecord {
  return { ...record, leftMs: endsAtMs - nowMs }
}

function sizeOf({ value, bound }: DhtRecord): number {
  return RECORD_BYTES + value.length + (bound?.proof.length ?? 0)
}
