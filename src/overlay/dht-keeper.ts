/**
 * DhtKeeper: is each record held by as many nodes as it should be, and by the right ones?
 *
 *   record: ours alone --copied, answered--> held by all of its replicas --one is lost, or another comes nearer--> copied anew
 *
 * To who is new to us a record is not just copied: we compare first, as it may hold it, and each way takes time off a lease.
 *
 * The root of a key sees to it that all replicas hold its records, and who is next to the root that the root does: of two who
 * have just changed places one knows what the other lacks. What both have missed comes out when records are compared,
 * which the root does with each replica and each replica with the root, now and then. Who is no replica any more keeps
 * a record until the root has it.
 */
import type { Address } from './address.ts'
import { type DhtRecord, WAY_MS } from './dht-record.ts'
import { DhtReplicas, HELD_BEYOND } from './dht-replicas.ts'
import { type DhtStore, MAX_PAGE_BYTES, MAX_PAGE_RECORDS, recordOf, type Stored } from './dht-store.ts'
import { type DhtMessage, type DhtReply, encodeDhtMessage, type Held, MAX_COMPARED } from './dht-wire.ts'
import type { NodeCore } from './node-core.ts'
import type { Part } from './part-schedule.ts'
import type { Requests } from './requests.ts'

/** Links change in bursts, and each look goes over all records. A guess. */
const LOOK_MS = 100
/** Whom our neighbours name changes without a link of ours changing. A guess: often enough beside the time to a crash. */
const LOOK_AGAIN_MS = 10_000
const COMPARE_MS = 60_000 // A guess: a part of the time in which all replicas of a record may go, one after the other.
/** Who did not answer is passed over for so long. A guess: by then its neighbours know whether it is there. */
const SILENT_MS = 15_000
const MAX_SILENT = 256
/** A way that is slow each time stays so. A guess. */
const MAX_TIMES = 3
/** Who has put a record waits no longer for the others who are to hold it. A guess: one resend. */
const SAFE_MS = 2_500
const MAX_WAITING = 512

/** What is known of where a record is. Of all others nothing is, unless it is our own news. */
type Whereabouts = {
  version: number
  holders: Set<Address>
  lackers: Set<Address>
  decliners: Set<Address>
  isNews: boolean
}

type Waiting = { version: number; untilMs: number; done: () => void }

export class DhtKeeper implements Part {
  readonly replicas: DhtReplicas
  private readonly core: NodeCore
  private readonly store: DhtStore
  private readonly requests: Requests<DhtReply>
  private readonly whereabouts = new WeakMap<Stored, Whereabouts>()
  private readonly waiting = new Map<Stored, Waiting[]>()
  private waitingCount = 0
  private readonly silent = new Map<Address, number>()
  /** Whose answer we wait for: one at a time. */
  private readonly asked = new Set<Address>()
  private lookAtMs: number | undefined
  private compareAtMs: number | undefined

  constructor(core: NodeCore, store: DhtStore, requests: Requests<DhtReply>, shuns: (address: Address) => boolean) {
    this.core = core
    this.store = store
    this.requests = requests
    this.replicas = new DhtReplicas(core, (address) => shuns(address) || this.isSilent(address))
  }

  get deadlineMs(): number | undefined {
    const never = Number.POSITIVE_INFINITY
    let atMs = Math.min(this.lookAtMs ?? never, this.compareAtMs ?? never)
    for (const all of this.waiting.values()) for (const { untilMs } of all) atMs = Math.min(atMs, untilMs)
    return atMs === never ? undefined : atMs
  }

  /** To be called whenever those around us may have changed. */
  note(): void {
    if (this.store.size > 0)
      this.lookAtMs = Math.min(this.lookAtMs ?? Number.POSITIVE_INFINITY, this.core.nowMs + LOOK_MS)
  }

  /** A node is gone; should it come back it holds nothing. */
  lost(address: Address): void {
    for (const stored of this.store.all()) {
      const whereabouts = this.whereaboutsOf(stored)
      whereabouts.holders.delete(address)
      whereabouts.lackers.delete(address)
      whereabouts.decliners.delete(address)
      // By now others may have it from others.
      whereabouts.isNews = false
    }
    this.note()
  }

  /** The record was put here, or renewed, and so nobody else has it. `done`: once enough hold it for it to outlive us. */
  spread(stored: Stored, done?: () => void): void {
    this.whereaboutsOf(stored).isNews = true
    this.noteCompare()
    if (done) {
      if (this.waitingCount >= MAX_WAITING) done()
      else {
        const waiting = { version: stored.record.version, untilMs: this.core.nowMs + SAFE_MS, done }
        this.waiting.set(stored, [...(this.waiting.get(stored) ?? []), waiting])
        this.waitingCount++
      }
    }
    this.replicas.review()
    this.seeTo([stored])
    this.settle(stored)
  }

