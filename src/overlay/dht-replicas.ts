/**
 * DHT replicas: who is to hold what lies under a key? Of the nodes that we know near us, the nearest to the key; the first
 * of them is its root, to whom a greedy packet to the key goes. We know those whom we are linked to and those whom
 * they name, which on either side is more than there are replicas, unless nodes have just come or gone.
 */
import { type Address, nearer, sameAddresses } from './address.ts'
import { nearestOn } from './connection-table.ts'
import { MAX_RECORDS } from './dht-store.ts'
import type { NodeCore } from './node-core.ts'

/** A guess: places are changed more often than they are left. */
export const HELD_BEYOND = 2
/** As many keys as a store can have. */
const MAX_FOUND = MAX_RECORDS

export class DhtReplicas {
  private readonly core: NodeCore
  /** Whether this node is not to be relied on at the moment. */
  private readonly avoids: (address: Address) => boolean
  /** Ascending, with ourselves. */
  private known: readonly Address[]
  private beside: readonly Address[] = []
  /** Of keys that were asked for, until others are known. */
  private readonly found = new Map<Address, readonly Address[]>()
  /** Since when those around us have been the same. */
  sameSinceMs: number

  constructor(core: NodeCore, avoids: (address: Address) => boolean) {
    this.core = core
    this.avoids = avoids
    this.known = [core.config.address]
    this.sameSinceMs = core.nowMs
  }

  get count(): number {
    return this.core.config.replicas
  }

  /** How many hold each record. */
  get holders(): number {
    return Math.min(this.count, this.known.length)
  }

  /** Looks who is there. Returns whether those around us are others than before. */
  review(): boolean {
    const { table, config, nowMs } = this.core
    const known = new Set<Address>([config.address])
    const add = (address: Address) => {
      if (!this.avoids(address)) known.add(address)
    }
    for (const address of table.routable()) {
      add(address)
      for (const named of table.get(address)?.status.neighbours ?? []) add(named)
    }
    const ascending = [...known].sort()
    if (!sameAddresses(ascending, this.known)) {
      this.known = ascending
      this.found.clear()
    }
    const beside = [
      ...nearestOn(this.known, config.address, 'left', this.count),
      ...nearestOn(this.known, config.address, 'right', this.count),
    ]
    const isSame = beside.length === this.beside.length && beside.every((each, index) => each === this.beside[index])
    this.beside = beside
    if (!isSame) this.sameSinceMs = nowMs
    return !isSame
  }

  /** Nearest first; with more than are to hold it, those who may go on holding it. */
  of(key: Address, more: 0 | typeof HELD_BEYOND = 0): readonly Address[] {
    const count = this.count + more
    const nearest = this.found.get(key) ?? this.find(key)
    return nearest.length <= count ? nearest : nearest.slice(0, count)
  }

  private find(key: Address): readonly Address[] {
    const count = this.count + HELD_BEYOND
    const holder = this.known.includes(key) ? [key] : []
    const left = nearestOn(this.known, key, 'left', count)
    const right = nearestOn(this.known, key, 'right', count)
    const nearest: Address[] = holder
    // In a small ring those on the left are those on the right.
    const taken = new Set<Address>(holder)
    let l = 0
    let r = 0
    while (nearest.length < count && (l < left.length || r < right.length)) {
      const [a, b] = [left[l], right[r]]
      const next = a && (!b || nearer(key, a, b) === a) ? a : (b as Address)
      if (next === a) l++
      if (next === b) r++
      if (taken.has(next)) continue
      taken.add(next)
      nearest.push(next)
    }
    if (this.found.size >= MAX_FOUND) this.found.clear()
    this.found.set(key, nearest)
    return nearest
  }
}
