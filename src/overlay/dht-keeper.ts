/**
 * DhtKeeper: is each record held by as many nodes as it should be, and by the right ones?
 *
 *   record: ours alone --copied, answered--> held by all of its replicas --one is lost, or another comes nearer--> copied anew
 *
 * The root of a key sees to it that all replicas hold its records, and who is next to the root that the root does: of two who
 * have just changed places one knows what the other lacks. What both have missed comes out when records are compared,
 * which the root does with each replica and each replica with the root, now and then. Who is no replica any more keeps
 * a record until the root has it.
 */
import type { Address } from './address.ts'
import { type DhtRecord, WAY_MS } from './dht-record.ts'
import { DhtReplicas } from './dht-replicas.ts'
import { type DhtStore, MAX_PAGE_BYTES, MAX_PAGE_RECORDS, recordOf, type Stored } from './dht-store.ts'
import { type DhtMessage, type DhtReply, encodeDhtMessage, type Held, MAX_COMPARED } from './dht-wire.ts'
import type { NodeCore } from './node-core.ts'
import type { Part } from './part-schedule.ts'
import type { Requests } from './requests.ts'

/** Links change in bursts, and each look goes over all records. A guess. */
const LOOK_MS = 100
const COMPARE_MS = 60_000 // A guess: a part of the time in which all replicas of a record may go, one after the other.
/** Who did not answer is passed over for so long. A guess: by then its neighbours know whether it is there. */
const SILENT_MS = 15_000
/** A guess: places are changed more often than they are left. */
const HELD_BEYOND = 2
const MAX_SILENT = 256
/** Who has put a record waits no longer for the others who are to hold it. A guess: one resend. */
const SAFE_MS = 2_500
const MAX_WAITING = 512

type Waiting = { version: number; untilMs: number; done: () => void }

export class DhtKeeper implements Part {
  readonly replicas: DhtReplicas
  private readonly core: NodeCore
  private readonly store: DhtStore
  private readonly requests: Requests<DhtReply>
  /** Who has said that it holds the record as it is now. */
  private readonly holders = new WeakMap<Stored, { version: number; addresses: Set<Address> }>()
  private readonly waiting = new Map<Stored, Waiting[]>()
  private waitingCount = 0
  private readonly silent = new Map<Address, number>()
  /** To whom a copy is on its way: one at a time. */
  private readonly copying = new Set<Address>()
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
    if (this.store.size > 0) this.lookAtMs ??= this.core.nowMs + LOOK_MS
  }

  /** A node is gone; should it come back it holds nothing. */
  lost(address: Address): void {
    for (const stored of this.store.all()) this.holders.get(stored)?.addresses.delete(address)
    this.note()
  }

  /** The record is new here, or renewed. `done`: as soon as enough others hold it, too, for it to outlive us. */
  spread(stored: Stored, done?: () => void): void {
    this.compareAtMs ??= this.core.nowMs + this.fuzzy(COMPARE_MS)
    if (done) {
      if (this.waitingCount >= MAX_WAITING) done()
      else {
        const waiting = { version: stored.record.version, untilMs: this.core.nowMs + SAFE_MS, done }
        this.waiting.set(stored, [...(this.waiting.get(stored) ?? []), waiting])
        this.waitingCount++
      }
    }
    this.replicas.review()
    this.copyTo(this.lackingOf([stored]))
    this.settle(stored)
  }

  /** Which of what another holds is to be had from it. */
  lacking(held: readonly Held[]): number[] {
    const { nowMs } = this.core
    const indices: number[] = []
    held.forEach(({ key, tag, version }, index) => {
      const known = this.store.of(key, nowMs).find((each) => each.tag === tag)
      const isOlder = known?.record.bound ? known.record.version < version : known?.record.version !== version
      if (!known || isOlder) indices.push(index)
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
    this.copyTo(this.lackingOf(all))
  }

  /** We are no replica, and who is the root has it. */
  private isOver(stored: Stored): boolean {
    const { address: self } = this.core.config
    const nearest = this.replicas.of(stored.key, HELD_BEYOND)
    const [root] = nearest
    return root !== undefined && !nearest.includes(self) && this.holdersOf(stored).has(root)
  }

  /** To whom each is to be copied by us. */
  private lackingOf(all: Iterable<Stored>): Map<Address, Stored[]> {
    const { address: self } = this.core.config
    const lacking = new Map<Address, Stored[]>()
    for (const stored of all) {
      const nearest = this.replicas.of(stored.key)
      const rank = nearest.indexOf(self)
      // Who is next to the root, or is no replica, sees to the root.
      const ours = rank === 0 ? nearest : rank === 1 || rank < 0 ? nearest.slice(0, 1) : []
      const holders = this.holdersOf(stored)
      for (const address of ours) {
        if (address === self || holders.has(address)) continue
        const list = lacking.get(address)
        if (list) list.push(stored)
        else lacking.set(address, [stored])
      }
    }
    return lacking
  }

  private copyTo(lacking: Map<Address, Stored[]>): void {
    for (const [address, all] of lacking) {
      if (this.copying.has(address)) continue
      const batch = firstPage(all)
      this.copying.add(address)
      const versions = batch.map(({ record }) => record.version)
      this.ask(
        address,
        (id) => ({ kind: 'copy', id, records: batch.flatMap((stored) => this.travelling(stored)) }),
        (reply) => {
          this.copying.delete(address)
          if (reply?.kind === 'done' && reply.outcome === 'stored') {
            batch.forEach((stored, index) => {
              if (stored.record.version === versions[index]) this.holdersOf(stored).add(address)
            })
          } else this.noteSilent(address)
          for (const stored of batch) this.settle(stored)
          this.note()
        },
      )
    }
  }

  private compare(): void {
    const { address: self } = this.core.config
    const byNode = new Map<Address, Stored[]>()
    for (const stored of this.store.all()) {
      const nearest = this.replicas.of(stored.key)
      for (const address of nearest[0] === self ? nearest.slice(1) : nearest.slice(0, 1)) {
        byNode.set(address, [...(byNode.get(address) ?? []), stored].slice(0, MAX_COMPARED))
      }
    }
    for (const [address, all] of byNode) {
      const held = all.map(({ key, tag, record: { version } }) => ({ key, tag, version }))
      this.ask(
        address,
        (id) => ({ kind: 'compare', id, held }),
        (reply) => {
          if (reply?.kind !== 'wants') return
          const wanted = new Set(reply.indices)
          all.forEach((stored, index) => {
            if (stored.record.version !== held[index]?.version) return
            if (wanted.has(index)) this.holdersOf(stored).delete(address)
            else this.holdersOf(stored).add(address)
          })
          this.note()
        },
      )
    }
  }

  private ask(to: Address, message: (id: number) => DhtMessage, done: (reply: DhtReply | undefined) => void): void {
    this.requests.ask(
      this.core.nowMs,
      (id) => {
        const payload = encodeDhtMessage(message(id))
        this.core.sendPacket({ mode: 'exact', body: 'dht', destination: to, payload })
      },
      done,
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
    const holders = this.holdersOf(stored)
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

  private holdersOf(stored: Stored): Set<Address> {
    const { version } = stored.record
    let holders = this.holders.get(stored)
    if (holders?.version !== version) {
      holders = { version, addresses: new Set() }
      this.holders.set(stored, holders)
    }
    return holders.addresses
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