  /** The record is here, new or not, since another that holds it has given it to us. */
  given(stored: Stored, version: number, by: Address): void {
    if (stored.record.version === version) this.noteHolder(stored, by)
    this.noteCompare()
    this.note()
  }

  /** Which of what another holds is to be had from it. */
  lacking(held: readonly Held[]): number[] {
    const known = new Map<Address, Map<string, Stored>>()
    const versionHere = ({ key, tag }: Held) => {
      let values = known.get(key)
      if (!values) {
        values = new Map(this.store.of(key, this.core.nowMs).map((stored) => [stored.tag, stored]))
        known.set(key, values)
      }
      return values.get(tag)?.record
    }
    const indices: number[] = []
    held.forEach((each, index) => {
      const here = versionHere(each)
      const isOlder = here?.bound ? here.version < each.version : here?.version !== each.version
      if (isOlder) indices.push(index)
    })
    return indices
  }

  wake(): void {
    const { nowMs } = this.core
    for (const stored of [...this.waiting.keys()]) this.settle(stored)
    if (this.lookAtMs !== undefined && this.lookAtMs <= nowMs) {
      this.lookAtMs = undefined
      this.look()
    }
    if (this.compareAtMs !== undefined && this.compareAtMs <= nowMs) {
      this.compareAtMs = this.store.size > 0 ? nowMs + this.fuzzy(COMPARE_MS) : undefined
      this.compare()
    }
  }

  private look(): void {
    this.store.expire(this.core.nowMs)
    this.replicas.review()
    const all = [...this.store.all()]
    for (const stored of all) if (this.isOver(stored)) this.store.remove(stored)
    this.seeTo(all)
    if (this.store.size > 0) this.lookAtMs ??= this.core.nowMs + LOOK_AGAIN_MS
  }

  /** We are no replica, and who is the root has it. */
  private isOver(stored: Stored): boolean {
    const { address: self } = this.core.config
    const nearest = this.replicas.of(stored.key, HELD_BEYOND)
    const [root] = nearest
    return root !== undefined && !nearest.includes(self) && this.whereaboutsOf(stored).holders.has(root)
  }

  /** Goes on with each node that does not hold what it should, as far as we know. */
  private seeTo(all: Iterable<Stored>): void {
    for (const [address, list] of this.unsureOf(all)) {
      if (this.asked.has(address)) continue
      const lacking = list.filter((stored) => this.lacks(stored, address))
      if (lacking.length > 0) this.copy(address, firstPage(lacking))
      else this.compareWith(address, list)
    }
  }

  /** By whom should hold it and is not known to, as far as that is for us to see to. */
  private unsureOf(all: Iterable<Stored>): Map<Address, Stored[]> {
    const { address: self } = this.core.config
    const unsure = new Map<Address, Stored[]>()
    for (const stored of all) {
      const nearest = this.replicas.of(stored.key)
      const rank = nearest.indexOf(self)
      // Who is next to the root, or is no replica, sees to the root.
      const ours = rank === 0 ? nearest : rank === 1 || rank < 0 ? nearest.slice(0, 1) : []
      const { holders, decliners } = this.whereaboutsOf(stored)
      for (const address of ours) {
        if (address !== self && !holders.has(address) && !decliners.has(address)) addTo(unsure, address, stored)
      }
    }
    return unsure
  }

  private lacks(stored: Stored, address: Address): boolean {
    const { isNews, lackers } = this.whereaboutsOf(stored)
    return isNews || lackers.has(address)
  }

  /** Whose answer took longer than what is taken off the leases may have been given too much, and is told again. */
  private copy(address: Address, batch: readonly Stored[], times = 1): void {
    const versions = batch.map(({ record }) => record.version)
    const sentAtMs = this.core.nowMs
    this.ask(
      address,
      (id) => ({ kind: 'copy', id, records: batch.flatMap((stored) => this.travelling(stored)) }),
      (reply) => {
        const tookMs = this.core.nowMs - sentAtMs
        if (reply?.kind === 'done' && reply.outcome === 'elsewhere') {
          // It sees others than we do. Which of these it holds all the same comes out when we compare.
          for (const stored of batch) this.whereaboutsOf(stored).decliners.add(address)
        } else if (reply?.kind !== 'done' || reply.outcome !== 'stored') this.noteSilent(address)
        else {
          batch.forEach((stored, index) => {
            if (stored.record.version === versions[index]) this.noteHolder(stored, address)
          })
          if (tookMs > WAY_MS && times < MAX_TIMES) this.copy(address, batch, times + 1)
        }
        for (const stored of batch) this.settle(stored)
      },
    )
  }

  private compareWith(address: Address, list: readonly Stored[]): void {
    const all = this.someOf(list)
    const held = all.map(({ key, tag, record: { version } }) => ({ key, tag, version }))
    this.ask(
      address,
      (id) => ({ kind: 'compare', id, held }),
      (reply) => {
        if (reply?.kind !== 'wants') {
          this.noteSilent(address)
          return
        }
        const wanted = new Set(reply.indices)
        all.forEach((stored, index) => {
          if (stored.record.version !== held[index]?.version) return
          if (wanted.has(index)) this.noteLacker(stored, address)
          else this.noteHolder(stored, address)
        })
      },
    )
  }

