/**
 * Hops: how many links does a packet go over between two nodes at random? Walks packets by the node's own routing,
 * through tables that were drawn as they ought to be, or with `formed` through those of a ring that protocol formed.
 */
import type { Address } from '../overlay/address.ts'
import type { ConnectionTable } from '../overlay/connection-table.ts'
import type { Random } from '../overlay/node-core.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { shortcutsFor } from '../overlay/shortcut-target.ts'
import { drawRing } from './drawn-ring.ts'
import { rounded } from './meter.ts'
import {
  advance,
  type Failure,
  type Outcome,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  worldOf,
} from './scenario.ts'
import { walk } from './walk.ts'

/** Pairs walked: the mean is then good to about half a per cent. */
const MAX_WALKS = 10_000
const NEAR_PER_SIDE = 2 // Brunet, near overlord.
/** Shortcuts are made one after the other once the ring stands. A guess. */
const SETTLING_MS = 120_000

export async function hopsScenario(options: ScenarioOptions, progress: Progress): Promise<Outcome> {
  const random = seededRandom(options.seed)
  if (!options.formed) {
    const { nodes, shortcuts = shortcutsFor(nodes) } = options
    progress(0, 'drawing a ring')
    const tables = drawRing({ nodes, perSide: NEAR_PER_SIDE, shortcuts }, random)
    return outcomeOf(tables, random, progress, { shortcutsEach: shortcuts }, options.lookahead)
  }
  const world = worldOf(options)
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  if (formedMs === undefined) {
    const failure = ringFailure(world, 'no ring was formed')
    return { figures: { formedMs: null }, failure, events: world.clock.events, virtualMs: world.clock.now() }
  }
  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))
  const tables = new Map(world.nodes.map(({ address, node }) => [address, node.table]))
  return outcomeOf(tables, random, progress, { formedMs }, options.lookahead)
}

function outcomeOf(
  tables: ReadonlyMap<Address, ConnectionTable>,
  random: Random,
  progress: Progress,
  figures: Record<string, unknown>,
  lookahead: boolean,
): Outcome {
  const addresses = [...tables.keys()]
  const hops: number[] = []
  let failure: Failure | undefined
  const walks = Math.min(MAX_WALKS, addresses.length * (addresses.length - 1))
  while (hops.length < walks && !failure) {
    const source = addresses[Math.floor(random() * addresses.length)] as Address
    const target = addresses[Math.floor(random() * addresses.length)] as Address
    if (source === target) continue
    const way = walk(source, target, (address) => tables.get(address), lookahead)
    hops.push(way.hops)
    if (way.end !== 'delivered' || way.at !== target) {
      failure = { why: `a packet from ${source} to ${target} was ${way.end} at ${way.at}`, concerned: [] }
    }
    progress(hops.length / walks, 'walking')
  }
  const steps = hops.reduce((sum, count) => sum + count, 0)
  const links = [...tables.values()].reduce((sum, { size }) => sum + size, 0)
  const measured = {
    ...figures,
    hops: { mean: rounded(steps / hops.length, 3), p50: percentile(hops, 0.5), p99: percentile(hops, 0.99) },
    walks: hops.length,
    links: rounded(links / addresses.length),
  }
  return { figures: measured, failure, events: steps, virtualMs: 0 }
}

/** The least value that so large a share is not above. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
