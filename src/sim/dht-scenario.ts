/**
 * Dht: is a value found for as long as its lease runs, whoever comes and goes? First all is put and asked for in a ring
 * at rest, which tells what a put and a get cost; then `--crash-fraction` of the nodes die at once; then nodes come and go
 * for `--minutes`, while owners renew what is theirs and anybody asks for anything. What must not be, a value lost whose
 * lease runs, or one served after its lease, is a failure.
 */
import type { Address } from '../overlay/address.ts'
import { ChurnModel } from './churn-model.ts'
import { DhtTraffic } from './dht-traffic.ts'
import type { Value } from './dht-values.ts'
import { nearestOf } from './drawn-ring.ts'
import { percentile } from './hops-scenario.ts'
import { GRACE_MS, members } from './membership.ts'
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

const SETTLING_MS = 60_000 // As before a crash.
/** Who is the root of a key asks others, too, until those around it have been the same for a minute. */
const KNOWN_MS = 90_000
const PUTS_PER_S = 100
const STILL_GETS = 1_000
const STILL_GETS_PER_S = 50
/** What was asked for last has been answered by then. */
const ANSWER_MS = 20_000
const GETS_PER_S = 10
const LOOK_EVERY_S = 10
const HEALING_LIMIT_MS = 300_000
/** Whose traces may tell how a value came to be lost. */
const MAX_CONCERNED = 3

export async function dhtScenario(options: ScenarioOptions, progress: Progress) {
  let traffic: DhtTraffic | undefined
  const world = worldOf(options, { witness: (_name, _input, effects, nowMs) => traffic?.hear(effects, nowMs) })
  world.startTogether(options.nodes)
  const formedMs = await timeToOneRing(world, progress)
  if (formedMs === undefined) return outcomeOf(world, { formedMs: null }, ringFailure(world, 'no ring was formed'))
  await advance(world, Math.max(SETTLING_MS, GRACE_MS - formedMs), (done) => progress(done, 'settling'))

  traffic = new DhtTraffic(world, options.values)
  const still = await stillCost(world, traffic, progress)
  const lost: Value[] = []
  const crash = options.crashFraction > 0 ? await crashed(world, traffic, lost, options.crashFraction, progress) : {}
  const churn = options.minutes > 0 ? await churned(world, traffic, lost, options, progress) : {}
  const figures = { formedMs, ...still, ...crash, ...churn, ...foundIn(traffic), ...heldBy(world) }
  return outcomeOf(world, { ...figures, counters: counterSums(world) }, failureOf(world, traffic, lost))
}

/** What puts and gets cost in a ring at rest, in times that a message goes over a link. */
async function stillCost(world: World, traffic: DhtTraffic, progress: Progress) {
  const anybody = () => anyOf(world.nodes, world)
  traffic.frames.take()
  await putAll(world, traffic, progress)
  const { puts } = traffic.counts
  const { put, copy, done } = traffic.frames.take()
  const { putMs } = traffic.takeTimes()
  const { keys } = traffic.values
  await advance(world, KNOWN_MS, (share) => progress(share, 'put'))
  traffic.frames.take()
  await advance(world, (1_000 * STILL_GETS) / STILL_GETS_PER_S, (share) => {
    progress(share, 'getting')
    for (let count = 0; count < STILL_GETS_PER_S; count++) traffic.get(anybody(), anyOf(keys, world))
  })
  await advance(world, ANSWER_MS)
  const { gets } = traffic.counts
  const { get, values } = traffic.frames.take()
  const { getMs } = traffic.takeTimes()
  return {
    perPut: { messages: rounded((put + copy + done) / puts), onTheWay: rounded(put / puts), medianMs: median(putMs) },
    perGet: { messages: rounded((get + values) / gets), onTheWay: rounded(get / gets), medianMs: median(getMs) },
  }
}

export async function putAll(world: World, traffic: DhtTraffic, progress: Progress): Promise<void> {
  const wanted = traffic.values.count
  while (traffic.counts.puts < wanted) {
    traffic.putWhatIsDue(() => anyOf(world.nodes, world), PUTS_PER_S)
    await advance(world, 1_000)
    progress(traffic.counts.puts / wanted, 'putting')
  }
  await advance(world, ANSWER_MS)
}