  /** With the root, or with all replicas where that is us: even who is known to hold it may not. */
  private compare(): void {
    const { address: self } = this.core.config
    const byNode = new Map<Address, Stored[]>()
    this.store.expire(this.core.nowMs)
    this.replicas.review()
    for (const stored of this.store.all()) {
      const nearest = this.replicas.of(stored.key)
      for (const address of nearest[0] === self ? nearest.slice(1) : nearest.slice(0, 1)) {
        addTo(byNode, address, stored)
      }
    }
    for (const [address, all] of byNode) if (!this.asked.has(address)) this.compareWith(address, all)
  }

  /** Of more than can be compared at once others each time. */
  private someOf(all: readonly Stored[]): readonly Stored[] {
    if (all.length <= MAX_COMPARED) return all
    const start = Math.floor(this.core.random() * all.length)
    return [...all.slice(start), ...all.slice(0, start)].slice(0, MAX_COMPARED)
  }

  private ask(to: Address, message: (id: number) => DhtMessage, done: (reply: DhtReply | undefined) => void): void {
    this.asked.add(to)
    this.requests.ask(
      this.core.nowMs,
      (id) => {
        const payload = encodeDhtMessage(message(id))
        this.core.sendPacket({ mode: 'exact', body: 'dht', destination: to, payload })
      },
      (reply) => {
        this.asked.delete(to)
        done(reply)
        this.note()
      },
    )
  }

  /** None of a lease that would be over on arrival. */
  private travelling(stored: Stored): DhtRecord[] {
    return travelling(recordOf(stored, this.core.nowMs))
  }

  private settle(stored: Stored): void {
    const all = this.waiting.get(stored)
    if (!all) return
    const { address: self } = this.core.config
    const others = this.replicas.of(stored.key).filter((address) => address !== self)
    const { holders } = this.whereaboutsOf(stored)
    const held = others.filter((address) => holders.has(address)).length
    const isSafe = held >= Math.min(others.length, Math.floor(this.replicas.count / 2))
    const left = all.filter(({ version, untilMs }) => {
      return !(isSafe || version !== stored.record.version || untilMs <= this.core.nowMs)
    })
    this.waitingCount -= all.length - left.length
    if (left.length > 0) this.waiting.set(stored, left)
    else this.waiting.delete(stored)
    for (const each of all) if (!left.includes(each)) each.done()
  }

  private whereaboutsOf(stored: Stored): Whereabouts {
    const { version } = stored.record
    let known = this.whereabouts.get(stored)
    if (known?.version !== version) {
      known = { version, holders: new Set(), lackers: new Set(), decliners: new Set(), isNews: false }
      this.whereabouts.set(stored, known)
    }
    return known
  }

  private noteHolder(stored: Stored, address: Address): void {
    const { holders, lackers } = this.whereaboutsOf(stored)
    holders.add(address)
    lackers.delete(address)
  }

  private noteLacker(stored: Stored, address: Address): void {
    const { holders, lackers, decliners } = this.whereaboutsOf(stored)
    lackers.add(address)
    holders.delete(address)
    decliners.delete(address)
  }

  private noteCompare(): void {
    this.compareAtMs ??= this.core.nowMs + this.fuzzy(COMPARE_MS)
  }

  private isSilent(address: Address): boolean {
    const untilMs = this.silent.get(address)
    return untilMs !== undefined && untilMs > this.core.nowMs
  }

  private noteSilent(address: Address): void {
    this.core.count('dht: no answer')
    this.silent.delete(address)
    this.silent.set(address, this.core.nowMs + SILENT_MS)
    const [oldest] = this.silent.keys()
    if (this.silent.size > MAX_SILENT && oldest !== undefined) this.silent.delete(oldest)
  }

  private fuzzy(ms: number): number {
    return ms * (0.5 + this.core.random())
  }
}

/** A record as it is sent: what the way takes is taken off its lease. */
export function travelling(record: DhtRecord): DhtRecord[] {
  const leftMs = record.leftMs - WAY_MS
  return leftMs > 0 ? [{ ...record, leftMs }] : []
}

function addTo(lists: Map<Address, Stored[]>, address: Address, stored: Stored): void {
  const list = lists.get(address)
  if (list) list.push(stored)
  else lists.set(address, [stored])
}

/** As many as one message may hold. */
export function firstPage(all: readonly Stored[]): Stored[] {
  const page: Stored[] = []
  let bytes = 0
  for (const stored of all.slice(0, MAX_PAGE_RECORDS)) {
    bytes += stored.record.value.length
    if (page.length > 0 && bytes > MAX_PAGE_BYTES) break
    page.push(stored)
  }
  return page
}
