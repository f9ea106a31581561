/**
 * Who is in the space? Those who said hello and those we have a link to.
 *
 *   absent --hello/linked--> present --bye/gone/unlinked/silence--> absent
 *
 * Not everyone is linked to everyone, so goodbyes are remembered for as long as a late hello may still be on its way.
 */
import type { Address } from '../overlay/address.ts'
import type { PeerInfo } from '../peer/ring.ts'
import type { ChannelKind } from '../ports.ts'
import type { MemberLink, SpaceMessage } from './space-wire.ts'

/** A guess: more than anybody reads, little enough to hold. */
export const MAX_PEOPLE = 500
/** Two hellos that were lost and a hidden tab's slowest timer (one wake a minute in Chromium). */
export const SILENCE_MS = 75_000

export type Person = {
  address: Address
  name: string
  /** False while a linked peer has not told its name. */
  named: boolean
  /** Undefined where we have no link of our own. */
  kind: ChannelKind | undefined
  rttMs: number | undefined
  incoming: boolean
  /** What this person says about its own links. */
  links: MemberLink[]
}

type Hello = Extract<SpaceMessage, { type: 'hello' }>
type Heard = { hello: Hello; atMs: number }

export class People {
  readonly #linked: () => ReadonlyMap<Address, PeerInfo>
  readonly #heard = new Map<Address, Heard>()
  /** The `seq` of a goodbye, or the last known one of somebody who vanished: no hello up to it counts. */
  readonly #departed = new Map<Address, number>()
  /** Names outlive their owners, because what they said stays on the screen. */
  readonly #names = new Map<Address, string>()

  constructor(linked: () => ReadonlyMap<Address, PeerInfo>) {
    this.#linked = linked
  }

  /** Sorted by name. */
  list(ownName: string): Person[] {
    const people = this.#present.map((address) => this.#person(address, ownName))
    return people.sort((a, b) => a.name.localeCompare(b.name) || (a.address < b.address ? -1 : 1))
  }

  has(address: Address): boolean {
    return this.#heard.has(address) || this.#linked().has(address)
  }

  /** With the start of the address where somebody else here, or we, go by the same name. */
  nameOf(address: Address, ownName: string): string {
    const name = this.#names.get(address)
    if (name === undefined) return address.slice(0, 6)
    const shared =
      name === ownName || this.#present.some((other) => other !== address && this.#names.get(other) === name)
    return shared ? `${name} ${address.slice(0, 4)}` : name
  }

  /** Returns whether this is somebody who does not know us yet, as far as we can tell; undefined for a stale hello. */
  hello(from: Address, hello: Hello, nowMs: number): 'new' | 'known' | undefined {
    const known = this.#heard.get(from)
    if (known === undefined && this.#heard.size >= MAX_PEOPLE) return undefined
    const last = known?.hello.seq ?? this.#departed.get(from) ?? -1
    if (hello.seq <= last) return undefined
    this.#departed.delete(from)
    this.#heard.set(from, { hello, atMs: nowMs })
    keepBounded(this.#names, from, hello.name)
    return known === undefined ? 'new' : 'known'
  }

  bye(from: Address, seq: number): void {
    this.#heard.delete(from)
    keepBounded(this.#departed, from, seq)
  }

  /** Returns whether anybody was removed: whom we have a link to is not gone, whatever others say. */
  gone(address: Address): boolean {
    const known = this.#heard.get(address)
    if (known === undefined || this.#linked().has(address)) return false
    this.#heard.delete(address)
    keepBounded(this.#departed, address, known.hello.seq)
    return true
  }

  /** Forgets whom we have no link to and have not heard from. Returns whether anybody was. */
  forgetSilent(nowMs: number): boolean {
    let forgot = false
    for (const [address, { atMs }] of this.#heard) {
      if (nowMs - atMs >= SILENCE_MS) forgot = this.gone(address) || forgot
    }
    return forgot
  }

  get #present(): Address[] {
    return [...new Set([...this.#linked().keys(), ...this.#heard.keys()])]
  }

  #person(address: Address, ownName: string): Person {
    const peer = this.#linked().get(address)
    const heard = this.#heard.get(address)
    return {
      address,
      name: this.nameOf(address, ownName),
      named: heard !== undefined,
      kind: peer?.kind,
      rttMs: peer?.rttMs,
      incoming: peer?.incoming ?? false,
      links: heard?.hello.links ?? [],
    }
  }
}

/** The oldest entry gives way. */
function keepBounded<V>(map: Map<Address, V>, key: Address, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MAX_PEOPLE) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
