/**
 * Churn: nodes come and go for `--minutes`. Once per virtual second the ring is looked at, lookups are asked for and
 * messages are sent; then nobody comes or goes any more, and what is left must be one ring.
 */
import { ChurnModel } from './churn-model.ts'
import { LookupTraffic } from './lookup-traffic.ts'
import { firstGap, GRACE_MS, members } from './membership.ts'
import { MessageTraffic } from './message-traffic.ts'
import { counterSums, Meter, rounded } from './meter.ts'
import {
  advance,
  type Failure,
  outcomeOf,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  worldOf,
} from './scenario.ts'
import type { Inhabitant, World } from './world.ts'

const LOOKUPS_PER_S = 10
const MESSAGES_PER_S = 5
/** What is under way when the churn ends is settled by then, and the ring whole: a sender gives up after 30 s. */
const CALMING_MS = 60_000
const CALM_LIMIT_MS = 120_000
/** Of the moments at which the ring was not consistent, those that are told of. */
const MAX_TOLD = 5

export async function churnScenario(options: ScenarioOptions, progress: Progress) {
  const messages = new MessageTraffic()
  const world = worldOf(options, { onDelivery: (_, delivery) => messages.delivered(delivery) })
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  if (formedMs === undefined) return outcomeOf(world, { formedMs: null }, ringFailure(world, 'no ring was formed'))
  await advance(world, Math.max(0, GRACE_MS - formedMs))

  const lookups = new LookupTraffic(world)
  const samples = { taken: 0, consistent: 0, told: [] as string[] }
  const churn = new ChurnModel(world, 60_000 * options.medianSessionMinutes)
  const meter = new Meter(world)
  await advance(world, 60_000 * options.minutes, (done) => {
    progress(done, 'churn')
    const ring = members(world)
    sample(world, samples)
    if (ring.length < 2) return
    const anybody = () => ring[Math.floor(world.random() * ring.length)] as Inhabitant
    for (let count = 0; count < LOOKUPS_PER_S; count++) lookups.ask(anybody())
    for (let count = 0; count < MESSAGES_PER_S; count++) {
      const [from, to] = [anybody(), anybody()]
      if (from !== to) messages.send(from, to)
    }
  })
  const perNode = meter.read()
  churn.stop()
  await advance(world, CALMING_MS, (done) => progress(done, 'calm'))
  const calmMs = await timeToOneRing(world, progress, CALM_LIMIT_MS)

  const lost = messages.acknowledgedLost
  const ackedLost = lost.length
  const figures = {
    formedMs,
    consistent: rounded(samples.consistent / samples.taken, 5),
    samples: samples.taken,
    lookupsRight: rounded(lookups.counts.right / lookups.counts.asked, 5),
    lookups: lookups.counts,
    ackedLost,
    messages: messages.counts,
    attemptsPerNodeMinute: perNode.dialsPerMinute,
    churned: churn.counts,
    left: world.inhabitants.size,
    perNode,
    inconsistencies: samples.told,
    counters: counterSums(world),
  }
  let failure: Failure | undefined
  if (calmMs === undefined) failure = ringFailure(world, 'after the churn there was not one ring')
  else if (ackedLost > 0)
    failure = { why: `${ackedLost} acknowledged messages were lost`, concerned: [...(lost[0] ?? [])] }
  else if (messages.counts.deliveredTwice > 0) failure = { why: 'a message was delivered twice', concerned: [] }
  return outcomeOf(world, figures, failure)
}

function sample(world: World, samples: { taken: number; consistent: number; told: string[] }): void {
  const missing = firstGap(world, world.inRingOrder)
  samples.taken++
  if (!missing) samples.consistent++
  else if (samples.told.length < MAX_TOLD) samples.told.push(`${Math.round(world.clock.now() / 1_000)} s: ${missing}`)
}
