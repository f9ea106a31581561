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

export class Meter {
  private readonly world: World
  private readonly from: { frames: number; bytes: number; dials: number; nodeMs: number }

  constructor(world: World) {
    this.world = world
    this.from = { ...world.traffic, nodeMs: world.nodeMs }
  }

  read(): PerNode {
    const { world, from } = this
    const { frames, bytes, dials } = world.traffic
    const nodeS = (world.nodeMs - from.nodeMs) / 1_000
    let links = 0
    for (const { node } of world.inhabitants.values()) links += node.table.size
    return {
      bytesPerS: rounded((bytes - from.bytes) / nodeS),
      framesPerS: rounded((frames - from.frames) / nodeS),
      dialsPerMinute: rounded((60 * (dials - from.dials)) / nodeS),
      links: rounded(links / Math.max(1, world.inhabitants.size)),
    }
  }
}

/** Ends of links by the kind of the channel that carries them. */
export function linkKinds(world: World): Record<string, number> {
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
export function counterSums(world: World): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { node } of world.inhabitants.values()) {
    for (const [reason, count] of node.counters) sums[reason] = (sums[reason] ?? 0) + count
  }
  return Object.fromEntries(Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function rounded(value: number, digits = 2): number {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : 0
}