async function crashed(world: World, traffic: DhtTraffic, lost: Value[], fraction: number, progress: Progress) {
  const crashedNodes = crashSome(world, fraction)
  const healedMs = await timeToOneRing(world, progress, HEALING_LIMIT_MS)
  await advance(world, ANSWER_MS, (done) => progress(done, 'healed'))
  lost.push(...traffic.look())
  for (const key of traffic.values.keys) traffic.get(anyOf(world.nodes, world), key)
  await advance(world, ANSWER_MS)
  const { lost: crashLost } = traffic.counts
  return { crashed: crashedNodes, healedMs: healedMs ?? null, crashLost }
}

/** A share of all, at once and without a word. Returns how many. */
export function crashSome(world: World, fraction: number): number {
  const nodes = world.nodes
  const crashed = Math.round(fraction * nodes.length)
  for (let count = crashed; count > 0; count--) {
    const [dead] = nodes.splice(Math.floor(world.random() * nodes.length), 1) as [Inhabitant]
    world.crash(dead, 'unnoticed')
  }
  return crashed
}

async function churned(world: World, traffic: DhtTraffic, lost: Value[], options: ScenarioOptions, progress: Progress) {
  const churn = new ChurnModel(world, 60_000 * options.medianSessionMinutes)
  const meter = new Meter(world)
  let seconds = 0
  const trade = () => {
    const ring = members(world)
    if (ring.length < 2) return
    const anybody = () => anyOf(ring, world)
    traffic.putWhatIsDue(anybody)
    for (let count = 0; count < GETS_PER_S; count++) traffic.get(anybody(), anyOf(traffic.values.keys, world))
    if (++seconds % LOOK_EVERY_S === 0) lost.push(...traffic.look())
  }
  await advance(world, 60_000 * options.minutes, (done) => {
    progress(done, 'churn')
    trade()
  })
  const perNode = meter.read()
  churn.stop()
  await advance(world, ANSWER_MS, (done) => progress(done, 'calm'))
  const { putMs, getMs } = traffic.takeTimes()
  const times = { putMedianMs: median(putMs), putP99Ms: p99(putMs), getMedianMs: median(getMs), getP99Ms: p99(getMs) }
  return { churned: churn.counts, perNode, ...times }
}

function foundIn({ counts, putFailures, missedLeftMs }: DhtTraffic) {
  const { wanted, missed, wantedAtTheLast, missedAtTheLast } = counts
  return {
    found: rounded((wanted - missed) / wanted, 5),
    foundToTheLast: rounded(
      (wanted + wantedAtTheLast - missed - missedAtTheLast) / Math.max(1, wanted + wantedAtTheLast),
      5,
    ),
    ...counts,
    putFailures,
    missedLeftMs: missedLeftMs.slice(0, 10),
  }
}

function heldBy(world: World) {
  const stores = world.nodes.map(({ node }) => node.dht.store)
  const bytes = stores.map(({ byteLength }) => byteLength)
  const records = stores.reduce((sum, { size }) => sum + size, 0)
  const sum = bytes.reduce((a, b) => a + b, 0)
  return {
    held: {
      recordsPerNode: rounded(records / stores.length),
      bytesPerNode: Math.round(sum / stores.length),
      mostBytes: Math.max(0, ...bytes),
    },
  }
}

export function failureOf(world: World, { counts }: DhtTraffic, lost: readonly Value[]): Failure | undefined {
  const { expiredServed } = counts
  const [first] = lost
  if (first)
    return { why: `${lost.length} values were lost while their leases ran`, concerned: rootsOf(world, first.key) }
  return expiredServed > 0
    ? { why: `${expiredServed} values were served after their leases`, concerned: [] }
    : undefined
}

/** Who should have held what is under a key, by who is there now. */
function rootsOf(world: World, key: Address): Inhabitant[] {
  const ring = world.inRingOrder
  const nearest = nearestOf(
    ring.map(({ address }) => address),
    key,
  )
  const index = ring.findIndex(({ address }) => address === nearest)
  return Array.from({ length: Math.min(MAX_CONCERNED, ring.length) }, (_, step) => {
    return ring[(index + step - 1 + ring.length) % ring.length] as Inhabitant
  })
}

function anyOf<Item>(items: readonly Item[], { random }: World): Item {
  return items[Math.floor(random() * items.length)] as Item
}

function median(times: readonly number[]): number {
  return Math.round(percentile(times, 0.5))
}

function p99(times: readonly number[]): number {
  return Math.round(percentile(times, 0.99))
}
