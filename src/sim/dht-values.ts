/**
 * DhtValues: what is there in the DHT by the word of those who put it. A value's truth is its owner's call plus the time that it
 * asked for: from the acknowledgement of a call to its end the value has to be found, after the end of the last call,
 * acknowledged or not, it must not be.
 */
import { type Address, nodeAddress } from '../overlay/address.ts'
import type { DhtRecord } from '../overlay/dht-record.ts'
import type { Random } from '../overlay/node-core.ts'
import { numbered, numberIn } from './message-traffic.ts'
import type { Inhabitant, World } from './world.ts'

/** What an application that wants to stay found would ask for. A guess. */
export const LEASE_MS = 600_000
/** A line of an address book. A guess. */
const VALUE_BYTES = 100
/** Of the keys, those of the second half of all values are shared by so many each. */
const VALUES_PER_SHARED_KEY = 8

export type Value = {
  number: number
  key: Address
  owner: Inhabitant
  isBound: boolean
  /** Of the latest call. */
  version: number
  /** Of the calls that were acknowledged. */
  acknowledged: { version: number; endsAtMs: number }
  /** Of all calls. */
  lastEndMs: number
  /** When its owner is to call, unless it waits for an answer; then that is undefined. */
  callAtMs: number | undefined
  lost: boolean
}

export class DhtValues {
  readonly keys: Address[] = []
  /** One for each place: when a value is over another takes its place. */
  private readonly places: { key: Address; value: Value | undefined }[] = []
  private readonly byNumber = new Map<number, Value>()
  private readonly byKey = new Map<Address, Set<Value>>()
  private numbers = 0
  private versions = 0

  constructor(count: number, random: Random) {
    const draw = () => nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * random())))
    for (let place = 0; place < count; place++) {
      const isNew = place < count / 2 || place % VALUES_PER_SHARED_KEY === 0 || this.keys.length === 0
      if (isNew) this.keys.push(draw())
      this.places.push({ key: this.keys.at(-1) as Address, value: undefined })
    }
  }

  get count(): number {
    return this.places.length
  }

  get(number: number): Value | undefined {
    return this.byNumber.get(number)
  }

  of(key: Address): ReadonlySet<Value> {
    return this.byKey.get(key) ?? new Set()
  }

  all(): IterableIterator<Value> {
    return this.byNumber.values()
  }

  /** New values for the places whose values are over, of owners that `anybody` names; those of owners who are gone run out. */
  fill(nowMs: number, anybody: () => Inhabitant): Value[] {
    const made: Value[] = []
    for (const [index, place] of this.places.entries()) {
      const { value } = place
      if (value && (value.lastEndMs >= nowMs || !value.owner.gone)) continue
      if (value) this.remove(value)
      // Only its writer can have one bound value under a key: where several share a key, all are free.
      const isBound = index < this.places.length / 2 && index % 2 === 1
      place.value = this.add({ key: place.key, owner: anybody(), isBound, nowMs })
      made.push(place.value)
    }
    return made
  }

  /** The record of the owner's next call. */
  call(value: Value, nowMs: number): DhtRecord {
    const { number, key, owner, isBound } = value
    value.version = ++this.versions
    value.lastEndMs = nowMs + LEASE_MS
    value.callAtMs = undefined
    const bytes = new Uint8Array(VALUE_BYTES)
    bytes.set(numbered(number))
    // What is bound is another each time.
    if (isBound) bytes.set(numbered(value.version), 4)
    const bound = isBound ? { writer: owner.address, proof: new Uint8Array() } : undefined
    return { key, value: bytes, bound, version: value.version, withdrawn: false, leftMs: LEASE_MS }
  }

  acknowledge(value: Value, { version }: DhtRecord, calledAtMs: number): void {
    value.acknowledged = { version, endsAtMs: calledAtMs + LEASE_MS }
    value.callAtMs = calledAtMs + LEASE_MS / 2
  }

  private add({ key, owner, isBound, nowMs }: Pick<Value, 'key' | 'owner' | 'isBound'> & { nowMs: number }): Value {
    const number = ++this.numbers
    const acknowledged = { version: 0, endsAtMs: 0 }
    const value = { number, key, owner, isBound, version: 0, acknowledged, lastEndMs: 0, callAtMs: nowMs, lost: false }
    this.byNumber.set(number, value)
    const under = this.byKey.get(key)
    if (under) under.add(value)
    else this.byKey.set(key, new Set([value]))
    return value
  }

  private remove(value: Value): void {
    this.byNumber.delete(value.number)
    this.byKey.get(value.key)?.delete(value)
  }
}

/** The numbers of all values that somebody holds at this moment. */
export function heldNumbers(world: World): Set<number> {
  const held = new Set<number>()
  const nowMs = world.clock.now()
  for (const { node } of world.inhabitants.values()) {
    for (const { record, endsAtMs } of node.dht.store.all()) {
      if (endsAtMs > nowMs && !record.withdrawn) held.add(numberIn(record.value))
    }
  }
  return held
}
