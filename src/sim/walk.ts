/** Walk: the way of one greedy packet through tables that stand still, by the node's own routing. */
import type { Address } from '../overlay/address.ts'
import type { ConnectionTable } from '../overlay/connection-table.ts'
import { type Routable, type Route, route } from '../overlay/routing.ts'

export type WalkEnd = { hops: number; at: Address; end: 'delivered' | 'dropped' | 'nobody' }

/** More than any table that is not broken needs; the hop limit of a packet is one byte. */
const TTL = 255

/** One look at one table. The one place where the simulator asks the routing. */
export function nextHop(
  packet: Routable,
  table: ConnectionTable,
  previous: Address | undefined,
  lookahead: boolean,
): Route {
  return route(packet, table, previous, lookahead)
}

export function greedyPacket(source: Address, destination: Address): Routable {
  return { mode: 'greedy', hops: 0, ttl: TTL, source, destination }
}

export function walk(
  source: Address,
  destination: Address,
  tableOf: (address: Address) => ConnectionTable | undefined,
  lookahead: boolean,
): WalkEnd {
  const packet = greedyPacket(source, destination)
  let at = source
  let previous: Address | undefined
  for (;;) {
    const table = tableOf(at)
    if (!table) return { hops: packet.hops, at, end: 'nobody' }
    const { deliver, next, dropped } = nextHop(packet, table, previous, lookahead)
    if (deliver) return { hops: packet.hops, at, end: 'delivered' }
    if (dropped || !next) return { hops: packet.hops, at, end: 'dropped' }
    previous = at
    at = next
    packet.hops++
  }
}
