import { describe, expect, test } from 'vitest'
import { SHORTCUT } from '../overlay/role.ts'
import { MODERN, PAPER, type TimerProfile } from '../overlay/timer-profile.ts'
import { Meter } from './meter.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

/** Far beyond what any of these takes: what is asked here is whether, not how fast. */
const LIMIT_MS = 60_000

describe('nodes that start together become one ring', () => {
  for (const count of [2, 3, 4, 5, 6, 7, 9, 10, 12, 20, 35]) {
    test(`of ${count}, from several seeds`, () => {
      for (const seed of seeds(8)) {
        const world = new World({ seed })
        world.addMany(count)
        world.runUntil(() => world.isOneRing, LIMIT_MS)
        expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      }
    })
  }

  for (const seed of seeds(20)) {
    test(`of 100, SEED=${seed}`, { timeout: 120_000 }, () => {
      const world = new World({ seed, latencyMs: 100 })
      world.addMany(100)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      expect(world.whyNoRing()).toBeUndefined()
    })
  }

  test('which stays one ring, with few links, when it is left alone', () => {
    for (const seed of seeds(3)) {
      const world = new World({ seed })
      world.addMany(30)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      for (let minute = 0; minute < 3; minute++) {
        world.run(60_000)
        expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      }
      // Links that are shortcuts and nothing else have bounds of their own.
      const degrees = world.nodes.map(
        ({ node }) => [...node.table.all()].filter(({ allRoles }) => allRoles !== SHORTCUT).length,
      )
      expect(Math.max(...degrees)).toBeLessThanOrEqual(16)
    }
  })
})

describe('a small ring', () => {
  for (const perSide of [1, 2, 3, 4]) {
    const count = 2 * perSide + 1
    test(`of ${count} is linked all to all with ${perSide} neighbours a side`, () => {
      for (const seed of seeds(5)) {
        const world = new World({ seed, behaviour: { perSide } })
        world.addMany(count)
        world.runUntil(() => world.isOneRing, LIMIT_MS)
        world.run(120_000)
        expect(world.nodes.map(({ node }) => node.table.size)).toEqual(Array(count).fill(count - 1))
      }
    })
  }

  test('has a direct channel on every link where each pair can have one', () => {
    for (const seed of seeds(5)) {
      const world = new World({ seed })
      world.addMany(5)
      const direct = () =>
        world.nodes.every(
          ({ node }) => node.table.size === 4 && [...node.table.all()].every(({ active }) => active?.kind === 'direct'),
        )
      expect({ seed, direct: world.runUntil(direct, LIMIT_MS) }).toEqual({ seed, direct: true })
    }
  })

  test('of two that no direct path joins stands on its relay for good', () => {
    for (const seed of seeds(3)) {
      const world = new World({ seed, direct: () => false })
      const [a, b] = world.addMany(2) as [Inhabitant, Inhabitant]
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      const link = a.node.table.get(b.address)
      for (let minute = 0; minute < 30; minute++) {
        world.run(60_000)
        expect({ seed, minute, why: world.whyNoRing() }).toEqual({ seed, minute, why: undefined })
      }
      expect(a.node.table.get(b.address)).toBe(link)
      expect(link?.active?.kind).toBe('relay')
    }
  })

  test('stands on relays alone where no pair can have a direct channel', () => {
    for (const seed of seeds(5)) {
      const world = new World({ seed, direct: () => false })
      world.addMany(7)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      world.run(120_000)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      for (const { node } of world.nodes) {
        expect(new Set([...node.table.all()].map(({ active }) => active?.kind))).toEqual(new Set(['relay']))
      }
    }
  })
})

describe('a newcomer', () => {
  test('that knows a single node finds its place in a ring of 60', () => {
    for (const seed of seeds(5)) {
      const world = new World({ seed, shown: 10 })
      world.addMany(60)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      const [anybody] = world.nodes
      const newcomer = world.add({ introduce: false })
      if (anybody) world.show(newcomer, anybody)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
    }
  })

  test('is alone and knows it while rendezvous shows nobody', () => {
    const world = new World({ seed: 1 })
    const lonely = world.add()
    world.run(60_000)
    expect(lonely.node.state).toBe('alone')
  })
})

describe('the time that a ring takes to form', () => {
  /** Of the middle one of some seeds; all start together, 100 ms from each other. */
  const formedMs = (profile: TimerProfile, count: number) => {
    const times = seeds(3).map((seed) => {
      const world = new World({ seed, latencyMs: 100, behaviour: { profile } })
      world.startTogether(count)
      expect({ seed, formed: world.runUntil(() => world.isOneRing, 10 * LIMIT_MS) }).toEqual({ seed, formed: true })
      return world.clock.now()
    })
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] as number
  }

  test('is some ten seconds with the timers of the paper, more for more nodes, and a few trips with modern ones', () => {
    const counts = [2, 6, 24]
    const [paper, modern] = [PAPER, MODERN].map((profile) => counts.map((count) => formedMs(profile, count)))
    for (const [index, count] of counts.entries()) {
      const [slow, fast] = [paper?.[index] as number, modern?.[index] as number]
      expect({ count, slow: slow > 5_000, fast: fast < 4_000 }).toEqual({ count, slow: true, fast: true })
      expect(slow).toBeGreaterThan(4 * fast)
    }
    expect(paper?.[1]).toBeGreaterThan(paper?.[0] as number)
    expect(paper?.[2]).toBeGreaterThan(paper?.[1] as number)
  })
})

describe('a ring that nobody uses', () => {
  for (const count of [2, 5, 40]) {
    test(`of ${count} costs each node less than 100 bytes a second`, () => {
      const world = new World({ seed: 1, latencyMs: 100 })
      world.startTogether(count)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      world.run(90_000)
      const meter = new Meter(world)
      world.run(30_000)
      const { bytesPerS } = meter.read()
      expect(bytesPerS).toBeGreaterThan(1)
      expect(bytesPerS).toBeLessThanOrEqual(100)
    })
  }
})
