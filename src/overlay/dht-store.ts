/**
 * DhtStore: the records that one node keeps, each until its lease ends. Bounded in number, in bytes, and in values of a
 * key; what is over a bound is refused, and who asked is told.
 */
import type { Address } from './address.ts'
import { type DhtRecord, identityOf, tagOf } from './dht-record.ts'

/** Guesses: what a tab can lend to others without anybody noticing. */
export const MAX_RECORDS = 4_096
export const MAX_STORED_BYTES = 8_388_608
/** A guess: a key is a meeting place of some dozens, not of thousands. */
export const MAX_VALUES_PER_KEY = 256
/** What a record takes beside its value. A guess. */
const RECORD_BYTES = 128
/** A way that was slow beyond all bounds. A guess. */
const DOUBT_MS = 10_000
/** Of one answer: a page stays far below the size of a frame, though values be as large as they may. */
export const MAX_PAGE_RECORDS = 32
export const MAX_PAGE_BYTES = 32_768

/** Of the records and of the bytes, what one may give: more than one is needed to fill a store. A guess. */
export const SHARE = 1 / 2

/** Who says to give something, whose word may be false, and over whose link it came; and how much each of them may give. */
export type Source = { readonly givers: readonly Address[]; readonly share: number }
const OURS: Source = { givers: [], share: 1 }

export type StoreLimits = { records: number; bytes: number; valuesPerKey: number }
const LIMITS: StoreLimits = { records: MAX_RECORDS, bytes: MAX_STORED_BYTES, valuesPerKey: MAX_VALUES_PER_KEY }

export type Stored = {
  readonly key: Address
  readonly identity: string
  readonly tag: string
  /** Of its first lease here. */
  readonly source: Source
  record: DhtRecord
  /** By our own time. */
  endsAtMs: number
  /** As it was said first of this lease. */
  saidEndMs: number
}

/** `new`: another value or lease than was there; `known`: nothing that was not; the rest say why it was not taken. */
export type StoreOutcome = 'new' | 'known' | 'older' | 'too-many-values' | 'full' | 'share-used-up'

type Usage = { records: number; bytes: number }

export class DhtStore {
  private readonly keys = new Map<Address, Map<string, Stored>>()
  private readonly limits: StoreLimits
  private records = 0
  private bytes = 0
  /** What is here of each that has given us something. */
  private readonly given = new Map<Address, Usage>()

  constructor(limits = LIMITS) {
    this.limits = limits
  }

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

  /** Whether this very lease is here. */
  has(record: DhtRecord, nowMs: number): boolean {
    const known = this.keys.get(record.key)?.get(identityOf(record))
    return known !== undefined && known.endsAtMs > nowMs && known.record.version === record.version
  }

  /**
   * Of a bound value the later version stays. Of a free one every lease is as good, so the one that ends last stays. Of
   * one and the same lease nobody knows exactly what is left, so the least stays; but nobody's word cuts it by more than
   * ways can make a difference, or any reader could end what it has read by putting it again for a moment.
   */
  put(record: DhtRecord, nowMs: number, source = OURS): { outcome: StoreOutcome; stored: Stored | undefined } {
    if (record.leftMs <= 0) return { outcome: 'older', stored: undefined }
    const identity = identityOf(record)
    const endsAtMs = nowMs + record.leftMs
    const values = this.keys.get(record.key)
    const known = values?.get(identity)
    if (known && known.endsAtMs > nowMs) {
      const outcome = this.renew(known, record, nowMs)
      return { outcome, stored: known }
    }
    if (known) this.remove(known)
    const refusal = this.refusalFor(record, nowMs, source)
    if (refusal) return { outcome: refusal, stored: undefined }
    const stored: Stored = {
      key: record.key,
      identity,
      tag: tagOf(identity),
      source,
      record,
      endsAtMs,
      saidEndMs: endsAtMs,
    }
    const place = this.keys.get(record.key) ?? new Map<string, Stored>()
    this.keys.set(record.key, place.set(identity, stored))
    this.account(source, 1, sizeOf(record))
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
    this.account(stored.source, -1, -sizeOf(stored.record))
  }

  expire(nowMs: number): void {
    for (const stored of this.all()) if (stored.endsAtMs <= nowMs) this.remove(stored)
  }

  private renew(known: Stored, record: DhtRecord, nowMs: number): StoreOutcome {
    const { record: before } = known
    const endsAtMs = nowMs + record.leftMs
    if (record.version === before.version) {
      known.endsAtMs = Math.max(known.saidEndMs - DOUBT_MS, Math.min(known.endsAtMs, endsAtMs))
      return 'known'
    }
    const isLater = record.bound ? record.version > before.version : endsAtMs > known.endsAtMs
    if (!isLater) return 'older'
    const grown = sizeOf(record) - sizeOf(before)
    const refusal = grown > 0 ? this.roomRefusal(0, grown, nowMs, known.source) : undefined
    if (refusal) return refusal
    this.account(known.source, 0, grown)
    known.record = record
    known.endsAtMs = endsAtMs
    known.saidEndMs = endsAtMs
    return 'new'
  }

  private refusalFor(record: DhtRecord, nowMs: number, source: Source): StoreOutcome | undefined {
    if ((this.keys.get(record.key)?.size ?? 0) >= this.limits.valuesPerKey) {
      // Those whose lease has ended may be here still, and take nobody's place.
      for (const stored of this.keys.get(record.key)?.values() ?? []) if (stored.endsAtMs <= nowMs) this.remove(stored)
      if ((this.keys.get(record.key)?.size ?? 0) >= this.limits.valuesPerKey) return 'too-many-values'
    }
    return this.roomRefusal(1, sizeOf(record), nowMs, source)
  }

  private roomRefusal(records: number, bytes: number, nowMs: number, { givers, share }: Source) {
    const refusal = () => {
      const { limits } = this
      if (this.records + records > limits.records || this.bytes + bytes > limits.bytes) return 'full'
      const isUsedUp = givers.some((giver) => {
        const given = this.given.get(giver) ?? { records: 0, bytes: 0 }
        return given.records + records > limits.records * share || given.bytes + bytes > limits.bytes * share
      })
      return isUsedUp ? 'share-used-up' : undefined
    }
    if (!refusal()) return undefined
    this.expire(nowMs)
    return refusal()
  }

  private account({ givers }: Source, records: number, bytes: number): void {
    this.records += records
    this.bytes += bytes
    for (const giver of givers) {
      const given = this.given.get(giver) ?? { records: 0, bytes: 0 }
      given.records += records
      given.bytes += bytes
      if (given.records > 0) this.given.set(giver, given)
      else this.given.delete(giver)
    }
  }
}

/** As it is at this moment: with what is left of its lease. */
export function recordOf({ record, endsAtMs }: Stored, nowMs: number): DhtRecord {
  return { ...record, leftMs: endsAtMs - nowMs }
}

function sizeOf({ value, bound }: DhtRecord): number {
  return RECORD_BYTES + value.length + (bound?.proof.length ?? 0)
}
