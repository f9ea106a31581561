/**
 * Dht: values under keys, held by the nodes nearest to the key for as long as their leases run. Soft state: who wants a value
 * to stay renews its lease.
 *
 *   our own put or get:   waiting (for a ring) --> asking the root of the key --> stored, refused, found
 *   another's put:        [proved] --> [others consulted, where another's value would matter] --> stored --copies--> answered
 *   another's get:        [others consulted, where we may not be the root for long] --> answered
 *
 * Who has just become a root may lack what the root before it had: until those around it have been the same for a while it asks
 * the next replicas, too, and keeps what they know.
 */
import type { Address } from './address.ts'
import { DhtKeeper, firstPage, travelling } from './dht-keeper.ts'
import { DhtProofs } from './dht-proofs.ts'
import { type DhtRecord, WAY_MS } from './dht-record.ts'
import { HELD_BEYOND } from './dht-replicas.ts'
import { DhtStore, recordOf, SHARE, type Source, type StoreOutcome } from './dht-store.ts'
import { type DhtMessage, type DhtOutcome, type DhtReply, decodeDhtMessage, encodeDhtMessage } from './dht-wire.ts'
import type { Ticket } from './effects.ts'
import type { NodeCore } from './node-core.ts'
import type { Part } from './part-schedule.ts'
import { Requests } from './requests.ts'

/** As long as between two comparisons: what was missed has come out. */
const SETTLED_MS = 60_000
/** How many others are consulted: the next on either side, and one that may know more than they. A guess. */
const CONSULTED = 3
/** Of ours, that wait for a ring, or for their turn. A guess. */
const MAX_WAITING = 64
const WAIT_MS = 20_000
/** Of ours, that wait for an answer; further ones wait for those. A guess: the keeper has requests of its own. */
const MAX_ASKING = 96
/** Of others', about which we consult; further ones are answered by what is here. A guess: each is some requests. */
const MAX_CONSULTING = 32
/** Of others' puts, that wait for proofs, for those consulted or for copies. A guess. */
const MAX_UNDER_WAY = 256
/** Of those, what came over one link: more than one is needed to keep others waiting. A guess. */
const MAX_UNDER_WAY_BY_ONE = MAX_UNDER_WAY / 2
const RESENDS = 3 // As for finds: who is the root may just have died.

export type DhtFailure = Exclude<DhtOutcome, 'stored'> | 'unreachable'

type Waiting = { untilMs: number; start: () => void; fail: () => void }

export class Dht implements Part {
  readonly store = new DhtStore()
  readonly requests: Requests<DhtReply>
  readonly keeper: DhtKeeper
  readonly proofs: DhtProofs
  private readonly core: NodeCore
  private waiting: Waiting[] = []
  private isConnected = false
  private asking = 0
  private consulting = 0
  /** Puts that have not been answered, and over whose link they came. */
  private readonly answering = new Map<string, Address>()

  constructor(core: NodeCore, shuns: (address: Address) => boolean) {
    this.core = core
    this.requests = new Requests<DhtReply>(core.config.profile.request, (reason) => core.count(reason))
    this.keeper = new DhtKeeper(core, this.store, this.requests, shuns)
    this.proofs = new DhtProofs(core)
  }

  get deadlineMs(): number | undefined {
    let atMs = Math.min(
      this.requests.deadlineMs ?? Number.POSITIVE_INFINITY,
      this.keeper.deadlineMs ?? Number.POSITIVE_INFINITY,
      this.proofs.deadlineMs ?? Number.POSITIVE_INFINITY,
    )
    for (const { untilMs } of this.waiting) atMs = Math.min(atMs, untilMs)
    return atMs === Number.POSITIVE_INFINITY ? undefined : atMs
  }

  /** To be called whenever the table, or who is next to us, may have changed. */
  review(connected: boolean): void {
    this.isConnected = connected
    this.keeper.note()
    this.startWaiting()
  }

