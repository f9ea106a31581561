/**
 * Values: what an application keeps in the ring. A lease that is to be kept is renewed at half of its time, for as long as we
 * live; what is not renewed runs out.
 *
 *   put --stored--> leased --half of the lease--> renewing --stored--> leased
 *                     |                              +-- not stored --> again soon, while the lease runs and after
 *                     +-- withdraw --> gone at once, where it is bound to us; else when the lease ends
 */
import { type Address, isNodeAddress } from '../overlay/address.ts'
import type { DhtFailure } from '../overlay/dht.ts'
import { type DhtRecord, identityOf, tagOf } from '../overlay/dht-record.ts'
import { OvertureError } from '../overture-error.ts'
import type { Clock } from '../ports.ts'
import type { Driver } from './driver.ts'
import type { SignedRecords } from './signed-records.ts'
import { cutUp, keyOf, MAX_VALUE_BYTES, type Pieces, putTogether, readHead } from './value-pieces.ts'

/** Guesses: a way through a ring and the copies take some seconds; who is away for a day has forgotten it. */
export const MIN_TTL_MS = 10_000
export const MAX_TTL_MS = 86_400_000
const TTL_MS = 600_000
/** A page at a time; more than a key holds are never asked for. */
const MAX_PAGES = 64
/** What is not stored is put again after so long, doubled each time, up to the last. */
const AGAIN_MS = [500, 1_000, 2_000, 5_000] as const
/** Leases kept at once. A guess: each is a message every half of its time. */
const MAX_KEPT = 1_024

export type PutOptions = {
  /** How long it stays after the last renewal. Default ten minutes; 10 s to one day. */
  ttlMs?: number
  /** Renew it for as long as we are in the ring. Default false. */
  keep?: boolean
  /** Only where no other value is under the key: else rejects with `value-taken`. */
  create?: boolean
  /** Nobody else can replace or withdraw it; a second put of ours under the key replaces it. */
  bound?: boolean
}

export type StoredValue = {
  value: Uint8Array
  /** Who has put it, where it is bound to that node. */
  writer: Address | undefined
  /** At least so much is left of its lease. */
  leftMs: number
}

export interface Lease {
  /** It is renewed no more, and, where it is bound to us, gone at once. */
  withdraw(): Promise<void>
}

export type ValuesFacts = {
  driver: Pick<Driver, 'put' | 'get'>
  signed: Pick<SignedRecords, 'bind' | 'check'>
  namespaceHash: string
  clock: Clock
  /** Versions go by it, so that whoever comes back with the same identity has later ones. */
  timeOfDayMs: () => number
}

export class Values {
  readonly dropped = new Map<string, number>()
  private readonly facts: ValuesFacts
  private readonly kept = new Set<() => void>()
  private lastVersion = 0
  private closed = false

  constructor(facts: ValuesFacts) {
    this.facts = facts
  }

  /** How many leases are kept. */
  get keptCount(): number {
    return this.kept.size
  }

  /** Rejects with an OvertureError: `value-too-large`, `bad-lease`, `value-taken`, `dht-full`, `unreachable`, `left`. */
  async put(key: string, value: Uint8Array, options: PutOptions = {}): Promise<Lease> {
    const { ttlMs = TTL_MS, keep = false, create = false, bound = false } = options
    if (this.closed) throw OvertureError.left()
    if (value.length > MAX_VALUE_BYTES) throw OvertureError.valueTooLarge(value.length, MAX_VALUE_BYTES)
    if (!(ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS)) throw OvertureError.badLease(ttlMs, MIN_TTL_MS, MAX_TTL_MS)
    if (keep && this.kept.size >= MAX_KEPT) throw OvertureError.dhtFull('this page keeps too many leases')
    const { namespaceHash } = this.facts
    const { head, pieces } = cutUp(namespaceHash, value)
    const place = keyOf(namespaceHash, key)
    const putAll = async (isFirst: boolean): Promise<DhtFailure | undefined> => {
      for (const piece of pieces) {
        const failure = await this.store(piece.key, piece.value, { ttlMs })
        if (failure) return failure
      }
      return this.store(place, head, { ttlMs, bound, create: create && isFirst })
    }
    const failure = await putAll(true)
    if (failure) throw errorOf(failure, key)
    const stop = keep ? this.keepUp(() => putAll(false), ttlMs) : () => {}
    return {
      withdraw: async () => {
        stop()
        if (bound) await this.store(place, new Uint8Array(), { ttlMs, bound, withdrawn: true })
      },
    }
  }

