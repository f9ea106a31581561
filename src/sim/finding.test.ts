import { describe, expect, test } from 'vitest'
import { type Address, directionalAddress, nodeAddress } from '../overlay/address.ts'
import { isOwner } from './membership.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
const NOTHING = Symbol('not answered yet')

function formed(seed: number, count: number): World {
  const world = new World({ seed })
  world.addMany(count)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(30_000)
  return world
}

function randomKey(world: World): Address {
  return nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * world.random())))
}

/** What `from` is told within a while. */
function found(world: World, from: Inhabitant, key: Address): Address | undefined | typeof NOTHING {
  let answer: Address | undefined | typeof NOTHING = NOTHING
  from.driver.find(key, (address) => {
    answer = address
  })
  world.runUntil(() => answer !== NOTHING, 30_000)
  return answer
}

describe('a key is found', () => {
  test('at the node that is nearest to it, whoever asks', () => {
    for (const seed of seeds(3)) {
      const world = formed(seed, 40)
      for (let turn = 0; turn < 40; turn++) {
        const key = randomKey(world)
        const answer = found(world, world.nodes[turn] as Inhabitant, key)
        expect({ seed, turn, right: isOwner(world, answer as Address, key) }).toEqual({ seed, turn, right: true })
      }
    }
  })

  test('at once by a node that is nearest itself, or alone', () => {
    const world = new World({ seed: 1 })
    const alone = world.add()
    let answer: Address | undefined
    alone.driver.find(randomKey(world), (address) => {
      answer = address
    })
    expect(answer).toBe(alone.address)
  })

  test('at another node, when the nearest has died without a word and nobody knows it yet', () => {
    for (const seed of seeds(5)) {
      const world = formed(seed, 40)
      const dead = world.inRingOrder[10] as Inhabitant
      const from = world.inRingOrder[30] as Inhabitant
      world.crash(dead, 'unnoticed')
      const answer = found(world, from, dead.address)
      expect({ seed, right: isOwner(world, answer as Address, dead.address) }).toEqual({ seed, right: true })
    }
  })
})

test('nobody is found at a key that no node can have, nor by one who has left', () => {
  const world = formed(2, 12)
  const [from] = world.nodes as [Inhabitant]
  expect(found(world, from, directionalAddress('left'))).toBeUndefined()
  const key = randomKey(world)
  world.leave(from)
  expect(found(world, from, key)).toBeUndefined()
})
