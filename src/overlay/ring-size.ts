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

type Walk = { nodes: Address[]; arc: number }

export function estimateRingSize(table: ConnectionTable, perSide: number): number {
  const known = table.structured().length + 1
  const left = walk(table, perSide, 'left')
  const right = walk(table, perSide, 'right')
  const seen = new Set([...left.nodes, ...right.nodes])
  if (seen.size < left.nodes.length + right.nodes.length) return Math.max(known, seen.size + 1)
  const arc = left.arc + right.arc
  return Math.max(known, arc > 0 ? Math.round(seen.size / arc) : known)
}

/** How many nodes we know by address, ourselves included: links, and whom they name. */
export function countKnown(table: ConnectionTable): number {
  const known = new Set([table.self])
  for (const { address, status } of table.all()) {
    known.add(address)
    for (const name of status.neighbours) known.add(name)
  }
  return known.size
}

function walk(table: ConnectionTable, perSide: number, side: 'left' | 'right'): Walk {
  const self = fractionOf(table.self)
  const away = (address: Address) => ((((side === 'left' ? 1 : -1) * (fractionOf(address) - self)) % 1) + 1) % 1
  const nodes = table.neighboursOf(table.self, side, perSide)
  let arc = nodes.length > 0 ? away(nodes.at(-1) as Address) : 0
  while (nodes.length > 0 && nodes.length < MAX_WALK) {
    const tip = table.get(nodes.at(-1) as Address)
    const beyond = tip ? whoComesNext(tip, table.self, away, arc).slice(0, perSide) : []
    if (beyond.length === 0) break
    for (const { name } of beyond) nodes.push(name)
    arc = (beyond.at(-1) as { away: number }).away
  }
  return { nodes, arc }
}

/** Those beside the tip of a walk, of its own links: certain to be all while it knows who is next to it. */
function whoComesNext(tip: Connection, self: Address, away: (address: Address) => number, beyond: number) {
  const { neighbours } = tip.status
  const named = [...neighbours, ...tip.links]
    .filter((name) => name !== self)
    .map((name) => ({ name, away: away(name) }))
    .sort((a, b) => a.away - b.away)
  // Until it has reported all its links, only those are complete that it names on our side of the ring.
  const complete = tip.links.length > 0 ? named : named.slice(0, MAX_NEIGHBOURS / 2)
  return complete.filter((name) => name.away > beyond)
}
