import { beforeAll, describe, expect, test } from 'vitest'
import { type Endpoint, targetOf } from '../overlay/endpoint.ts'
import { ChurnModel } from './churn-model.ts'
import { firstGap, members } from './membership.ts'
import { MessageTraffic } from './message-traffic.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
const MINUTE_MS = 60_000
const NODES = 12
const MEDIAN_SESSION_MS = MINUTE_MS
const CHURN_MS = 2 * MINUTE_MS
/** What is under way when the churn ends has been settled by then. */
const CALM_MS = 60_000
/** Attempts of one node to open a channel, over either network. */
const MAX_DIALS_PER_MINUTE = 60
/** Of these, to one who is dead. */
const MAX_DIALS_OF_DEAD_PER_MINUTE = 4

type Churned = {
  world: World
  messages: MessageTraffic
  consistent: number
  churn: ChurnModel
  dials: Dials
}

/** Who dialled how often in which minute, of all nodes. */
class Dials {
  readonly ofAll = new Map<string, number>()
  readonly ofDead = new Map<string, number>()

  note(name: string, endpoint: Endpoint, nowMs: number, world: World): void {
    const minute = Math.floor(nowMs / MINUTE_MS)
    const far = targetOf(endpoint)
    bump(this.ofAll, `${name} ${minute}`)
    if (!world.inhabitants.has(far)) bump(this.ofDead, `${name} ${far} ${minute}`)
  }
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

const most = (counts: ReadonlyMap<string, number>) => Math.max(0, ...counts.values())
const flush = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Nodes come and go while messages go between those who are there. */
async function churned(seed: number): Promise<Churned> {
  const messages = new MessageTraffic()
  const dials = new Dials()
  const world: World = new World({
    seed,
    latencyMs: 50,
    onDelivery: (_, delivery) => messages.delivered(delivery),
    witness: (name, _, effects, nowMs) => {
      for (const effect of effects) if (effect.type === 'dial') dials.note(name, effect.endpoint, nowMs, world)
    },
  })
  world.startTogether(NODES)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(15_000)
  const churn = new ChurnModel(world, MEDIAN_SESSION_MS)
  let consistent = 0
  for (let second = 0; second < CHURN_MS / 1_000; second++) {
    world.run(1_000)
    await flush()
    const ring = members(world)
    if (firstGap(world, world.inRingOrder) === undefined) consistent++
    const anybody = () => ring[Math.floor(world.random() * ring.length)] as Inhabitant
    for (let count = 0; count < 3; count++) {
      const [from, to] = [anybody(), anybody()]
      if (from !== to) messages.send(from, to)
    }
  }
  churn.stop()
  world.run(CALM_MS)
  await flush()
  return { world, messages, consistent: consistent / (CHURN_MS / 1_000), churn, dials }
}

describe('while nodes come and go, each for a minute or so', () => {
  const runs: (Churned & { seed: number })[] = []
  beforeAll(async () => {
    for (const seed of seeds(2)) runs.push({ seed, ...(await churned(seed)) })
  })

  test('the ring of those who are there is whole at almost every second, and at the end', () => {
    for (const { seed, consistent, world, churn } of runs) {
      const { arrived, left, crashed } = churn.counts
      for (const count of [arrived, left, crashed]) expect(count).toBeGreaterThan(0)
      expect(arrived + left + crashed).toBeGreaterThan(10)
      expect(consistent, `SEED=${seed}`).toBeGreaterThanOrEqual(0.99)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
    }
  })

  test('no message is lost whose sender was told that it arrived, and none comes twice', () => {
    for (const { seed, messages } of runs) {
      const { sent, acknowledged, deliveredTwice } = messages.counts
      expect(acknowledged).toBeGreaterThan(0.95 * sent)
      expect({ seed, lost: messages.acknowledgedLost.length, deliveredTwice }).toEqual({
        seed,
        lost: 0,
        deliveredTwice: 0,
      })
    }
  })

  test('no node opens more than sixty channels a minute, nor four towards one who is dead', () => {
    for (const { seed, dials } of runs) {
      expect(most(dials.ofDead), `SEED=${seed}`).toBeGreaterThan(0)
      expect(most(dials.ofAll), `SEED=${seed}`).toBeLessThanOrEqual(MAX_DIALS_PER_MINUTE)
      expect(most(dials.ofDead), `SEED=${seed}`).toBeLessThanOrEqual(MAX_DIALS_OF_DEAD_PER_MINUTE)
    }
  })
})

test('a dead node whose presence stays is not dialled more and more by those who cannot be without it', () => {
  for (const seed of seeds(3)) {
    const dials = new Dials()
    const world: World = new World({
      seed,
      witness: (name, _, effects, nowMs) => {
        for (const effect of effects) if (effect.type === 'dial') dials.note(name, effect.endpoint, nowMs, world)
      },
    })
    const [dead] = world.addMany(4) as [Inhabitant]
    world.runUntil(() => world.isOneRing, LIMIT_MS)
    world.run(15_000)
    // Presences of the living stay as well: those who are left know of a ghost, and of each other.
    world.crash(dead, 'unnoticed')
    world.run(10 * MINUTE_MS)
    expect(most(dials.ofDead), `SEED=${seed}`).toBeGreaterThan(0)
    expect(most(dials.ofDead), `SEED=${seed}`).toBeLessThanOrEqual(MAX_DIALS_OF_DEAD_PER_MINUTE)
  }
})
