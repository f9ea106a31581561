/**
 * Lookahead: where do our links' own links lead? Of all places named there the one nearest to the destination is looked
 * for, so that a packet can take the link from which one more hop leads nearest (Manku, Naor, Wieder: "know thy
 * neighbor's neighbor").
 *
 * That link may lie further from the destination than we do (uphill) while the packet is young: in the first few hops the
 * whole ring is in reach. Later only links that are nearer than we are taken. So whatever others have named, old or
 * forged, a packet makes a few free hops and then only progress: it runs in no circle, and is delivered where it would
 * be without lookahead, since a node that has a nearer link never takes itself for the nearest.
 *
 * Names change about as often as packets come, so nothing is sorted beforehand: looking at all names once costs less.
 */
import { type Address, apart, fractionOf, nearer } from './address.ts'
import type { Connection } from './connection.ts'
import type { ConnectionTable } from './connection-table.ts'

/** Measured on rings of 64 to 4096 nodes: mean ways 8 % shorter than without, and no more is to be had. */
const UPHILL_HOPS = 4

/** Of more links those that lie nearest to the destination: while a ring forms, a node has many that lead nowhere new. */
const MOST_LOOKED_AT = 24

/** The link to take; `nearest` is the one that is itself nearest to the destination. Never back, if it can be helped. */
export function lookAhead(
  table: ConnectionTable,
  { destination, hops }: { destination: Address; hops: number },
  nearest: Address,
  previous: Address | undefined,
): Address {
  const { self } = table
  const place = fractionOf(destination)
  const enough = apart(place, fractionOf(nearest))
  let best: Address | undefined
  let bestWay = enough
  for (const link of table.routableAround(destination, MOST_LOOKED_AT / 2)) {
    const connection = link === previous ? undefined : table.get(link)
    if (!connection) continue
    const way = wayThrough(connection, place, bestWay, self)
    if (way >= enough || (best && way === bestWay && nearer(destination, link, best) !== link)) continue
    if (way > bestWay || (hops >= UPHILL_HOPS && nearer(destination, link, self) !== link)) continue
    best = link
    bestWay = way
  }
  return best ?? nearest
}

/** From the nearest of those that the far end names, ourselves left out; infinite when none is within `limit`. */
function wayThrough({ namedPlaces, status, links }: Connection, place: number, limit: number, self: Address): number {
  const { neighbours } = status
  let shortest = Number.POSITIVE_INFINITY
  for (let index = 0; index < namedPlaces.length; index++) {
    const way = apart(place, namedPlaces[index] as number)
    if (way > limit || way >= shortest) continue
    const name = index < neighbours.length ? neighbours[index] : links[index - neighbours.length]
    if (name !== self) shortest = way
  }
  return shortest
}