  /** Every live value under the key. Rejects with an OvertureError: `unreachable`, `left`. */
  async get(key: string): Promise<StoredValue[]> {
    const { namespaceHash } = this.facts
    const records = await this.under(keyOf(namespaceHash, key))
    if (!records) throw this.closed ? OvertureError.left() : OvertureError.valuesUnreachable(key)
    const values = await Promise.all(
      records.map(async ({ value: head, bound, leftMs }) => {
        const read = readHead(namespaceHash, head)
        const value = read instanceof Uint8Array || read === undefined ? read : await this.gather(read)
        if (value) return { value, writer: bound?.writer, leftMs }
        this.drop(read ? 'pieces missing' : 'unreadable')
        return undefined
      }),
    )
    return values.filter((each) => each !== undefined)
  }

  /** Keeps a small value under a key of 160 bits until what is returned is called. */
  keep(key: Address, value: Uint8Array, ttlMs: number): () => void {
    if (!isNodeAddress(key)) throw new Error('A key of the DHT is even.')
    return this.keepUp(() => this.store(key, value, { ttlMs }), ttlMs, 0)
  }

  /** All records under a key of 160 bits, or at least so many; undefined when nobody has answered. */
  async under(key: Address, atLeast = Number.POSITIVE_INFINITY): Promise<DhtRecord[] | undefined> {
    const records: DhtRecord[] = []
    let after = ''
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const page = await this.facts.driver.get(key, after)
      if (!page) return pages > 0 ? records : undefined
      const ours = page.records.filter((record) => record.key === key && !record.withdrawn)
      const proved = await this.facts.signed.check(ours)
      records.push(...ours.filter((_, index) => proved[index]))
      const last = page.records.at(-1)
      if (!page.more || !last || records.length >= atLeast) break
      after = tagOf(identityOf(last))
    }
    return records
  }

  close(): void {
    this.closed = true
    for (const stop of [...this.kept]) stop()
  }

  private async gather(pieces: Pieces): Promise<Uint8Array | undefined> {
    const found = await Promise.all(pieces.keys.map((key) => this.under(key)))
    return putTogether(
      pieces,
      found.map((records) => (records ?? []).map(({ value }) => value)),
    )
  }

  private async store(
    key: Address,
    value: Uint8Array,
    options: { ttlMs: number; bound?: boolean; create?: boolean; withdrawn?: boolean },
  ): Promise<DhtFailure | undefined> {
    const { ttlMs, bound = false, create = false, withdrawn = false } = options
    this.lastVersion = Math.max(this.lastVersion + 1, Math.floor(this.facts.timeOfDayMs()))
    const said = { key, value, version: this.lastVersion, withdrawn }
    const binding = bound ? await this.facts.signed.bind(said) : undefined
    return this.facts.driver.put({ ...said, bound: binding, leftMs: ttlMs }, create)
  }

  /** `firstMs`: until the first time; half of the lease unless given. */
  private keepUp(putAll: () => Promise<DhtFailure | undefined>, ttlMs: number, firstMs = ttlMs / 2): () => void {
    const { clock } = this.facts
    let cancel = () => {}
    let failures = 0
    const later = (ms: number) => {
      cancel = clock.wakeAt(clock.now() + ms, () => void renew())
    }
    const renew = async () => {
      const failure = await putAll()
      if (!this.kept.has(stop)) return
      if (failure) {
        this.drop(`not renewed: ${failure}`)
        later(AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)] as number)
      } else {
        failures = 0
        later(ttlMs / 2)
      }
    }
    const stop = () => {
      this.kept.delete(stop)
      cancel()
    }
    this.kept.add(stop)
    if (firstMs > 0) later(firstMs)
    else void renew()
    return stop
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

function errorOf(failure: DhtFailure, key: string): OvertureError {
  switch (failure) {
    case 'taken':
      return OvertureError.valueTaken(key)
    case 'full':
      return OvertureError.dhtFull('the nodes nearest to this key have no room')
    case 'share-used-up':
      return OvertureError.dhtFull('you hold as much there as one may')
    case 'too-many-values':
      return OvertureError.dhtFull('there are too many values under this key')
    case 'older':
      return OvertureError.dhtFull('a later value of this writer is there: its clock may be wrong')
    case 'elsewhere':
    case 'not-proved':
    case 'unreachable':
      return OvertureError.valuesUnreachable(key)
  }
}
