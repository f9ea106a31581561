/**
 * Crash: a share of the nodes die at once without a word. How long until those who are left are one ring again? Nobody
 * tells them: presences of the dead stay as ghosts, as when machines lose power and no socket is closed. And which values
 * of the DHT went with them?
 */
import { crashSome, failureOf, putAll } from './dht-scenario.ts'
import { DhtTraffic } from './dht-traffic.ts'
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

/** Links settle before the blow. A guess. */
const SETTLING_MS = 60_000
const HEALING_LIMIT_MS = 300_000

export async function crashScenario(options: ScenarioOptions, progress: Progress) {
  let traffic: DhtTraffic | undefined
  const world = worldOf(options, { witness: (_name, _input, effects, nowMs) => traffic?.hear(effects, nowMs) })
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  if (formedMs === undefined) return outcomeOf(world, { formedMs: null }, ringFailure(world, 'no ring was formed'))
  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))

  traffic = new DhtTraffic(world, options.values)
  await putAll(world, traffic, progress)

  const crashed = crashSome(world, options.fraction)
  const healing = new Meter(world)
  const healedMs = await timeToOneRing(world, progress, HEALING_LIMIT_MS)
  const perNode = healing.read()
  const lost = traffic.look()
  const { putFailed } = traffic.counts
  const figures = {
    formedMs,
    crashed,
    left: world.inhabitants.size,
    healedMs: healedMs ?? null,
    lost: lost.length,
    putFailed,
  }
  const failure = healedMs === undefined ? ringFailure(world, 'the ring did not heal') : failureOf(world, traffic, lost)
  return outcomeOf(world, { ...figures, perNode, counters: counterSums(world) }, failure)
}
