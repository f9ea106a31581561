import { describe, expect, test } from 'vitest'
import { nodeAddress } from '../overlay/address.ts'
import { rolesIn } from '../overlay/role.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World, type WorldOptions } from './world.ts'

const LIMIT_MS = 120_000

const pairOf = (a: string, b: string) => (a < b ? `${a} ${b}` : `${b} ${a}`)

/** A world in which the pairs given have no channel of any kind; pairs may be taken out later. */
function worldWithout(pairs: Set<string>, options: WorldOptions): World {
  return new World({ ...options, reachable: (a, b) => !pairs.has(pairOf(a, b)) })
}

/** A world in which each pair is without a channel with this probability. */
function nontransitive(seed: number, count: number, unreachable: number, tunnels: boolean): World {
  const random = seededRandom(seed)
  const pairs = new Set<string>()
  for (let a = 1; a <= count; a++) {
    for (let b = a + 1; b <= count; b++) if (random() < unreachable) pairs.add(pairOf(`n${a}`, `n${b}`))
  }
  const world = worldWithout(pairs, { seed, behaviour: { tunnels } })
  world.addMany(count)
  return world
}

function kindBetween(a: Inhabitant, b: Inhabitant): string | undefined {
  return a.node.table.get(b.address)?.active?.kind
}

/** The share of ordered pairs of which one gets a message of the other. */
function routable(world: World): number {
  const { nodes } = world
  for (const from of nodes)
    for (const to of nodes) if (from !== to) void from.driver.send(to.address, new Uint8Array(4))
  world.run(40_000)
  const arrived = nodes.reduce((sum, { delivered }) => sum + delivered.length, 0)
  return arrived / (nodes.length * (nodes.length - 1))
}

describe('a pair that cannot connect', () => {
  test('in a ring of two to five has a tunnel, if there is anybody in between', () => {
    for (const seed of seeds(4)) {
      for (const count of [3, 4, 5]) {
        const world = worldWithout(new Set(['n1 n2']), { seed })
        const [a, b] = world.addMany(count) as [Inhabitant, Inhabitant]
        expect({ seed, count, tunnel: world.runUntil(() => kindBetween(a, b) === 'tunnel', LIMIT_MS) }).toEqual({
          seed,
          count,
          tunnel: true,
        })
        expect(world.runUntil(() => world.isOneRing, LIMIT_MS)).toBe(true)
      }
    }
  })

  test('exchanges messages through its tunnel once each and in order, while forwarders come and go', async () => {
    for (const seed of seeds(4)) {
      const world = worldWithout(new Set(['n1 n2']), { seed })
      const [a, b, c] = world.addMany(5) as [Inhabitant, Inhabitant, Inhabitant]
      world.runUntil(() => world.isOneRing && kindBetween(a, b) === 'tunnel', LIMIT_MS)
      for (let number = 0; number < 300; number++) {
        void a.driver.send(b.address, Uint8Array.of(number >> 8, number & 255))
        world.run(20)
        if (number === 100) world.crash(c, 'unnoticed')
        if (number === 200) world.add()
      }
      world.run(30_000)
      const numbers = b.delivered.map(({ data }) => ((data[0] as number) << 8) | (data[1] as number))
      expect({ seed, numbers }).toEqual({ seed, numbers: Array.from({ length: 300 }, (_, number) => number) })
    }
  })

  test('hears through its tunnel at once that the other leaves', () => {
    for (const seed of seeds(4)) {
      const world = worldWithout(new Set(['n1 n2']), { seed })
      const [a, b] = world.addMany(4) as [Inhabitant, Inhabitant]
      world.runUntil(() => world.isOneRing && kindBetween(a, b) === 'tunnel', LIMIT_MS)
      world.run(10_000)
      expect({ seed, kind: kindBetween(b, a) }).toEqual({ seed, kind: 'tunnel' })
      world.leave(a)
      expect({ seed, own: a.node.table.size }).toEqual({ seed, own: 0 })
      world.run(200)
      expect({ seed, kind: kindBetween(b, a) }).toEqual({ seed, kind: undefined })
    }
  })

  test('has its tunnel replaced when a direct link can be had', () => {
    for (const seed of seeds(4)) {
      const pairs = new Set(['n1 n2'])
      const world = worldWithout(pairs, { seed })
      const [a, b] = world.addMany(4) as [Inhabitant, Inhabitant]
      world.runUntil(() => kindBetween(a, b) === 'tunnel', LIMIT_MS)
      pairs.clear()
      for (const { driver } of [a, b]) driver.give({ type: 'doubt' })
      expect({ seed, direct: world.runUntil(() => kindBetween(a, b) === 'direct', LIMIT_MS) }).toEqual({
        seed,
        direct: true,
      })
      world.run(10_000)
      expect(a.node.table.get(b.address)?.channels.some(({ kind }) => kind === 'tunnel')).toBe(false)
    }
  })

  test('that has a relay of its own gets a better way through those that both have direct links to', () => {
    for (const seed of seeds(4)) {
      const world = new World({ seed, direct: (a, b) => pairOf(a, b) !== 'n1 n2' })
      const [a, b] = world.addMany(4) as [Inhabitant, Inhabitant]
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      expect({ seed, tunnel: world.runUntil(() => kindBetween(a, b) === 'tunnel', LIMIT_MS) }).toEqual({
        seed,
        tunnel: true,
      })
    }
  })

  test('that has no neighbour in common makes one', () => {
    for (const seed of seeds(4)) {
      // On the ring: a b e d f c. Only d can reach both a and b, and is next to neither.
      const [a, b, c, e, f] = ['n1', 'n2', 'n3', 'n5', 'n6'] as [string, string, string, string, string]
      const out = [pairOf(a, b), pairOf(a, e), pairOf(a, f), pairOf(b, c), pairOf(b, f)]
      const world = worldWithout(new Set(out), { seed, behaviour: { perSide: 1 } })
      const place = { a: 20, b: 40, e: 60, d: 80, f: 100, c: 120 }
      const at = (fill: number) => world.add({ introduce: false, address: nodeAddress(new Uint8Array(20).fill(fill)) })
      const [nodeA, nodeB, nodeC, nodeD, nodeE, nodeF] = [
        at(place.a),
        at(place.b),
        at(place.c),
        at(place.d),
        at(place.e),
        at(place.f),
      ] as [Inhabitant, Inhabitant, Inhabitant, Inhabitant, Inhabitant, Inhabitant]
      for (const [newcomer, elder] of [
        [nodeA, nodeC],
        [nodeB, nodeE],
        [nodeC, nodeF],
        [nodeE, nodeD],
        [nodeD, nodeF],
      ] as [Inhabitant, Inhabitant][]) {
        world.show(newcomer, elder)
      }
      world.runUntil(() => world.isOneRing && kindBetween(nodeA, nodeB) === 'tunnel', LIMIT_MS)
      expect({ seed, why: world.whyNoRing(), kind: kindBetween(nodeA, nodeB) }).toEqual({
        seed,
        why: undefined,
        kind: 'tunnel',
      })
      // What the cascade only passed through is given up in time; what the tunnel stands on is not.
      world.run(180_000)
      expect({ seed, why: world.whyNoRing(), kind: kindBetween(nodeA, nodeB) }).toEqual({
        seed,
        why: undefined,
        kind: 'tunnel',
      })
      const roles = [nodeA, nodeB].flatMap(({ node }) => {
        const connection = node.table.get(nodeD.address)
        return connection ? rolesIn(connection.allRoles) : []
      })
      expect({ seed, roles: roles.includes('overlap') }).toEqual({ seed, roles: true })
    }
  })
})

