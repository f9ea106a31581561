/**
 * Routing: where a packet goes from here. Pure: one look at one table, no state.
 *
 *   greedy     to the nearest node there is; delivered exactly once where tables agree
 *   annealing  to the two nodes on either side of the destination, should it not exist
 *   exact      as annealing, delivered to the destination or to nobody
 *   path       as annealing, delivered at every node on the way
 *   last       as greedy, delivered also where the hops run out
 *
 * A packet to a direction goes to each hop's own neighbour on that side, and is delivered where its hops run out, or
 * by path everywhere: with a ttl of 3 to the left it comes to the third node on our left.
 *
 * One hop limit stands before every mode, since tables that disagree can send a packet round in circles. A sender does
 * not hear its own packet: it knows what it asked (Brunet's annealing would tell it).
 */
import { type Address, directionOf, isNodeAddress, nearer } from './address.ts'
import type { ConnectionTable } from './connection-table.ts'
import { lookAhead } from './lookahead.ts'
import type { Mode } from './wire.ts'

/** Below about a dozen nodes (ln n)³ leaves no room for a detour. A guess. */
const TTL_MIN = 16
const TTL_MAX = 255

/** Brunet's (ln n)³ (AHSender), for the estimated number of nodes. */
export function timeToLive(size: number): number {
  return Math.min(TTL_MAX, Math.max(TTL_MIN, Math.floor(Math.log(Math.max(size, 1)) ** 3)))
}

export type Drop = 'hops' | 'nobody-there' | 'no such class'

export type Route = { deliver: boolean; next: Address | undefined; dropped: Drop | undefined }

export type Routable = { mode: Mode; hops: number; ttl: number; source: Address; destination: Address }

/**
 * `previous` is the neighbour that the packet came from, undefined at its source. With lookahead the way is shorter; who
 * delivers is the same.
 */
export function route(
  packet: Routable,
  table: ConnectionTable,
  previous: Address | undefined,
  lookahead = false,
): Route {
  const { destination, mode } = packet
  if (packet.hops > packet.ttl) return drop('hops')
  if (!isNodeAddress(destination)) return turn(packet, table)
  if (destination === table.self) return deliver()
  if (table.get(destination)) return onward(mode, destination)
  switch (mode) {
    case 'greedy':
      return descend(packet, table, previous, lookahead)
    case 'last':
      return packet.hops === packet.ttl ? deliver() : descend(packet, table, previous, lookahead)
    case 'annealing':
      return anneal(packet, table, previous, lookahead)
    case 'path':
      return { ...anneal(packet, table, previous, lookahead), deliver: true, dropped: undefined }
    case 'exact': {
      const { next, dropped } = anneal(packet, table, previous, lookahead)
      return next ? forward(next) : drop(dropped ?? 'nobody-there')
    }
  }
}

function turn(packet: Routable, table: ConnectionTable): Route {
  const direction = directionOf(packet.destination)
  if (!direction) return drop('no such class')
  if (packet.mode === 'exact') return drop('nobody-there')
  const [next] = table.routableBeside(table.self, direction)
  if (packet.hops === packet.ttl) return deliver()
  return next ? onward(packet.mode, next) : drop('nobody-there')
}

function descend(packet: Routable, table: ConnectionTable, previous: Address | undefined, lookahead: boolean): Route {
  const nearest = table.nearestTo(packet.destination)
  if (nearest === table.self) return deliver()
  return forward(lookahead ? lookAhead(table, packet, nearest, previous) : nearest)
}

/** Delivered on either side of the hole; each side hands it to the other, and never back to where it came from. */
function anneal(packet: Routable, table: ConnectionTable, previous: Address | undefined, lookahead: boolean): Route {
  const { self } = table
  const { destination } = packet
  const [left] = table.routableBeside(destination, 'left')
  const [right] = table.routableBeside(destination, 'right')
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
  const ahead = lookahead ? lookAhead(table, packet, closer, previous) : closer
  if (ahead !== previous) return forward(ahead)
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

/** On to who must have it next. */
function onward(mode: Mode, next: Address): Route {
  return { deliver: mode === 'path', next, dropped: undefined }
}

function drop(dropped: Drop): Route {
  return { deliver: false, next: undefined, dropped }
}
