import { describe, expect, test } from 'vitest'
import { SHORTCUT } from '../overlay/role.ts'
import { seeds } from './seeds.ts'
import { World } from './world.ts'

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
