import { describe, expect, test } from 'vitest'
import type { Address } from '../overlay/address.ts'
import { Adversary, counted } from './adversary.ts'
import { isOwner } from './membership.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const NODES = 50
const HOSTILE = 5
const FINDS = 200

type Lie = { name: string; names: (adversary: Adversary, key: Address) => Address; timesBetter: number }

const LIES: Lie[] = [
  { name: 'that they are the nearest', names: (adversary) => adversary.address, timesBetter: 3 },
  { name: 'that somebody is who does not exist', names: (adversary, key) => adversary.beside(key), timesBetter: 1.3 },
]

function formed(seed: number, count: number): World {
  const world = new World({ seed, traced: () => false })
  world.addMany(count)
  world.runUntil(() => world.isOneRing, 60_000)
  world.run(30_000)
  return world
}

/** How many of so many keys are not found where they belong. */
function missed(world: World, from: readonly Inhabitant[], keys: readonly Address[], careful: boolean): number {
  let right = 0
  keys.forEach((key, index) => {
    const asks = from[index % from.length] as Inhabitant
    asks.driver.find(
      key,
      (answer) => {
        if (answer && world.at(answer) && isOwner(world, answer, key)) right++
      },
      { careful },
    )
    if (index % 10 === 9) world.run(1_000)
  })
  world.run(40_000)
  return keys.length - right
}

describe('while one of ten answers every question on its way and says', () => {
  test.each(LIES)('$name, careful finds are right markedly more often', { timeout: 120_000 }, (lie) => {
    let [plain, careful, disagreed] = [0, 0, 0]
    for (const seed of seeds(2)) {
      const world = formed(seed, NODES)
      const [hostile, good] = [world.nodes.slice(0, HOSTILE), world.nodes.slice(HOSTILE)]
      for (const inhabitant of hostile) {
        const adversary = new Adversary(world, inhabitant)
        adversary.answerFinds((key) => lie.names(adversary, key))
      }
      const { randomAddress } = new Adversary(world, good[0] as Inhabitant)
      const keys = Array.from({ length: FINDS }, randomAddress)
      plain += missed(world, good, keys, false)
      careful += missed(world, good, keys, true)
      disagreed += counted(good, 'find: two answers')
    }
    console.info(`SEED ${seeds(2)}: of ${2 * FINDS} missed ${plain} plain, ${careful} careful; ${disagreed} disagreed`)
    expect(plain).toBeGreaterThan(10)
    expect(careful).toBeLessThanOrEqual(plain / lie.timesBetter)
    expect(disagreed).toBeGreaterThan(10)
  })
})

describe('where nobody lies', () => {
  test('careful finds are right, too, and no two answers differ', () => {
    for (const seed of seeds(2)) {
      const world = formed(seed, 40)
      const { randomAddress } = new Adversary(world, world.nodes[0] as Inhabitant)
      const keys = Array.from({ length: 100 }, randomAddress)
      expect({ seed, missed: missed(world, world.nodes, keys, true) }).toEqual({ seed, missed: 0 })
      expect({ seed, disagreed: counted(world.nodes, 'find: two answers') }).toEqual({ seed, disagreed: 0 })
    }
  })

  test('in small rings, and alone, they are right as well', () => {
    for (const count of [1, 2, 3, 6]) {
      const world = formed(1, count)
      const { randomAddress } = new Adversary(world, world.nodes[0] as Inhabitant)
      const keys = Array.from({ length: 20 }, randomAddress)
      expect({ count, missed: missed(world, world.nodes, keys, true) }).toEqual({ count, missed: 0 })
    }
  })
})
