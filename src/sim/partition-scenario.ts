/**
 * Partition: the network falls into parts that neither reach nor see each other, for `--minutes`; each part becomes a
 * ring of its own. Then they reach and see each other again: how long until there is one ring?
 */
import { counterSums, Meter } from './meter.ts'
import { ringsOf } from './rings.ts'
import {
  advance,
  outcomeOf,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  worldOf,
} from './scenario.ts'

const SETTLING_MS = 60_000 // As before a crash.
const HEALING_LIMIT_MS = 300_000

export async function partitionScenario(options: ScenarioOptions, progress: Progress) {
  const world = worldOf(options)
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  if (formedMs === undefined) return outcomeOf(world, { formedMs: null }, ringFailure(world, 'no ring was formed'))
  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))

  const parts = new Map(world.nodes.map(({ name }, index) => [name, index % options.parts]))
  world.partition((name) => parts.get(name) ?? 0)
  await advance(world, 60_000 * options.minutes, (done) => progress(done, 'apart'))
  const ringsApart = ringsOf(world.nodes)

  world.reunite()
  const healing = new Meter(world)
  const healedMs = await timeToOneRing(world, progress, HEALING_LIMIT_MS)
  const figures = { formedMs, ringsApart, healedMs: healedMs ?? null, perNode: healing.read() }
  const failure = healedMs === undefined ? ringFailure(world, 'the parts did not become one ring') : undefined
  return outcomeOf(world, { ...figures, counters: counterSums(world) }, failure)
}