  wake(nowMs: number): void {
    this.requests.wake(nowMs)
    this.keeper.wake()
    this.proofs.wake(nowMs)
    const late = this.waiting.filter(({ untilMs }) => untilMs <= nowMs)
    this.waiting = this.waiting.filter(({ untilMs }) => untilMs > nowMs)
    for (const { fail } of late) fail()
  }

  put(ticket: Ticket, record: DhtRecord, create: boolean): void {
    const { core } = this
    const endsAtMs = core.nowMs + record.leftMs
    const settle = (failure: DhtFailure | undefined) => core.emit({ type: 'dht-settled', ticket, failure })
    const settleBy = (outcome: DhtOutcome) => settle(outcome === 'stored' ? undefined : outcome)
    const start = () => {
      if (this.isRootOf(record.key)) {
        this.take({ ...record, leftMs: endsAtMs - core.nowMs }, create, undefined, settleBy)
        return
      }
      let sentAtMs = core.nowMs
      const messages = (id: number): DhtMessage[] => {
        sentAtMs = core.nowMs
        const leftMs = endsAtMs - core.nowMs
        return travelling({ ...record, leftMs }).map((each) => ({ kind: 'put', id, create, record: each }))
      }
      this.ask(record.key, messages, (reply) => {
        if (reply?.kind !== 'done') {
          settle('unreachable')
          return
        }
        settleBy(reply.outcome)
        // It may have been longer under way than was taken off its lease; had it been sent again, that would tell.
        if (reply.outcome === 'stored' && core.nowMs > sentAtMs + WAY_MS) this.sendTo(record.key, messages(reply.id))
      })
    }
    this.whenReady({ start, fail: () => settle('unreachable') })
  }

  /** One page of what is there, after this tag. */
  get(ticket: Ticket, key: Address, after: string): void {
    const { core } = this
    const found = (page: { records: DhtRecord[]; more: boolean } | undefined) => {
      core.emit({ type: 'dht-found', ticket, records: page?.records, more: page?.more ?? false })
    }
    const start = () => {
      if (this.isRootOf(key)) {
        this.consult(key, after, (more) => found(this.pageOf(key, after, more, true)))
        return
      }
      this.ask(
        key,
        (id) => [{ kind: 'get', id, local: false, key, after }],
        (reply) => found(reply?.kind === 'values' ? reply : undefined),
      )
    }
    this.whenReady({ start, fail: () => found(undefined) })
  }

  /** `by`: over whose link it came, which may be another's than who says to have sent it. */
  receive(from: Address, payload: Uint8Array, by: Address): void {
    const message = decodeDhtMessage(payload)
    if (!message) {
      this.core.count('dht: unreadable')
      return
    }
    switch (message.kind) {
      case 'put':
        this.onPut(from, message, by)
        break
      case 'get':
        this.onGet(from, message)
        break
      case 'copy':
        this.onCopy(from, message, by)
        break
      case 'compare':
        this.reply(from, { kind: 'wants', id: message.id, indices: this.keeper.lacking(message.held) })
        break
      case 'done':
      case 'values':
      case 'wants':
        if (!this.requests.handleReply(message, from)) this.core.count('dht: reply to nothing')
        break
    }
  }

  /** Whether there is a ring to ask, or nobody but us. */
  private get isReady(): boolean {
    return this.isConnected || this.core.table.size === 0
  }

  private isRootOf(key: Address): boolean {
    return this.core.table.nearestTo(key) === this.core.config.address
  }

  private whenReady(operation: Omit<Waiting, 'untilMs'>): void {
    if (this.isReady && this.asking < MAX_ASKING) operation.start()
    else if (this.waiting.length < MAX_WAITING) {
      this.waiting.push({ ...operation, untilMs: this.core.nowMs + WAIT_MS })
    } else {
      this.core.count('dht: too many waiting')
      operation.fail()
    }
  }

  private startWaiting(): void {
    while (this.isReady && this.asking < MAX_ASKING) {
      const next = this.waiting.shift()
      if (!next) return
      next.start()
    }
  }

