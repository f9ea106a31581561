/**
 * Ring size: how many nodes has the ring? Nobody counts them. Going out from our place on either side we know who comes
 * next, from our links and from the links that those name, up to where nobody whom we know goes on. When both walks meet
 * we have seen the whole ring and the number is exact; else the nodes seen per arc stand for the rest of the ring
 * (Symphony §3.3: s segments of length X give s / X; Brunet takes its near links alone).
 */
import { type Address, fractionOf } from './address.ts'
import type { Connection } from './connection.ts'
import type { ConnectionTable } from './connection-table.ts'
import { MAX_NEIGHBOURS } from './wire.ts'

/** On each side. Twice as many would halve the variance of an estimate of which only the logarithm matters. */
const MAX_WALK = 12

/** What was found, and of whom it depends, besides our own links. */
export type RingSize = { size: number; tips: readonly Tip[] }

type Tip = { connection: Connection; neighbours: readonly Address[]; links: readonly Address[] }

type Walk = { nodes: Address[]; arc: number }

export function estimateRingSize(table: ConnectionTable, perSide: number): RingSize {
  const known = table.structured().length + 1
  const tips: Tip[] = []
  const left = walk(table, perSide, 'left', tips)
  const right = walk(table, perSide, 'right', tips)
  const seen = new Set([...left.nodes, ...right.nodes])
  if (seen.size < left.nodes.length + right.nodes.length) return { size: Math.max(known, seen.size + 1), tips }
  const arc = left.arc + right.arc
  return { size: Math.max(known, arc > 0 ? Math.round(seen.size / arc) : known), tips }
}

/** Whether those by whom a size was estimated name the same ones still: most others make no difference. */
export function isUpToDate({ tips }: RingSize): boolean {
  for (const { connection, neighbours, links } of tips) {
    if (connection.status.neighbours !== neighbours || connection.links !== links) return false
  }
  return true
}

/** Whether we know more nodes than so many by address, ourselves included: links, and whom they name. */
export function knowsMoreThan(table: ConnectionTable, count: number): boolean {
  if (table.size + 1 > count) return true
  const known = new Set([table.self])
  for (const { address, status } of table.all()) {
    known.add(address)
    for (const name of status.neighbours) known.add(name)
    if (known.size > count) return true
  }
  return false
}

function walk(table: ConnectionTable, perSide: number, side: 'left' | 'right', tips: Tip[]): Walk {
  const self = fractionOf(table.self)
  const away = (place: number) => (side === 'left' ? place - self + 1 : self - place + 1) % 1
  const nodes = table.neighboursOf(table.self, side, perSide)
  let arc = nodes.length > 0 ? away(fractionOf(nodes.at(-1) as Address)) : 0
  while (nodes.length > 0 && nodes.length < MAX_WALK) {
    const connection = table.get(nodes.at(-1) as Address)
    if (!connection) break
    tips.push({ connection, neighbours: connection.status.neighbours, links: connection.links })
    const beyond = whoComesNext(connection, table.self, away, arc, perSide)
    if (beyond.length === 0) break
    for (const { name } of beyond) nodes.push(name)
    arc = (beyond.at(-1) as Named).away
  }
  return { nodes, arc }
}

type Named = { name: Address; away: number }

/** Those beside the tip of a walk, of its own links: certain to be all while it knows who is next to it. */
function whoComesNext(
  { status, links, namedPlaces }: Connection,
  self: Address,
  away: (place: number) => number,
  beyond: number,
  count: number,
): Named[] {
  const { neighbours } = status
  // Until it has reported all its links, only those are complete that it names on our side of the ring.
  const isComplete = links.length > 0
  const most = isComplete ? count : MAX_NEIGHBOURS / 2
  const nearest: Named[] = []
  for (let index = 0; index < namedPlaces.length; index++) {
    const way = away(namedPlaces[index] as number)
    if (isComplete && way <= beyond) continue
    if (nearest.length === most && way >= (nearest[most - 1] as Named).away) continue
    const name = (index < neighbours.length ? neighbours[index] : links[index - neighbours.length]) as Address
    if (name === self) continue
    let at = nearest.length
    while (at > 0 && (nearest[at - 1] as Named).away > way) at--
    nearest.splice(at, 0, { name, away: way })
    if (nearest.length > most) nearest.pop()
  }
  return isComplete ? nearest : nearest.filter((named) => named.away > beyond).slice(0, count)
}
