/**
 * DhtTraffic: is what was put found, as long as it should be and no longer? Owners renew their values at half of their leases; anybody
 * asks for any key. What comes of a call is taken at the node itself, at the moment at which it tells.
 */
import type { Address } from '../overlay/address.ts'
import { type DhtRecord, identityOf, tagOf } from '../overlay/dht-record.ts'
import type { Effect, Ticket } from '../overlay/effects.ts'
import { DhtFrames } from './dht-frames.ts'
import { DhtValues, heldNumbers, type Value } from './dht-values.ts'
import { numberIn } from './message-traffic.ts'
import type { Inhabitant, World } from './world.ts'

/** An owner whose call has failed calls again. A guess. */
const AGAIN_MS = 5_000
/**
 * Nobody knows how long a lease has been under way, and each way takes a second off it, to be sure: a value is gone
 * some seconds before its time. How much so is counted apart.
 */
const LAST_MS = 10_000

type Put = { value: Value; record: DhtRecord; calledAtMs: number }
type Wanted = { value: Value; version: number; endsAtMs: number }
type Get = { from: Inhabitant; key: Address; askedAtMs: number; wanted: Wanted[]; records: DhtRecord[] }

export class DhtTraffic {
  readonly values: DhtValues
  readonly frames = new DhtFrames()
  readonly counts = {
    puts: 0,
    putFailed: 0,
    gets: 0,
    getFailed: 0,
    wanted: 0,
    missed: 0,
    wantedAtTheLast: 0,
    missedAtTheLast: 0,
    stale: 0,
    expiredServed: 0,
    lost: 0,
  }
  readonly putFailures: Record<string, number> = {}
  /** What was left of the leases of those that were missed. */
  readonly missedLeftMs: number[] = []
  putMs: number[] = []
  getMs: number[] = []
  private readonly world: World
  private readonly puts = new Map<Ticket, Put>()
  private readonly gets = new Map<Ticket, Get>()
  private tickets = 0

  constructor(world: World, values: number) {
    this.world = world
    this.values = new DhtValues(values, world.random)
  }

  /** Those whose owners are due; and new ones, by whom `anybody` names, for those that are over. */
  putWhatIsDue(anybody: () => Inhabitant, most = Number.POSITIVE_INFINITY): number {
    const nowMs = this.world.clock.now()
    this.values.fill(nowMs, anybody)
    let calls = 0
    for (const value of this.values.all()) {
      if (value.callAtMs === undefined || value.callAtMs > nowMs || value.owner.gone) continue
      this.put(value, nowMs)
      if (++calls >= most) break
    }
    return calls
  }

  get(from: Inhabitant, key: Address): void {
    const askedAtMs = this.world.clock.now()
    const wanted: Wanted[] = []
    for (const value of this.values.of(key)) {
      const { version, endsAtMs } = value.acknowledged
      if (endsAtMs > askedAtMs) wanted.push({ value, version, endsAtMs })
    }
    this.counts.gets++
    this.askPage({ from, key, askedAtMs, wanted, records: [] }, '')
  }

  /** What a node of the world has done. */
  hear(effects: readonly Effect[], nowMs: number): void {
    for (const effect of effects) {
      if (effect.type === 'transmit') this.frames.note(effect.bytes)
      else if (effect.type === 'dht-settled') this.onSettled(effect.ticket, effect.failure, nowMs)
      else if (effect.type === 'dht-found') this.onFound(effect, nowMs)
    }
  }

  /** Those whose lease runs and which nobody holds any more, since the last look. */
  look(): Value[] {
    const held = heldNumbers(this.world)
    const nowMs = this.world.clock.now()
    const lost: Value[] = []
    for (const value of this.values.all()) {
      if (value.lost || value.acknowledged.endsAtMs < nowMs + LAST_MS || held.has(value.number)) continue
      value.lost = true
      this.counts.lost++
      lost.push(value)
    }
    return lost
  }

  /** Times from a call to what came of it, since they were taken last. */
  takeTimes(): { putMs: number[]; getMs: number[] } {
    const { putMs, getMs } = this
    this.putMs = []
    this.getMs = []
    return { putMs, getMs }
  }

  private put(value: Value, nowMs: number): void {
    const record = this.values.call(value, nowMs)
    const ticket = --this.tickets
    this.puts.set(ticket, { value, record, calledAtMs: nowMs })
    this.counts.puts++
    value.owner.driver.give({ type: 'dht-put', ticket, record, create: false })
  }

  private askPage(get: Get, after: string): void {
    const ticket = --this.tickets
    this.gets.set(ticket, get)
    get.from.driver.give({ type: 'dht-get', ticket, key: get.key, after })
  }

  private onSettled(ticket: Ticket, failure: string | undefined, nowMs: number): void {
    const put = this.puts.get(ticket)
    if (!put) return
    this.puts.delete(ticket)
    const { value, record, calledAtMs } = put
    if (failure) {
      this.counts.putFailed++
      this.putFailures[failure] = (this.putFailures[failure] ?? 0) + 1
      value.callAtMs = nowMs + AGAIN_MS
      return
    }
    this.putMs.push(nowMs - calledAtMs)
    this.values.acknowledge(value, record, calledAtMs)
  }

  private onFound({ ticket, records, more }: Extract<Effect, { type: 'dht-found' }>, nowMs: number): void {
    const get = this.gets.get(ticket)
    if (!get) return
    this.gets.delete(ticket)
    get.records.push(...(records ?? []))
    const last = records?.at(-1)
    if (last && more) this.askPage(get, tagOf(identityOf(last)))
    else this.judge(get, records !== undefined, nowMs)
  }

  /** Who gets no answer knows; it counts as one that was not found all the same. */
  private judge({ askedAtMs, wanted, records }: Get, isAnswered: boolean, nowMs: number): void {
    const { counts } = this
    if (isAnswered) this.getMs.push(nowMs - askedAtMs)
    else counts.getFailed++
    const versions = new Map(records.map((record) => [numberIn(record.value), record.version]))
    for (const number of versions.keys()) {
      const value = this.values.get(number)
      if (!value || value.lastEndMs < nowMs) counts.expiredServed++
    }
    for (const { value, version, endsAtMs } of wanted) {
      if (endsAtMs <= nowMs) continue
      const found = versions.get(value.number)
      const isFound = found !== undefined && !(value.isBound && found < version)
      if (found !== undefined && !isFound) counts.stale++
      if (endsAtMs < nowMs + LAST_MS) {
        counts.wantedAtTheLast++
        if (!isFound) counts.missedAtTheLast++
      } else {
        counts.wanted++
        if (isFound) continue
        counts.missed++
        this.missedLeftMs.push(Math.round(endsAtMs - nowMs))
      }
    }
  }
}
