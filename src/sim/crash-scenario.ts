/**
 * Crash: a share of the nodes die at once without a word. How long until those who are left are one ring again? Nobody
 * tells them: presences of the dead stay as ghosts, as when machines lose power and no socket is closed.
 */
import { counterSums, Meter } from './meter.ts'
import {
  advance,
  outcomeOf,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  worldOf,
} from './scenario.ts'
import type { Inhabitant } from './world.ts'

/** Links settle before the blow. A guess. */
const SETTLING_MS = 60_000
const HEALING_LIMIT_MS = 300_000

export async function crashScenario(options: ScenarioOptions, progress: Progress) {
  const world = worldOf(options)
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  if (formedMs === undefined) return outcomeOf(world, { formedMs: null }, ringFailure(world, 'no ring was formed'))
  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))

  const nodes = world.nodes
  const crashed = Math.round(options.fraction * nodes.length)
  for (let count = crashed; count > 0; count--) {
    const [dead] = nodes.splice(Math.floor(world.random() * nodes.length), 1) as [Inhabitant]
    world.crash(dead, 'unnoticed')
  }
  const healing = new Meter(world)
  const healedMs = await timeToOneRing(world, progress, HEALING_LIMIT_MS)
  const perNode = healing.read()
  const figures = { formedMs, crashed, left: nodes.length, healedMs: healedMs ?? null, perNode }
  const failure = healedMs === undefined ? ringFailure(world, 'the ring did not heal') : undefined
  return outcomeOf(world, { ...figures, counters: counterSums(world) }, failure)
}