  /** What lies elsewhere is not for us to hold. Some more than need be may give it to us: they see others than we do. */
  private isOurs(key: Address): boolean {
    const isOurs = this.keeper.replicas.of(key, HELD_BEYOND).includes(this.core.config.address)
    if (!isOurs) this.core.count('dht: elsewhere')
    return isOurs
  }

  private onPut(from: Address, message: Extract<DhtMessage, { kind: 'put' }>, by: Address): void {
    const { id, record, create } = message
    this.keeper.replicas.review()
    // Who asks the ring reaches the nearest.
    if (!this.isOurs(record.key)) return
    const name = `${from}/${id}`
    const earlier = this.requests.earlierAnswer(from, id, this.core.nowMs)
    // What was asked twice was slow: the later of the two has a better idea of what is left of the lease.
    if (earlier || this.answering.has(name)) this.correct(record)
    if (earlier) {
      this.core.sendPacket({ mode: 'exact', body: 'dht', destination: from, payload: earlier })
      return
    }
    if (this.answering.has(name)) return
    const ofOne = [...this.answering.values()].filter((each) => each === by).length
    if (this.answering.size >= MAX_UNDER_WAY || ofOne >= MAX_UNDER_WAY_BY_ONE) {
      this.core.count('dht: too much under way')
      return
    }
    this.answering.set(name, by)
    this.take(record, create, this.sourceOfPut(from, by), (outcome) => {
      this.answering.delete(name)
      const payload = encodeDhtMessage({ kind: 'done', id, outcome })
      this.requests.remember(from, id, payload, this.core.nowMs)
      this.core.sendPacket({ mode: 'exact', body: 'dht', destination: from, payload })
    })
  }

  private correct(record: DhtRecord): void {
    this.proofs.prove([record], ([proved]) => {
      if (proved && this.store.has(proved, this.core.nowMs)) this.store.put(proved, this.core.nowMs)
    })
  }

  private onGet(from: Address, { id, key, after, local }: Extract<DhtMessage, { kind: 'get' }>): void {
    const answer = (more: boolean) => this.reply(from, { kind: 'values', id, ...this.pageOf(key, after, more, !local) })
    if (local) answer(false)
    else this.consult(key, after, answer)
  }

  private onCopy(from: Address, { id, records }: Extract<DhtMessage, { kind: 'copy' }>, by: Address): void {
    this.keeper.replicas.review()
    const ours = records.filter(({ key }) => this.isOurs(key))
    this.proofs.prove(ours, (proved) => {
      let outcome: DhtOutcome = ours.length === records.length ? 'stored' : 'elsewhere'
      if (proved.length < ours.length) outcome = 'not-proved'
      for (const record of proved) {
        const kept = this.keep(record, from, by)
        if (isRefusal(kept)) outcome = kept
      }
      this.reply(from, { kind: 'done', id, outcome })
    })
  }

  /** A put for which we are the root. */
  private take(
    record: DhtRecord,
    create: boolean,
    source: Source | undefined,
    done: (outcome: DhtOutcome) => void,
  ): void {
    this.proofs.prove([record], ([proved]) => {
      if (!proved) {
        done('not-proved')
        return
      }
      const take = () => {
        if (create && this.hasOther(proved)) {
          done('taken')
          return
        }
        const { outcome, stored } = this.store.put(proved, this.core.nowMs, source)
        if (isRefusal(outcome)) this.core.count(`dht: ${outcome}`)
        if (outcome === 'new' && stored) this.keeper.spread(stored, () => done('stored'))
        // A free value that is there for longer is there.
        else done(outcome === 'known' || (outcome === 'older' && !record.bound) ? 'stored' : (outcome as DhtOutcome))
      }
      if (create) this.consult(proved.key, '', take)
      else take()
    })
  }

  /** All replicas take from a root what was put there: were it as much as a root may give, their stores would soon be full. */
  private sourceOfPut(from: Address, by: Address): Source {
    return { givers: giversOf(from, by), share: SHARE / this.keeper.replicas.holders }
  }

  private hasOther(record: DhtRecord): boolean {
    const others = this.store.of(record.key, this.core.nowMs).filter(({ record: { withdrawn } }) => !withdrawn)
    return others.some(({ record: { bound, value } }) => {
      const isSameWriter = bound?.writer === record.bound?.writer
      return !(isSameWriter && (bound !== undefined || sameBytes(value, record.value)))
    })
  }

