/**
 * Merge: rings that formed apart, whose presences then become visible to each other, all or with `--unseen` only some.
 * The network never stood between them: nobody had shown them to each other. How long until they are one ring?
 */
import { counterSums, Meter } from './meter.ts'
import { areRings, ringsOf } from './rings.ts'
import {
  advance,
  FORMING_LIMIT_MS,
  outcomeOf,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  timeUntil,
  worldOf,
} from './scenario.ts'

const SETTLING_MS = 60_000 // As before a crash.
const MERGING_LIMIT_MS = 300_000

export async function mergeScenario(options: ScenarioOptions, progress: Progress) {
  const world = worldOf(options)
  const partOf = (name: string) => Number(name.slice(1)) % options.parts
  world.rendezvous.split(partOf)
  world.startTogether(options.nodes)
  const parts = Array.from({ length: options.parts }, (_, part) =>
    world.nodes.filter(({ name }) => partOf(name) === part),
  )
  const formedMs = await timeUntil(
    world,
    () => areRings(parts),
    FORMING_LIMIT_MS,
    (done) => progress(done, 'forming apart'),
  )
  if (formedMs === undefined)
    return outcomeOf(world, { formedMs: null }, ringFailure(world, 'no rings were formed apart'))
  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))
  const ringsApart = ringsOf(world.nodes)

  world.rendezvous.rejoin()
  const merging = new Meter(world)
  const mergedMs = await timeToOneRing(world, progress, MERGING_LIMIT_MS)
  const figures = { formedMs, ringsApart, mergedMs: mergedMs ?? null, perNode: merging.read() }
  const failure = mergedMs === undefined ? ringFailure(world, 'the rings did not become one') : undefined
  return outcomeOf(world, { ...figures, counters: counterSums(world) }, failure)
}
