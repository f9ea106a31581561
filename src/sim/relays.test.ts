import { describe, expect, test } from 'vitest'
import type { SendFailure } from '../overlay/effects.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World, type WorldOptions } from './world.ts'

const LIMIT_MS = 60_000
const LARGE = new Uint8Array(65_536)
const SMALL = new Uint8Array(100)

const flush = () => new Promise<void>((resolve) => setImmediate(resolve))

/** As a page sees it that has no WebRTC, or whose every attempt fails. */
function relayed(seed: number, count: number, options: Partial<WorldOptions> = {}): World {
  return ring(seed, count, { ...options, direct: () => false })
}

function ring(seed: number, count: number, options: Partial<WorldOptions> = {}): World {
  const world = new World({ seed, ...options })
  world.addMany(count)
  world.runUntil(() => world.isOneRing && world.nodes.every(({ node }) => node.settled), LIMIT_MS)
  expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
  return world
}

/** How each of these messages ended, in the order given; undefined for one that was acknowledged. */
function sendAll(from: Inhabitant, to: Inhabitant, messages: Uint8Array[]): (SendFailure | 'pending' | undefined)[] {
  const outcomes: (SendFailure | 'pending' | undefined)[] = messages.map(() => 'pending')
  messages.forEach((message, index) => {
    void from.driver.send(to.address, message).then((failure) => {
      outcomes[index] = failure
    })
  })
  return outcomes
}

describe('relays that stand by behind direct links', () => {
  test('carry nothing at all', () => {
    for (const seed of seeds(3)) {
      const world = ring(seed, 5)
      world.run(60_000)
      const kinds = world.nodes.flatMap(({ node }) => [...node.table.all()].flatMap(({ channels }) => channels))
      expect(kinds.some(({ kind }) => kind === 'relay')).toBe(true)
      const before = world.relay.asked.frames
      world.run(3_600_000)
      expect({ seed, frames: world.relay.asked.frames - before }).toEqual({ seed, frames: 0 })
    }
  })
})

describe('a ring over relays alone', () => {
  test('stays whole for an hour, at no more than six probes and answers a minute for each link', () => {
    for (const seed of seeds(2)) {
      const world = relayed(seed, 5)
      world.run(60_000)
      const before = { frames: world.relay.asked.frames, nodeMs: world.nodeMs }
      let whole = 0
      for (let minute = 0; minute < 60; minute++) {
        world.run(60_000)
        if (world.isOneRing) whole++
      }
      const perNodeAndMinute = (60_000 * (world.relay.asked.frames - before.frames)) / (world.nodeMs - before.nodeMs)
      expect({ seed, whole }).toEqual({ seed, whole: 60 })
      // Four links with two ends each.
      expect(perNodeAndMinute).toBeLessThanOrEqual((4 * 6) / 2)
    }
  })

  test('notices at once who is gone, where presence tells of it', () => {
    for (const seed of seeds(3)) {
      const world = relayed(seed, 5)
      world.run(60_000)
      const [dead] = world.nodes as [Inhabitant]
      world.crash(dead, 'noticed')
      world.run(5_000)
      for (const { node } of world.nodes) expect(node.table.get(dead.address)).toBeUndefined()
    }
  })

  test('notices in the end who is gone, where nothing tells of it', () => {
    for (const seed of seeds(3)) {
      const world = relayed(seed, 5)
      world.run(60_000)
      const [dead] = world.nodes as [Inhabitant]
      world.crash(dead, 'unnoticed')
      world.run(30_000)
      for (const { node } of world.nodes) expect(node.table.get(dead.address)).toBeUndefined()
    }
  })
})

