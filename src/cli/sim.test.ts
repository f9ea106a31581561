import { describe, expect, test } from 'vitest'
import type { Failure } from '../sim/scenario.ts'
import { parseSim } from './sim-options.ts'

/** Of the figures, those that are looked at here. */
type Figures = {
  formedMs: number
  healedMs: number
  mergedMs: number
  perNode: { bytesPerS: number; links: number }
  kinds: Record<string, number>
  hops: { mean: number; p99: number }
  pairs: number
  routable: number
  consistent: number
  lookupsRight: number
  lookups: { asked: number; right: number; wrong: number; unanswered: number }
  connectedMs: number
  milestones: Record<'reflectionMs' | 'rendezvousMs' | 'relayingMs' | 'connectedMs', number>
  linkEnds: Record<'whenOneRing' | 'tenSecondsLater', Record<string, number>>
  dhtMessagesPerNode: Record<string, number>
  lost: number
  found: number
  gets: number
  expiredServed: number
  perPut: { messages: number; onTheWay: number; medianMs: number }
  perGet: { messages: number; onTheWay: number; medianMs: number }
  held: { recordsPerNode: number; bytesPerNode: number }
  churned: { arrived: number; left: number; crashed: number }
}

/** As `npm run sim` would run it. */
async function run(words: string): Promise<{ figures: Figures; failure: Failure | undefined }> {
  const { entry, options } = parseSim(words.split(' '), 1)
  const { figures, failure } = await entry.run(options, () => undefined)
  return { figures: figures as Figures, failure }
}

describe('form', () => {
  test('tells how long one ring of ten took, and what it costs when idle', async () => {
    const { figures, failure } = await run('form --nodes 10 --minutes 0.5 --seed 1')
    expect(failure).toBeUndefined()
    expect(figures.formedMs).toBeGreaterThan(600) // Presence, a dial and its answer, a hello each way.
    expect(figures.formedMs).toBeLessThanOrEqual(2_000)
    expect(figures).toMatchObject({ held: 1 })
    const { bytesPerS, links } = figures.perNode
    expect(bytesPerS).toBeGreaterThan(1)
    expect(links).toBeGreaterThanOrEqual(4)
  })

  test('takes longer where packets are lost', async () => {
    const [clean, lossy] = [
      await run('form --nodes 30 --minutes 0 --seed 2'),
      await run('form --nodes 30 --minutes 0 --seed 2 --loss 0.2'),
    ]
    expect(lossy.failure).toBeUndefined()
    expect(lossy.figures.formedMs).toBeGreaterThan(clean.figures.formedMs)
  })

  test('stands on relays where NATs let no direct channel through', async () => {
    const { figures } = await run('form --nodes 8 --minutes 0.5 --seed 1 --nats udp-blocked')
    expect(Object.keys(figures.kinds)).toEqual(['relay'])
  })

  test('says who is to blame when no ring is formed', async () => {
    const { failure } = await run('form --nodes 3 --minutes 0 --seed 1 --unreachable 1')
    expect(failure?.why).toMatch(/^no ring was formed: n\d is alone$/)
    expect(failure?.concerned.length).toBe(1)
  })
})

describe('hops', () => {
  /** Brunet-like rings, greedy routing: an independent static simulation. */
  for (const [nodes, mean] of [
    [8, 1.47],
    [64, 2.47],
    [512, 3.9],
  ] as const) {
    test(`of greedy routing among ${nodes} are ${mean} in the mean, give or take 5 %`, async () => {
      const means: number[] = []
      for (const seed of nodes < 100 ? [1, 2, 3] : [1]) {
        const { figures, failure } = await run(`hops --nodes ${nodes} --no-lookahead --seed ${seed}`)
        expect(failure).toBeUndefined()
        const { mean: found, p99 } = figures.hops
        expect(p99).toBeLessThan(3 * found)
        means.push(found)
      }
      const found = means.reduce((sum, value) => sum + value, 0) / means.length
      expect(Math.abs(found / mean - 1)).toBeLessThan(0.05)
    })
  }

  test('become fewer with more shortcuts', async () => {
    const mean = async (shortcuts: number) =>
      (await run(`hops --nodes 64 --no-lookahead --shortcuts ${shortcuts}`)).figures.hops.mean
    expect(await mean(4)).toBeLessThan(await mean(1))
  })
})

test('crash: those who are left become one ring again', async () => {
  const { figures, failure } = await run('crash --nodes 30 --fraction 0.2 --values 100 --seed 1')
  expect(failure).toBeUndefined()
  expect(figures).toMatchObject({ crashed: 6, left: 24, lost: 0 })
  // The dead fall silent first: nobody can know sooner than keepalive allows.
  expect(figures.healedMs).toBeGreaterThan(1_000)
})

