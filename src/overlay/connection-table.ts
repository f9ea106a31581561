/**
 * ConnectionTable: who we are connected to, in ring order. Our own address is not in it; positions count around the
 * ring from us, so that in a small ring one neighbour may be both first on the left and last on the right.
 */
import { type Address, nearer } from './address.ts'
import type { Connection } from './connection.ts'
import type { ChannelId } from './effects.ts'
import type { Endpoint } from './endpoint.ts'
import { Lookahead } from './lookahead.ts'
import { estimateRingSize } from './ring-size.ts'

/** A tab bears some dozens of peer connections (Chromium allows 500 in its life); relays cost memory all the same. */
export const MAX_CONNECTIONS = 256

export class ConnectionTable {
  readonly self: Address
  /** Grows with each change that routing or the overlords could care about. */
  version = 0
  /** Grows when the far ends name other links of theirs than before. */
  namesVersion = 0
  private readonly byAddress = new Map<Address, Connection>()
  private readonly byChannel = new Map<ChannelId, Connection>()
  private estimate = { version: -1, namesVersion: 0, perSide: 0, size: 1 }
  private ahead: { version: number; namesVersion: number; lookahead: Lookahead } | undefined
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

  /** The far end of a link has named other links of its own. */
  named(): void {
    this.namesVersion++
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

  /** Where our links' own links lead. */
  lookahead(): Lookahead {
    const { version, namesVersion } = this
    if (this.ahead?.version !== version || this.ahead.namesVersion !== namesVersion) {
      this.ahead = { version, namesVersion, lookahead: new Lookahead(this) }
    }
    return this.ahead.lookahead
  }

  /** How many nodes the ring has; exact while those we know can see it all. */
  estimateSize(perSide: number): number {
    const { estimate, version, namesVersion } = this
    if (estimate.version !== version || estimate.namesVersion !== namesVersion || estimate.perSide !== perSide) {
      this.estimate = { version, namesVersion, perSide, size: estimateRingSize(this, perSide) }
    }
    return this.estimate.size
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