describe('bulk to a node that is reached over a relay alone', () => {
  test('is refused but for one largest message at a time; what people say passes beside it', async () => {
    const world = relayed(1, 3)
    const [a, b] = world.nodes as [Inhabitant, Inhabitant]
    world.run(60_000)
    const outcomes = sendAll(a, b, [LARGE, LARGE, SMALL, SMALL])
    await flush()
    expect(outcomes).toEqual(['pending', 'relay-too-slow', 'pending', 'pending'])
    world.run(10_000)
    await flush()
    expect(outcomes).toEqual([undefined, 'relay-too-slow', undefined, undefined])
    expect(b.delivered.map(({ data }) => data.length)).toEqual([LARGE.length, SMALL.length, SMALL.length])
  })

  test('counts together over all such nodes, as their relays share one session', async () => {
    const world = relayed(1, 3)
    const [a, b, c] = world.nodes as [Inhabitant, Inhabitant, Inhabitant]
    world.run(60_000)
    const toB = sendAll(a, b, [LARGE])
    const toC = sendAll(a, c, [LARGE, SMALL])
    await flush()
    expect([toB, toC]).toEqual([['pending'], ['relay-too-slow', 'pending']])
  })

  test('is refused in small pieces, too, when there are very many', async () => {
    const world = relayed(1, 2)
    const [a, b] = world.nodes as [Inhabitant, Inhabitant]
    world.run(60_000)
    const outcomes = sendAll(a, b, Array(1_000).fill(new Uint8Array(1_000)))
    world.run(60_000)
    await flush()
    expect(new Set(outcomes)).toEqual(new Set([undefined, 'relay-too-slow']))
    expect(b.delivered.length).toBe(outcomes.filter((outcome) => outcome === undefined).length)
  })

  test('waits while a direct link is tried, and goes over it', async () => {
    const world = new World({ seed: 1 })
    const [a, b] = world.addMany(2) as [Inhabitant, Inhabitant]
    world.runUntil(() => a.node.table.get(b.address)?.active?.kind === 'relay', LIMIT_MS)
    const outcomes = sendAll(a, b, Array(50).fill(LARGE))
    world.run(20_000)
    await flush()
    expect(a.node.table.get(b.address)?.active?.kind).toBe('direct')
    expect(new Set(outcomes)).toEqual(new Set([undefined]))
  })

  test('that waited for a direct link is refused when there is none, and what people say stays', async () => {
    const world = new World({ seed: 1, direct: () => false })
    const [a, b] = world.addMany(2) as [Inhabitant, Inhabitant]
    world.runUntil(() => a.node.table.get(b.address)?.active?.kind === 'relay', LIMIT_MS)
    // More than a relay without bandwidth carries one at a time before the attempt fails.
    const outcomes = sendAll(a, b, [...Array(200).fill(LARGE), SMALL])
    await flush()
    expect(new Set(outcomes)).toEqual(new Set(['pending']))
    world.run(60_000)
    await flush()
    expect(outcomes.at(-1)).toBeUndefined()
    expect(new Set(outcomes)).toEqual(new Set([undefined, 'relay-too-slow']))
    expect(b.delivered.length).toBe(outcomes.filter((outcome) => outcome === undefined).length)
  })

  test('is refused on its way through the ring as well, where our own first link is a relay', async () => {
    const world = relayed(1, 24)
    world.run(60_000)
    const pairs = world.nodes.flatMap((from) => world.nodes.map((to) => [from, to] as const))
    const [from, to] = pairs.find(([x, y]) => x !== y && !x.node.table.get(y.address)) ?? []
    if (from === undefined || to === undefined) throw new Error('Somebody has no link to somebody.')
    const outcomes = sendAll(from, to, [LARGE, LARGE])
    await flush()
    expect(outcomes).toEqual(['pending', 'relay-too-slow'])
  })
})

describe('a broadcast over relays', () => {
  test('of a small message reaches everybody', async () => {
    const world = relayed(1, 5)
    const [origin] = world.nodes as [Inhabitant]
    const failure = origin.driver.broadcast(SMALL)
    world.run(10_000)
    expect(await failure).toBeUndefined()
    expect(world.nodes.map(({ delivered }) => delivered.length)).toEqual([0, 1, 1, 1, 1])
  })

  test('of more than the relays of its origin can carry is refused as a whole', async () => {
    const world = relayed(1, 5)
    world.run(60_000)
    const [origin] = world.nodes as [Inhabitant]
    const failure = origin.driver.broadcast(LARGE)
    world.run(10_000)
    expect(await failure).toBe('relay-too-slow')
    expect(world.nodes.map(({ delivered }) => delivered.length)).toEqual([0, 0, 0, 0, 0])
  })

  test('that others hand on to one who has a relay alone arrives', async () => {
    const lonely = 'n5'
    const world = ring(1, 5, { direct: (a, b) => a !== lonely && b !== lonely })
    world.run(60_000)
    const [origin] = world.nodes as [Inhabitant]
    const failure = origin.driver.broadcast(LARGE)
    world.run(20_000)
    expect(await failure).toBeUndefined()
    expect(world.nodes.map(({ delivered }) => delivered.length)).toEqual([0, 1, 1, 1, 1])
  })
})