test('partition: the parts are rings of their own, and one ring when it ends', async () => {
  const { figures, failure } = await run('partition --nodes 18 --parts 3 --minutes 1 --seed 1')
  expect(failure).toBeUndefined()
  expect(figures).toMatchObject({ ringsApart: [6, 6, 6] })
  expect(figures.healedMs).toBeGreaterThan(100)
})

test('merge: rings that formed apart become one when they can see each other', async () => {
  const { figures, failure } = await run('merge --nodes 16 --parts 2 --seed 1')
  expect(failure).toBeUndefined()
  expect(figures).toMatchObject({ ringsApart: [8, 8] })
  expect(figures.mergedMs).toBeGreaterThan(100)
})

test('nontransitive: without tunnels some pairs cannot talk where a third of them can have no channel', async () => {
  const { figures, failure } = await run('nontransitive --nodes 12 --unreachable 0.5 --no-tunnels --seed 1')
  expect(failure).toBeUndefined()
  expect(figures.pairs).toBe(132)
  expect(figures.routable).toBeGreaterThan(0.2)
  expect(figures.routable).toBeLessThan(1)
})

test('churn: looks at the ring each second, asks for keys and sends messages', async () => {
  const { figures, failure } = await run('churn --nodes 20 --minutes 2 --median-session 2 --seed 1')
  expect(failure).toBeUndefined()
  expect(figures).toMatchObject({ samples: 120, ackedLost: 0 })
  expect(figures.consistent).toBeGreaterThan(0.97)
  const { asked, right, wrong, unanswered } = figures.lookups
  expect(right + wrong + unanswered).toBe(asked)
  expect(asked).toBeGreaterThan(1_000)
  expect(figures.lookupsRight).toBeGreaterThan(0.99)
  const { arrived, left, crashed } = figures.churned
  for (const count of [arrived, left, crashed]) expect(count).toBeGreaterThan(0)
})

describe('dht', () => {
  test('puts and asks while nodes come and go, and tells what was found, and at what price', async () => {
    const { figures, failure } = await run('dht --nodes 15 --values 60 --minutes 1 --median-session 2 --seed 1')
    expect(failure).toBeUndefined()
    expect(figures).toMatchObject({ lost: 0, found: 1, expiredServed: 0 })
    expect(figures.gets).toBe(1_000 + 60 * 10)
    const { perPut, perGet, held } = figures
    // To the root and from there to five others, each answered; to the root and back, or no way at all from the root itself.
    expect(perPut.messages).toBeGreaterThan(6)
    expect(perGet.messages).toBeGreaterThan(1)
    expect(perGet.messages).toBeLessThan(perPut.messages)
    expect(held.recordsPerNode).toBeGreaterThan(60 * (6 / 20))
  })

  test('loses nothing where a share of the nodes dies at once and enough hold each value', async () => {
    const words = 'dht --nodes 20 --values 60 --minutes 0 --crash-fraction 0.3 --replicas 8 --seed 1'
    const { figures, failure } = await run(words)
    expect(failure).toBeUndefined()
    expect(figures).toMatchObject({ crashed: 6, crashLost: 0, lost: 0, found: 1 })
  })

  test('says so when values are lost, and whom to look at', async () => {
    const words = 'dht --nodes 20 --values 60 --minutes 0 --crash-fraction 0.5 --replicas 1 --seed 1'
    const { figures, failure } = await run(words)
    expect(figures.lost).toBeGreaterThan(0)
    expect(failure?.why).toMatch(/^\d+ values were lost while their leases ran$/)
    expect(failure?.concerned.length).toBe(3)
  })
})

test('subring: tells when private nodes were one ring, by which steps, and what carries it', async () => {
  const { figures, failure } = await run('subring --nodes 4 --public 20 --seed 1')
  expect(failure).toBeUndefined()
  const { connectedMs, milestones, linkEnds, dhtMessagesPerNode } = figures
  expect(connectedMs).toBeGreaterThan(500) // A put, a look, keys, a greeting and its answer.
  expect(milestones.reflectionMs).toBe(0)
  expect(milestones.rendezvousMs).toBeLessThan(milestones.relayingMs)
  expect(milestones.relayingMs).toBeLessThan(connectedMs)
  expect(linkEnds.tenSecondsLater).toEqual({ direct: 12 })
  expect(dhtMessagesPerNode.put).toBeGreaterThan(0)
})
