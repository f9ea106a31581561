import { describe, expect, test } from 'vitest'
import { seeds } from './seeds.ts'
import { World } from './world.ts'

const LIMIT_MS = 60_000
/** For whoever is elected to show itself, and then for the others to withdraw. */
const ELECTION_MS = 15_000
/** Of sixteen, while nodes come and go. */
const FEW = 32
const ENOUGH = 12

function crowd(seed: number, count: number): World {
  const world = new World({ seed, latencyMs: 50, behaviour: { greeters: true }, traced: () => false })
  world.startTogether(count)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(ELECTION_MS)
  expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
  return world
}

describe('who shows presence', () => {
  test('in a crowd are about sixteen', () => {
    for (const seed of seeds(2)) {
      const { held } = crowd(seed, 120).rendezvous
      expect(held, `seed ${seed}`).toBeGreaterThanOrEqual(ENOUGH)
      expect(held, `seed ${seed}`).toBeLessThanOrEqual(FEW)
    }
  })

  test('in a small ring are all', () => {
    for (const seed of seeds(2)) expect(crowd(seed, 16).rendezvous.held, `seed ${seed}`).toBe(16)
  })

  test('are replaced when all of them die at once', () => {
    for (const seed of seeds(2)) {
      const world = crowd(seed, 120)
      for (const greeter of world.nodes.filter(({ node }) => node.visibility === 'greeter')) {
        world.crash(greeter, 'noticed')
      }
      expect(world.rendezvous.held, `seed ${seed}`).toBeLessThanOrEqual(FEW - ENOUGH)
      world.runUntil(() => world.isOneRing && world.rendezvous.held >= ENOUGH, LIMIT_MS)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
      expect(world.rendezvous.held, `seed ${seed}`).toBeGreaterThanOrEqual(ENOUGH)
    }
  })
})

describe('where few show presence', () => {
  test('newcomers are let in, and are shown to nobody on the way', () => {
    for (const seed of seeds(2)) {
      const world = crowd(seed, 120)
      const { held } = world.rendezvous
      const newcomers = world.addMany(10)
      expect(world.rendezvous.held, `seed ${seed}`).toBe(held)
      world.runUntil(() => newcomers.every(({ node }) => node.state === 'connected') && world.isOneRing, 10_000)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
    }
  })

  test('each part of a split ring has its own greeters, by which the parts find each other', () => {
    for (const seed of seeds(2)) {
      const world = crowd(seed, 150)
      const names = world.nodes.map(({ name }) => name)
      const partOf = (name: string) => names.indexOf(name) % 3
      world.partition(partOf)
      world.run(60_000)
      for (const part of [0, 1, 2]) {
        const greeters = world.nodes.filter(({ name, node }) => partOf(name) === part && node.visibility !== 'quiet')
        expect(greeters.length, `seed ${seed}`).toBeGreaterThanOrEqual(ENOUGH)
      }
      world.reunite()
      world.runUntil(() => world.isOneRing, 15_000)
      expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
    }
  })
})