  /** Asks those who may know more than we, where we have not been the root for long. `more`: than they have said. */
  private consult(key: Address, after: string, then: (more: boolean) => void): void {
    const { core, keeper } = this
    keeper.replicas.review()
    if (core.nowMs >= keeper.replicas.sameSinceMs + SETTLED_MS || this.consulting >= MAX_CONSULTING) {
      then(false)
      return
    }
    const others = keeper.replicas.of(key).filter((address) => address !== core.config.address)
    const consulted = others.slice(0, CONSULTED)
    let waiting = consulted.length
    let hasMore = false
    if (waiting === 0) {
      then(false)
      return
    }
    this.consulting++
    const askedAtMs = core.nowMs
    for (const address of consulted) {
      this.requests.ask(
        askedAtMs,
        (id) => {
          const payload = encodeDhtMessage({ kind: 'get', id, local: true, key, after })
          core.sendPacket({ mode: 'exact', body: 'dht', destination: address, payload })
        },
        (reply) => {
          const records = reply?.kind === 'values' ? reply.records : []
          if (reply?.kind === 'values' && reply.more) hasMore = true
          const sinceMs = core.nowMs - askedAtMs
          const under = records.filter((record) => record.key === key).map((record) => sinceAsked(record, sinceMs))
          this.proofs.prove(under, (proved) => {
            for (const record of proved) if (!this.store.has(record, core.nowMs)) this.keep(record, address, address)
            if (--waiting > 0) return
            this.consulting--
            then(hasMore)
          })
        },
        0,
      )
    }
  }

  /** What another holds. */
  private keep(record: DhtRecord, from: Address, by: Address): StoreOutcome {
    const { outcome, stored } = this.store.put(record, this.core.nowMs, { givers: giversOf(from, by), share: SHARE })
    if (stored) this.keeper.given(stored, record.version, from)
    if (isRefusal(outcome)) this.core.count(`dht: ${outcome}`)
    return outcome
  }

  private pageOf(key: Address, after: string, more: boolean, withoutWithdrawn: boolean) {
    const { nowMs } = this.core
    const all = this.store.of(key, nowMs, after).filter(({ record }) => !(withoutWithdrawn && record.withdrawn))
    const page = firstPage(all)
    const records = page.flatMap((stored) => travelling(recordOf(stored, nowMs)))
    return { records, more: more || page.length < all.length }
  }

  private ask(key: Address, messages: (id: number) => DhtMessage[], done: (reply: DhtReply | undefined) => void): void {
    this.asking++
    this.requests.ask(
      this.core.nowMs,
      (id) => this.sendTo(key, messages(id)),
      (reply) => {
        this.asking--
        done(reply)
        this.startWaiting()
      },
      RESENDS,
    )
  }

  private sendTo(key: Address, messages: readonly DhtMessage[]): void {
    for (const message of messages) {
      const payload = encodeDhtMessage(message)
      this.core.sendPacket({ mode: 'greedy', body: 'dht', destination: key, payload })
    }
  }

  private reply(to: Address, reply: DhtReply): void {
    this.core.sendPacket({ mode: 'exact', body: 'dht', destination: to, payload: encodeDhtMessage(reply) })
  }
}

/**
 * Of what comes in answer we know how long it has been under way at most: as long as we have waited. So its lease
 * becomes no longer than it is, however slow the way, and is hardly shortened where the way is quick.
 */
function sinceAsked(record: DhtRecord, sinceMs: number): DhtRecord {
  return { ...record, leftMs: record.leftMs + WAY_MS - sinceMs }
}

function giversOf(from: Address, by: Address): Address[] {
  return from === by ? [from] : [from, by]
}

function isRefusal(outcome: StoreOutcome): outcome is 'full' | 'too-many-values' | 'share-used-up' {
  return outcome === 'full' || outcome === 'too-many-values' || outcome === 'share-used-up'
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