describe('tunnels that have nothing but tunnels beneath', () => {
  test('close, so that a node that nobody can reach knows that it is alone', () => {
    for (const seed of seeds(4)) {
      const world = worldWithout(new Set(['n1 n2']), { seed })
      const [lost] = world.addMany(4) as [Inhabitant]
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      world.run(10_000)
      for (const other of ['n2', 'n3', 'n4']) {
        world.relay.cut('n1', other)
        world.direct.cut('n1', other)
        world.run(20_000)
      }
      expect({ seed, links: lost.node.table.size }).toEqual({ seed, links: 0 })
    }
  })
})

describe('a ring of 16 in which one of five pairs cannot connect', () => {
  test('is whole and lets every node talk to every other; without tunnels it is never whole', {
    timeout: 120_000,
  }, () => {
    for (const seed of seeds(3)) {
      const [world, without] = [nontransitive(seed, 16, 0.19, true), nontransitive(seed, 16, 0.19, false)]
      for (const each of [world, without]) each.run(40_000)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      expect({ seed, routable: routable(world) }).toEqual({ seed, routable: 1 })
      expect({ seed, whole: without.isOneRing }).toEqual({ seed, whole: false })
    }
  })
})

describe('a ring of 30 in which three of ten pairs cannot connect', () => {
  test('lets every node talk to every other, which it does not without tunnels', { timeout: 120_000 }, () => {
    for (const seed of seeds(2)) {
      const [world, without] = [nontransitive(seed, 30, 0.3, true), nontransitive(seed, 30, 0.3, false)]
      for (const each of [world, without]) each.run(60_000)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      expect({ seed, routable: routable(world) }).toEqual({ seed, routable: 1 })
      expect(routable(without)).toBeLessThan(1)
    }
  })
})
