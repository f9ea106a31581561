/**
 * Meter: what does it cost? Differences between two looks at a world's totals, per node and time. Bytes are those of the
 * overlay's frames: what XMPP stanzas, DTLS, SCTP, UDP and IP put around them is not in them.
 */
import type { World } from './world.ts'

export type PerNode = {
  bytesPerS: number
  framesPerS: number
  /** Attempts to open a channel, over either network. */
  dialsPerMinute: number
  /** At the moment of the reading. */
  links: number
}

/** Since the beginning, but for `links` and `nodes`: those are of the moment. */
export type Totals = { frames: number; bytes: number; dials: number; nodeMs: number; links: number; nodes: number }

export class Meter {
  private readonly world: World
  private readonly from: Totals

  constructor(world: World) {
    this.world = world
    this.from = totalsOf(world)
  }

  read(): PerNode {
    return perNode(this.from, totalsOf(this.world))
  }
}

export function totalsOf(world: World): Totals {
  let links = 0
  for (const { node } of world.inhabitants.values()) links += node.table.size
  return { ...world.traffic, nodeMs: world.nodeMs, links, nodes: world.inhabitants.size }
}

export function perNode(from: Totals, to: Totals): PerNode {
  const nodeS = (to.nodeMs - from.nodeMs) / 1_000
  return {
    bytesPerS: rounded((to.bytes - from.bytes) / nodeS),
    framesPerS: rounded((to.frames - from.frames) / nodeS),
    dialsPerMinute: rounded((60 * (to.dials - from.dials)) / nodeS),
    links: rounded(to.links / Math.max(1, to.nodes)),
  }
}

/** Ends of links by the kind of the channel that carries them. */
export function linkKinds(world: Pick<World, 'inhabitants'>): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const { node } of world.inhabitants.values()) {
    for (const { active } of node.table.all()) {
      const kind = active?.kind ?? 'none'
      kinds[kind] = (kinds[kind] ?? 0) + 1
    }
  }
  return kinds
}

/** What was dropped or went wrong, of all that are there, by reason. */
export function counterSums(world: Pick<World, 'inhabitants'>): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { node } of world.inhabitants.values()) {
    for (const [reason, count] of node.counters) sums[reason] = (sums[reason] ?? 0) + count
  }
  return inOrder(sums)
}

/** Of several looks at different things, or at parts of one. */
export function summed<Name extends string>(parts: readonly Record<Name, number>[]): Record<Name, number> {
  const sums: Record<string, number> = {}
  for (const part of parts) {
    for (const [name, count] of Object.entries<number>(part)) sums[name] = (sums[name] ?? 0) + count
  }
  return inOrder(sums) as Record<Name, number>
}

function inOrder(sums: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function rounded(value: number, digits = 2): number {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : 0
}
