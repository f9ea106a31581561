import { describe, expect, test } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 120_000
/** After both are seen by rendezvous. */
const MERGED_WITHIN_MS = 15_000

/** As many rings of so many nodes, none of which has seen a presence of another. */
function apart(seed: number, rings: number, count: number): { world: World; parts: Inhabitant[][] } {
  const world = new World({ seed, latencyMs: 50 })
  const parts = Array.from({ length: rings }, () => {
    const part: Inhabitant[] = []
    for (let index = 0; index < count; index++) {
      const newcomer = world.add({ introduce: false })
      for (const elder of sample(world, part, 10)) world.show(newcomer, elder)
      part.push(newcomer)
    }
    return part
  })
  world.run(30_000)
  for (const { node } of world.nodes) expect({ seed, state: node.state }).toEqual({ seed, state: 'connected' })
  expect(world.isOneRing).toBe(false)
  return { world, parts }
}

function sample<T>(world: World, from: readonly T[], count: number): T[] {
  const left = [...from]
  return Array.from({ length: Math.min(count, left.length) }, () => {
    return left.splice(Math.floor(world.random() * left.length), 1)[0] as T
  })
}

/** Shows every node ten of those in the other parts whose presence arrives. */
function showAcross(world: World, parts: Inhabitant[][], isVisible: (who: Inhabitant) => boolean): void {
  for (const part of parts) {
    const others = parts.filter((other) => other !== part).flat()
    for (const who of part) {
      for (const { name } of sample(world, others.filter(isVisible), 10)) {
        who.driver.give({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', name), elder: true })
      }
    }
  }
}

function expectMerged(world: World, seed: number): void {
  world.runUntil(() => world.isOneRing, MERGED_WITHIN_MS)
  expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
}

describe('rings that formed apart become one', () => {
  for (const [rings, count] of [
    [2, 2],
    [2, 4],
    [2, 20],
    [3, 12],
  ] as const) {
    test(`${rings} of ${count} nodes, when their presences become visible`, () => {
      for (const seed of seeds(4)) {
        const { world, parts } = apart(seed, rings, count)
        showAcross(world, parts, () => true)
        expectMerged(world, seed)
      }
    })
  }

  test('when half of the presences are never visible', () => {
    for (const seed of seeds(4)) {
      const { world, parts } = apart(seed, 2, 16)
      showAcross(world, parts, ({ name }) => Number(name.slice(1)) % 2 === 0)
      expectMerged(world, seed)
    }
  })

  test('when a single node sees a single other', () => {
    for (const seed of seeds(4)) {
      const { world, parts } = apart(seed, 2, 12)
      const [[one], [other]] = parts as [[Inhabitant], [Inhabitant]]
      one.driver.give({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', other.name), elder: true })
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
    }
  })
})

describe('a ring that was torn into three for ten minutes', () => {
  test('is one again within 15 s after the presences return', () => {
    for (const seed of seeds(2)) {
      const world = new World({ seed, latencyMs: 50 })
      world.addMany(24)
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      const parts = [0, 1, 2].map((part) => world.nodes.filter((_, index) => index % 3 === part))
      acrossParts(parts, (a, b) => {
        for (const network of [world.relay, world.direct]) network.cut(a.name, b.name)
        a.driver.give({ type: 'candidate-vanished', endpoint: endpointOf('xmpp', b.name) })
        b.driver.give({ type: 'candidate-vanished', endpoint: endpointOf('xmpp', a.name) })
      })
      world.run(600_000)
      for (const { node } of world.nodes) expect({ seed, state: node.state }).toEqual({ seed, state: 'connected' })
      acrossParts(parts, (a, b) => {
        for (const network of [world.relay, world.direct]) network.heal(a.name, b.name)
      })
      showAcross(world, parts, () => true)
      expectMerged(world, seed)
    }
  })
})

function acrossParts(parts: Inhabitant[][], act: (a: Inhabitant, b: Inhabitant) => void): void {
  for (const [index, part] of parts.entries()) {
    for (const other of parts.slice(index + 1)) for (const a of part) for (const b of other) act(a, b)
  }
}
