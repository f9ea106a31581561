import { describe, expect, test } from 'vitest'
import type { Connection } from '../overlay/connection.ts'
import { crawlComplaint } from './crawl.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
/** All direct by then, and links that the cascade only passed through given up. */
const SETTLED_MS = 40_000
/** Deaths have to be noticed first, and offers go round the gap. */
const HEALED_MS = 15_000
const NODES = 12

/** A ring that has settled and then loses the XMPP service. */
function ringWithoutService(seed: number): World {
  const world = new World({ seed, throughRing: true })
  world.startTogether(NODES)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(SETTLED_MS)
  expect({ seed, why: crawlComplaint(world) }).toEqual({ seed, why: undefined })
  world.loseService()
  return world
}

function nextLinks(world: World): (Connection | undefined)[] {
  return world.nodes.map(({ node }) => node.table.get(node.near.left[0] as never))
}

describe('a ring whose XMPP service has stopped for good, where links are agreed on through the ring', () => {
  test('heals by direct links alone until three are left, and all of those can talk', () => {
    for (const seed of seeds(6)) {
      const world = ringWithoutService(seed)
      for (let round = 0; world.nodes.length > 3; round++) {
        const gone = world.inRingOrder[(5 * round) % world.nodes.length] as Inhabitant
        if (round % 2 === 0) world.leave(gone)
        else world.crash(gone, 'unnoticed')
        const healed = world.runUntil(() => world.isOneRing, HEALED_MS)
        expect({ seed, round, healed, why: world.whyNoRing() }).toEqual({ seed, round, healed: true, why: undefined })
        world.run(SETTLED_MS)
        const kinds = new Set(nextLinks(world).map((link) => link?.active?.kind))
        expect({ seed, round, kinds }).toEqual({ seed, round, kinds: new Set(['direct']) })
      }
      for (const from of world.nodes) {
        for (const to of world.nodes) if (from !== to) void from.driver.send(to.address, Uint8Array.of(1))
      }
      world.run(5_000)
      for (const { delivered } of world.nodes) expect(delivered).toHaveLength(world.nodes.length - 1)
    }
  })

  test('makes new direct links on demand', () => {
    for (const seed of seeds(3)) {
      const world = ringWithoutService(seed)
      const pairs = world.nodes.flatMap((from) => world.nodes.map((to) => [from, to] as const))
      const unlinked = pairs.find(([from, to]) => from !== to && !from.node.table.get(to.address))
      if (!unlinked) throw new Error(`In the world of seed ${seed} everybody has a link to everybody.`)
      const [from, to] = unlinked
      const sending = () => {
        void from.driver.send(to.address, new Uint8Array(1_000))
        return from.node.table.get(to.address)?.active?.kind === 'direct'
      }
      expect({ seed, linked: world.runUntil(sending, 20_000) }).toEqual({ seed, linked: true })
    }
  })

  test('is not disturbed when the service returns, and newcomers enter', () => {
    for (const seed of seeds(3)) {
      const world = ringWithoutService(seed)
      for (let round = 0; round < 3; round++) {
        world.leave(world.inRingOrder[(5 * round) % world.nodes.length] as Inhabitant)
        world.run(SETTLED_MS)
      }
      const before = nextLinks(world)
      world.regainService()
      world.run(30_000)
      expect(nextLinks(world).every((link, index) => link === before[index])).toBe(true)
      const newcomer = world.add()
      expect({ seed, entered: world.runUntil(() => world.isOneRing, 10_000) }).toEqual({ seed, entered: true })
      expect(newcomer.node.state).toBe('connected')
    }
  })
})
