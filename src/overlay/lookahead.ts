/**
 * Lookahead: where do our links' own links lead? For each place named there, sorted around the ring, it holds the link
 * that named it, so that a packet can take the link from which one more hop leads nearest to its destination (Manku, Naor,
 * Wieder: "know thy neighbor's neighbor").
 *
 * That link may lie further from the destination than we do (uphill) while the packet is young: in the first few hops the
 * whole ring is in reach. Later only links that are nearer than we are taken. So whatever others have named, old or
 * forged, a packet makes a few free hops and then only progress: it runs in no circle, and is delivered where it would
 * be without lookahead, since a node that has a nearer link never takes itself for the nearest.
 */
import { type Address, apart, fractionOf, nearer } from './address.ts'
import type { ConnectionTable } from './connection-table.ts'

/** Names looked at for one packet, beginning with the nearest to its destination. A guess. */
const MAX_LOOKED_AT = 32

/** Measured on rings of 64 to 4096 nodes: mean ways 8 % shorter than without, and no more is to be had. */
const UPHILL_HOPS = 4

export class Lookahead {
  private readonly table: ConnectionTable
  /** Ascending; `through` holds the link for each. */
  private readonly places: Float64Array
  private readonly through: Address[]

  constructor(table: ConnectionTable) {
    const named: { place: number; through: Address }[] = []
    for (const address of table.structured()) {
      const connection = table.get(address)
      if (!connection) continue
      for (const names of [connection.status.neighbours, connection.links]) {
        for (const name of names) if (name !== table.self) named.push({ place: fractionOf(name), through: address })
      }
    }
    named.sort((a, b) => a.place - b.place)
    this.table = table
    this.places = Float64Array.from(named, ({ place }) => place)
    this.through = named.map(({ through }) => through)
  }

  /** The link to take; `nearest` is the one that is itself nearest to the destination. Never back, if it can be helped. */
  choose(destination: Address, nearest: Address, previous: Address | undefined, hops: number): Address {
    const { places, through, table } = this
    const total = places.length
    const place = fractionOf(destination)
    const enough = apart(place, fractionOf(nearest))
    let above = lowerBound(places, place)
    let below = above - 1
    let best: Address | undefined
    let bestWay = enough
    for (let looked = 0; looked < Math.min(MAX_LOOKED_AT, total); looked++) {
      const up = (above + total) % total
      const down = (below + total) % total
      const wayUp = apart(place, places[up] as number)
      const wayDown = apart(place, places[down] as number)
      const index = wayUp < wayDown ? up : down
      const way = Math.min(wayUp, wayDown)
      if (way >= enough || (best && way > bestWay)) break
      if (index === up) above++
      else below--
      const link = through[index] as Address
      if (link === previous || table.isSuspected(link) || (best && nearer(destination, link, best) !== link)) continue
      if (hops >= UPHILL_HOPS && nearer(destination, link, table.self) !== link) continue
      best = link
      bestWay = way
    }
    return best ?? nearest
  }
}

/** The first index whose value is not below `value`. */
function lowerBound(ascending: Float64Array, value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
