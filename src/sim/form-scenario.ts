/**
 * Form: how long until nodes that start together are one ring, and what does the ring cost when it is left alone?
 *
 *   all start --formedMs--> one ring --two minutes in which links settle--> idle for --minutes: perNode
 */
import { counterSums, linkKinds, Meter, rounded } from './meter.ts'
import {
  advance,
  outcomeOf,
  type PhaseEnded,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  worldOf,
} from './scenario.ts'
import { shardedForm } from './sharded-form.ts'

/** Surplus links are trimmed by then, and shortcuts that met a full node asked for again (30 s apart at most). */
export const SETTLING_MS = 120_000

export async function formScenario(options: ScenarioOptions, progress: Progress, phaseEnded?: PhaseEnded) {
  if (options.shards > 1) return await shardedForm(options, progress, phaseEnded)
  const world = worldOf(options)
  const forming = new Meter(world)
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  phaseEnded?.('forming', world.clock.events)
  const whileForming = { ...forming.read(), kinds: linkKinds(world) }
  const figures = { formedMs: formedMs ?? null, whileForming }
  if (formedMs === undefined) return outcomeOf(world, figures, ringFailure(world, 'no ring was formed'))
  if (options.minutes <= 0) return outcomeOf(world, figures)

  await advance(world, SETTLING_MS, (done) => progress(done, 'settling'))
  phaseEnded?.('settling', world.clock.events)
  const idle = new Meter(world)
  let [samples, whole] = [0, 0]
  await advance(world, 60_000 * options.minutes, (done) => {
    samples++
    if (world.isOneRing) whole++
    progress(done, 'idle')
  })
  phaseEnded?.('idle', world.clock.events)
  const held = rounded(whole / samples, 4)
  const measured = { ...figures, held, perNode: idle.read(), kinds: linkKinds(world), counters: counterSums(world) }
  return outcomeOf(world, measured, world.isOneRing ? undefined : ringFailure(world, 'the ring did not hold'))
}
