/**
 * ConnectionTable: who we are connected to, in ring order. Our own address is not in it; positions count around the
 * ring from us, so that in a small ring one neighbour may be both first on the left and last on the right.
 */
import { type Address, nearer, sameAddresses } from './address.ts'
import type { Connection } from './connection.ts'
import type { ChannelId } from './effects.ts'
import type { Endpoint } from './endpoint.ts'
import { estimateRingSize, isUpToDate, knowsMoreThan, type RingSize } from './ring-size.ts'
import type { RoleBits } from './role.ts'

/** A tab bears some dozens of peer connections (Chromium allows 500 in its life); relays cost memory all the same. */
export const MAX_CONNECTIONS = 256

export class ConnectionTable {
  readonly self: Address
  /** Grows with each change that routing or the overlords could care about. */
  version = 0
  /** Grows with each link that comes or goes. */
  links = 0
  /** Grows when we give other roles than before. */
  rolesVersion = 0
  /** Grows when the far ends name other links of theirs than before. */
  namesVersion = 0
  private readonly byAddress = new Map<Address, Connection>()
  private readonly byChannel = new Map<ChannelId, Connection>()
  private readonly byEndpoint = new Map<Endpoint, Connection[]>()
  private estimate: {
    of: readonly Address[]
    namesVersion: number
    links: number
    perSide: number
    found: RingSize
  } = { of: [], namesVersion: 0, links: 0, perSide: 0, found: { size: 1, tips: [] } }
  /** Kept sorted rather than sorted anew: links change one at a time, and are asked for at every change of anything. */
  private readonly ascending: Address[] = []
  /** The connections to them. */
  private readonly inOrder: Connection[] = []
  private structuredVersion = -1
  private readonly suspects = new Set<Connection>()
  private ascendingStructured: readonly Address[] = []

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

  /** Of those that say they can be dialled there, the one that said so first. */
  ofEndpoint(endpoint: Endpoint): Connection | undefined {
    return this.byEndpoint.get(endpoint)?.[0]
  }

  all(): IterableIterator<Connection> {
    return this.byAddress.values()
  }

  add(connection: Connection): void {
    const { address } = connection
    if (this.byAddress.has(address)) throw new Error('there is one connection to an address')
    this.byAddress.set(address, connection)
    const place = lowerBound(this.ascending, address)
    this.ascending.splice(place, 0, address)
    this.inOrder.splice(place, 0, connection)
    this.indexEndpoints(connection)
    this.links++
    this.changed()
  }

  remove(connection: Connection): void {
    const { address } = connection
    if (this.byAddress.get(address) !== connection) return
    this.byAddress.delete(address)
    const place = lowerBound(this.ascending, address)
    this.ascending.splice(place, 1)
    this.inOrder.splice(place, 1)
    this.forgetEndpoints(connection)
    for (const channel of connection.channels) this.byChannel.delete(channel.id)
    this.links++
    this.changed()
  }

  /** Where the far end can be dialled from now on. */
  setEndpoints(connection: Connection, endpoints: Endpoint[]): void {
    this.forgetEndpoints(connection)
    connection.endpoints = endpoints
    this.indexEndpoints(connection)
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

  /** The roles that we give it; the far end is told. */
  setRoles(connection: Connection, roles: RoleBits): void {
    if (connection.roles !== roles) this.rolesVersion++
    connection.roles = roles
    this.changed()
  }

  /** The far end of a link has named other links of its own. */
  named(): void {
    this.namesVersion++
  }

  /** Addresses of connections that packets may be routed over, ascending; the same array for as long as they are the same. */
  structured(): readonly Address[] {
    if (this.structuredVersion === this.version) return this.ascendingStructured
    this.structuredVersion = this.version
    const now: Address[] = []
    for (const connection of this.inOrder) if (connection.structured) now.push(connection.address)
    const before = this.ascendingStructured
    const isSame = sameAddresses(now, before)
    if (!isSame) this.ascendingStructured = now
    return this.ascendingStructured
  }

  suspect(connection: Connection, sinceMs: number): void {
    connection.suspectedAtMs = sinceMs
    this.suspects.add(connection)
  }

  /** The structured ones without those that may be gone, as long as there are others. */
  routable(): readonly Address[] {
    const structured = this.structured()
    if (this.suspects.size === 0) return structured
    for (const connection of this.suspects) {
      const isGone = this.byAddress.get(connection.address) !== connection
      if (isGone || !connection.suspected) this.suspects.delete(connection)
    }
    if (this.suspects.size === 0) return structured
    const alive = structured.filter((address) => !this.byAddress.get(address)?.suspected)
    return alive.length > 0 ? alive : structured
  }

  /** Addresses of all connections, ascending. */
  addresses(): readonly Address[] {
    return this.ascending
  }

  /** The structured neighbours of any place, nearest first, on the left (upwards) or on the right. */
  neighboursOf(place: Address, side: 'left' | 'right', count: number): Address[] {
    return nearestOn(this.structured(), place, side, count)
  }

  /** Of those that packets may be routed over at this moment, the next one on a side of any place. */
  routableBeside(place: Address, side: 'left' | 'right'): Address[] {
    return nearestOn(this.routable(), place, side, 1)
  }

  /** Of those that packets may be routed over, so many on either side of a place; all of them where there are no more. */
  routableAround(place: Address, perSide: number): readonly Address[] {
    const routable = this.routable()
    if (routable.length <= 2 * perSide) return routable
    return nearestOn(routable, place, 'left', perSide).concat(nearestOn(routable, place, 'right', perSide))
  }

  /** The routable address, or our own, that is nearest to `key`. */
  nearestTo(key: Address): Address {
    const [left] = this.routableBeside(key, 'left')
    const [right] = this.routableBeside(key, 'right')
    let best = this.get(key)?.structured ? key : this.self
    if (left) best = nearer(key, best, left)
    if (right) best = nearer(key, best, right)
    return best
  }

  /** Whether we know more nodes than so many by address, ourselves included. */
  knowsMoreThan(count: number): boolean {
    return knowsMoreThan(this, count)
  }

  /** How many nodes the ring has; exact while those we know can see it all. */
  estimateSize(perSide: number): number {
    const { estimate, namesVersion, links } = this
    const of = this.structured()
    const isSameRing = estimate.of === of && estimate.perSide === perSide
    if (isSameRing && estimate.namesVersion === namesVersion) return estimate.found.size
    const found = isSameRing && estimate.links === links && isUpToDate(estimate.found) ? estimate.found : undefined
    this.estimate = { of, namesVersion, links, perSide, found: found ?? estimateRingSize(this, perSide) }
    return this.estimate.found.size
  }

  private indexEndpoints(connection: Connection): void {
    for (const endpoint of connection.endpoints) {
      const others = this.byEndpoint.get(endpoint)
      if (!others) this.byEndpoint.set(endpoint, [connection])
      else if (!others.includes(connection)) others.push(connection)
    }
  }

  private forgetEndpoints(connection: Connection): void {
    for (const endpoint of connection.endpoints) {
      const others = this.byEndpoint.get(endpoint)?.filter((other) => other !== connection)
      if (others && others.length > 0) this.byEndpoint.set(endpoint, others)
      else this.byEndpoint.delete(endpoint)
    }
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
