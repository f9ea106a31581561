import { describe, expect, test } from 'vitest'
import { hasRole, NEAR, type RoleBits, SHORTCUT } from '../overlay/role.ts'
import { route } from '../overlay/routing.ts'
import { shortcutsFor } from '../overlay/shortcut-target.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
/** Near links on each side: two wanted, given up beyond four. */
const NEAR_KEPT = 2 * 2 * 2

function formed(seed: number, count: number): World {
  const world = new World({ seed })
  world.addMany(count)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
  return world
}

/** Connections to which we, or the other end, give a role. */
function count({ node }: Inhabitant, role: RoleBits, whose: 'ours' | 'theirs'): number {
  const roles = [...node.table.all()].map((connection) =>
    whose === 'ours' ? connection.roles : connection.status.roles,
  )
  return roles.filter((bits) => hasRole(bits, role)).length
}

const wantedBy = ({ node }: Inhabitant) => shortcutsFor(node.table.estimateSize(node.config.perSide))

describe('a ring at rest', () => {
  for (const nodes of [3, 8, 10]) {
    test(`of ${nodes} never has a shortcut`, () => {
      for (const seed of seeds(3)) {
        const world = formed(seed, nodes)
        for (let second = 0; second < 80; second += 4) {
          world.run(4_000)
          const shortcuts = world.nodes.map((inhabitant) => count(inhabitant, SHORTCUT, 'ours'))
          expect({ seed, second, shortcuts }).toEqual({ seed, second, shortcuts: Array(nodes).fill(0) })
        }
      }
    })
  }

  test('of 40 has as many shortcuts as it wants, and four near links on a side; trimming never breaks it', () => {
    for (const seed of seeds(2)) {
      const world = formed(seed, 40)
      for (let second = 0; second < 90; second++) {
        world.run(1_000)
        expect({ seed, second, why: world.whyNoRing() }).toEqual({ seed, second, why: undefined })
      }
      // Who has drawn in vain, as those it drew had enough, waits for up to half a minute before it draws again.
      const hasEnough = (inhabitant: Inhabitant) => count(inhabitant, SHORTCUT, 'ours') >= wantedBy(inhabitant)
      world.runUntil(() => world.nodes.every(hasEnough), 120_000)
      const wanted = world.nodes.map(wantedBy)
      for (const [index, inhabitant] of world.nodes.entries()) {
        const own = count(inhabitant, SHORTCUT, 'ours')
        expect({ seed, index, few: Math.min(own, wanted[index] as number) }).toEqual({
          seed,
          index,
          few: wanted[index],
        })
        expect(own).toBeLessThanOrEqual(2 * (wanted[index] as number))
        expect(count(inhabitant, SHORTCUT, 'theirs')).toBeLessThanOrEqual(2 * Math.max(...wanted))
        expect(count(inhabitant, NEAR, 'ours')).toBeLessThanOrEqual(NEAR_KEPT)
      }
    }
  })

  test('draws another shortcut where one was lost', () => {
    const world = formed(3, 30)
    world.run(60_000)
    const popular = world.nodes.reduce((most, inhabitant) =>
      count(inhabitant, SHORTCUT, 'theirs') > count(most, SHORTCUT, 'theirs') ? inhabitant : most,
    )
    const holders = world.nodes.filter(({ node }) =>
      hasRole(node.table.get(popular.address)?.roles ?? (0 as RoleBits), SHORTCUT),
    )
    const before = holders.map((holder) => count(holder, SHORTCUT, 'ours'))
    expect(holders.length).toBeGreaterThan(0)
    world.crash(popular, 'unnoticed')
    world.run(60_000)
    for (const [index, holder] of holders.entries()) {
      expect(count(holder, SHORTCUT, 'ours')).toBeGreaterThanOrEqual(
        Math.min(before[index] as number, wantedBy(holder)),
      )
    }
    expect(world.whyNoRing()).toBeUndefined()
  })

  test('finds its way in fewer hops with shortcuts, and in fewer still with lookahead', () => {
    const hops = [{ shortcuts: 0, lookahead: false }, { lookahead: false }, {}].map((behaviour) => {
      const world = new World({ seed: 2, behaviour })
      world.addMany(40)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      world.run(45_000)
      return meanHops(world)
    })
    const [without, greedy, ahead] = hops as [number, number, number]
    expect(greedy).toBeLessThan(0.8 * without)
    expect(ahead).toBeLessThan(0.95 * greedy)
    expect(ahead).toBeLessThan(2.1)
  })
})

describe('a node believes itself connected', () => {
  test('exactly when it and all others are one ring, once nothing changes any more', () => {
    for (const seed of seeds(4)) {
      const world = new World({ seed })
      world.addMany(14)
      world.run(20_000)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      const [lonely] = [world.add({ introduce: false })]
      world.run(5_000)
      expect(lonely?.node.state).toBe('alone')
      expect(world.nodes.filter(({ node }) => node.state === 'connected')).toHaveLength(14)
    }
  })
})

test('every node has two linked neighbours on each side, or all others, and a walk to the left visits all', () => {
  for (const nodes of [2, 4, 5, 6, 23]) {
    const world = formed(1, nodes)
    world.run(30_000)
    const byAddress = new Map(world.nodes.map((inhabitant) => [inhabitant.address, inhabitant]))
    const [first] = world.nodes as [Inhabitant]
    const visited = new Set<Inhabitant>()
    for (let at = first; !visited.has(at); ) {
      visited.add(at)
      const { left, right } = at.node.near
      expect(Math.min(left.length, right.length)).toBeGreaterThanOrEqual(Math.min(2, nodes - 1))
      const next = byAddress.get(left[0] as never) as Inhabitant
      expect(next.node.near.right[0]).toBe(at.address)
      at = next
    }
    expect(visited.size).toBe(nodes)
  }
})

/** Of all pairs, as the nodes' own tables route them. */
function meanHops(world: World): number {
  const byAddress = new Map(world.nodes.map((inhabitant) => [inhabitant.address, inhabitant.node]))
  let hops = 0
  for (const source of byAddress.keys()) {
    for (const destination of byAddress.keys()) {
      let at = source
      let previous: typeof source | undefined
      for (let hop = 0; at !== destination; hop++) {
        const node = byAddress.get(at)
        if (!node || hop > 50) throw new Error('lost on the way')
        const packet = { mode: 'greedy', hops: hop, ttl: 255, source, destination } as const
        const { next } = route(packet, node.table, previous, node.config.lookahead)
        if (!next) throw new Error('delivered to another')
        previous = at
        at = next
        hops++
      }
    }
  }
  return hops / (byAddress.size * (byAddress.size - 1))
}
