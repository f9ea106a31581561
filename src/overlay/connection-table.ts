/**
 * ConnectionTable: who we are connected to, in ring order. Our own address is not in it; positions count around the
 * ring from us, so that in a small ring one neighbour may be both first on the left and last on the right.
 */
import { type Address, fractionOf, nearer } from './address.ts'
import type { Connection } from './connection.ts'
import type { ChannelId } from './effects.ts'
import type { Endpoint } from './endpoint.ts'

/** A tab bears some dozens of peer connections (Chromium allows 500 in its life); relays cost memory all the same. */
export const MAX_CONNECTIONS = 256

export class ConnectionTable {
  readonly self: Address
  /** Grows with each change that routing or the overlords could care about. */
  version = 0
  private readonly byAddress = new Map<Address, Connection>()
  private readonly byChannel = new Map<ChannelId, Connection>()
  private estimate = { version: -1, perSide: 0, size: 1 }
  private sortedVersion = -1
  private sortedStructured: Address[] = []
  private sortedAll: Address[] = []

  constructor(self: Address) {
    this.self = self
  }

  get size(): number {
    return this.byAddress.size
  }

  get(address: Address): Connection | undefined {
    return this.byAddress.get(address)
  }

  ofChannel(channel: ChannelId): Connection | undefined {
    return this.byChannel.get(channel)
  }

  ofEndpoint(endpoint: Endpoint): Connection | undefined {
    for (const connection of this.byAddress.values()) if (connection.endpoints.includes(endpoint)) return connection
    return undefined
  }

  all(): IterableIterator<Connection> {
    return this.byAddress.values()
  }

  add(connection: Connection): void {
    this.byAddress.set(connection.address, connection)
    this.changed()
  }

  remove(connection: Connection): void {
    this.byAddress.delete(connection.address)
    for (const channel of connection.channels) this.byChannel.delete(channel.id)
    this.changed()
  }

  indexChannel(channel: ChannelId, connection: Connection): void {
    this.byChannel.set(channel, connection)
  }

  forgetChannel(channel: ChannelId): void {
    this.byChannel.delete(channel)
  }

  changed(): void {
    this.version++
  }

  /** Addresses of connections that packets may be routed over, ascending. */
  structured(): readonly Address[] {
    this.sort()
    return this.sortedStructured
  }

  /** Addresses of all connections, ascending. */
  addresses(): readonly Address[] {
    this.sort()
    return this.sortedAll
  }

  /** The structured neighbours of any place, nearest first, on the left (upwards) or on the right. */
  neighboursOf(place: Address, side: 'left' | 'right', count: number): Address[] {
    return nearestOn(this.structured(), place, side, count)
  }

  /** The structured address, or our own, that is nearest to `key`. */
  nearestTo(key: Address): Address {
    const [left] = this.neighboursOf(key, 'left', 1)
    const [right] = this.neighboursOf(key, 'right', 1)
    let best = this.get(key)?.structured ? key : this.self
    if (left) best = nearer(key, best, left)
    if (right) best = nearer(key, best, right)
    return best
  }

  /** How many nodes the ring has, from how densely our neighbours lie; exact while we know them all. */
  estimateSize(perSide: number): number {
    // While few are linked, it is others' word that tells a small ring from a large one, and words change no link.
    const isSmall = this.structured().length <= 2 * perSide
    if (isSmall || this.estimate.version !== this.version || this.estimate.perSide !== perSide) {
      this.estimate = { version: this.version, perSide, size: this.sizeByDensity(perSide) }
    }
    return this.estimate.size
  }

  private sizeByDensity(perSide: number): number {
    const known = this.structured().length + 1
    if (known <= 2 * perSide + 1 && !this.namesUnlinked) return known
    const left = this.neighboursOf(this.self, 'left', perSide).at(-1)
    const right = this.neighboursOf(this.self, 'right', perSide).at(-1)
    if (!left || !right) return known
    const self = fractionOf(this.self)
    const arc = ((fractionOf(left) - self + 1) % 1) + ((self - fractionOf(right) + 1) % 1)
    return Math.max(known, arc > 0 ? Math.round((2 * perSide) / arc) : known)
  }

  /** Whether anybody in the ring names somebody that we have no link to. */
  private get namesUnlinked(): boolean {
    for (const { status, structured } of this.byAddress.values()) {
      if (!structured) continue
      if (status.neighbours.some((name) => name !== this.self && !this.byAddress.has(name))) return true
    }
    return false
  }

  private sort(): void {
    if (this.sortedVersion === this.version) return
    this.sortedVersion = this.version
    this.sortedAll = [...this.byAddress.keys()].sort()
    this.sortedStructured = this.sortedAll.filter((address) => this.byAddress.get(address)?.structured)
  }
}

/** Of ascending addresses those next to `place` on one side, nearest first, `place` itself left out. */
export function nearestOn(
  ascending: readonly Address[],
  place: Address,
  side: 'left' | 'right',
  count: number,
): Address[] {
  const total = ascending.length
  const found: Address[] = []
  let index = lowerBound(ascending, place)
  if (side === 'left') {
    if (ascending[index] === place) index++
    for (let step = 0; step < total && found.length < count; step++) {
      const address = ascending[(index + step) % total] as Address
      if (address !== place) found.push(address)
    }
  } else {
    for (let step = 1; step <= total && found.length < count; step++) {
      const address = ascending[(index - step + total) % total] as Address
      if (address !== place) found.push(address)
    }
  }
  return found
}

/** The first index whose address is not below `place`. */
function lowerBound(ascending: readonly Address[], place: Address): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as Address) < place) low = middle + 1
    else high = middle
  }
  return low
}
