/**
 * Routing: where a packet goes from here. Pure: one look at one table, no state.
 *
 *   greedy     to the nearest node there is; delivered exactly once where tables agree
 *   annealing  to the two nodes on either side of the destination, should it not exist
 *   exact      to the destination or to nobody
 *
 * One hop limit stands before every mode, since tables that disagree can send a packet round in circles.
 */
import { type Address, nearer } from './address.ts'
import type { ConnectionTable } from './connection-table.ts'
import type { Mode } from './wire.ts'

/** Below about a dozen nodes (ln n)³ leaves no room for a detour. A guess. */
const TTL_MIN = 16
const TTL_MAX = 255

/** Brunet's (ln n)³ (AHSender), for the estimated number of nodes. */
export function timeToLive(size: number): number {
  return Math.min(TTL_MAX, Math.max(TTL_MIN, Math.floor(Math.log(Math.max(size, 1)) ** 3)))
}

export type Route = { deliver: boolean; next: Address | undefined; dropped: 'hops' | 'nobody-there' | undefined }

export type Routable = { mode: Mode; hops: number; ttl: number; source: Address; destination: Address }

/** `previous` is the neighbour that the packet came from, undefined at its source. */
export function route(packet: Routable, table: ConnectionTable, previous: Address | undefined): Route {
  const { self } = table
  const { destination, mode } = packet
  if (packet.hops > packet.ttl) return drop('hops')
  if (destination === self) return deliver()
  if (table.get(destination)) return forward(destination)
  switch (mode) {
    case 'greedy': {
      const nearest = table.nearestTo(destination)
      return nearest === self ? deliver() : forward(nearest)
    }
    case 'exact': {
      const nearest = table.nearestTo(destination)
      return nearest === self ? drop('nobody-there') : forward(nearest)
    }
    case 'annealing':
      return anneal(packet, table, previous)
  }
}

/** Delivered on either side of the hole; each side hands it to the other, and never back to where it came from. */
function anneal(packet: Routable, table: ConnectionTable, previous: Address | undefined): Route {
  const { self } = table
  const { destination } = packet
  const [left] = table.neighboursOf(destination, 'left', 1)
  const [right] = table.neighboursOf(destination, 'right', 1)
  if (!left || !right) return deliver()
  // We are the left side when a walk left from the destination meets us before our nearest link, and likewise right.
  const selfIsLeft = nextOnLeft(destination, self, left) === self
  const selfIsRight = nextOnLeft(destination, self, right) === right
  if (selfIsLeft || selfIsRight) {
    const other = selfIsLeft ? right : left
    return {
      deliver: true,
      next: other === previous || other === packet.source ? undefined : other,
      dropped: undefined,
    }
  }
  const closer = nearer(destination, left, right)
  const further = closer === left ? right : left
  const next = closer === previous ? further : closer
  return next === previous ? drop('nobody-there') : forward(next)
}

/** Which of two is met first when walking left from `place`. */
function nextOnLeft(place: Address, a: Address, b: Address): Address {
  const aBeyond = a > place
  const bBeyond = b > place
  if (aBeyond !== bBeyond) return aBeyond ? a : b
  return a < b ? a : b
}

function deliver(): Route {
  return { deliver: true, next: undefined, dropped: undefined }
}

function forward(next: Address): Route {
  return { deliver: false, next, dropped: undefined }
}

function drop(dropped: 'hops' | 'nobody-there'): Route {
  return { deliver: false, next: undefined, dropped }
}
