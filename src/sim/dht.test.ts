import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from '../overlay/address.ts'
import type { DhtRecord } from '../overlay/dht-record.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World, type WorldOptions } from './world.ts'

const LIMIT_MS = 60_000
const MINUTE_MS = 60_000
/** A put, a get and all their ways. */
const ANSWER_MS = 3_000
/** The dead are noticed, the ring is whole, and what has to be copied has been. */
const HEALED_MS = 30_000

/** Those next to the dead have told of it, too, and everything is held as often as it should be again. */
const RESTORED_MS = 45_000
const NO_ANSWER = 'no answer'

const flush = () => new Promise<void>((resolve) => setImmediate(resolve))

function formed(count: number, options: WorldOptions): World {
  const world = new World({ latencyMs: 50, traced: () => false, ...options })
  world.startTogether(count)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  expect({ seed: options.seed, why: world.whyNoRing() }).toEqual({ seed: options.seed, why: undefined })
  world.run(10_000)
  return world
}

function keysOf({ random }: World, count: number): Address[] {
  return Array.from({ length: count }, () =>
    nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * random()))),
  )
}

let versions = 0
function recordOf(key: Address, text: string, leaseMs: number): DhtRecord {
  const value = new TextEncoder().encode(text)
  return { key, value, bound: undefined, version: ++versions, withdrawn: false, leftMs: leaseMs }
}

const anybody = ({ nodes, random }: World) => nodes[Math.floor(random() * nodes.length)] as Inhabitant

/** Those that were acknowledged, of one put by somebody for each key. */
async function putEach(world: World, keys: readonly Address[], leaseMs = 10 * MINUTE_MS): Promise<Address[]> {
  const stored: Address[] = []
  for (const key of keys) {
    void anybody(world)
      .driver.put(recordOf(key, key, leaseMs))
      .then((failure) => !failure && stored.push(key))
  }
  await runFor(world, ANSWER_MS)
  return stored
}

async function runFor(world: World, ms: number): Promise<void> {
  world.run(ms)
  await flush()
}

/** What somebody else finds under each key. */
async function getEach(world: World, keys: readonly Address[], waitMs = ANSWER_MS): Promise<string[][]> {
  const found: string[][] = keys.map(() => [NO_ANSWER])
  for (const [index, key] of keys.entries()) {
    void anybody(world)
      .driver.get(key)
      .then((page) => {
        found[index] = page?.records.map(({ value }) => new TextDecoder().decode(value)) ?? [NO_ANSWER]
      })
  }
  await runFor(world, waitMs)
  return found
}

/** Who gets no answer knows, and asks again. */
async function expectAllFound(world: World, keys: readonly Address[], seed: number, waitMs = ANSWER_MS): Promise<void> {
  const found = new Map<Address, string>()
  for (let attempts = 0; attempts < 2; attempts++) {
    const open = keys.filter((key) => (found.get(key) ?? NO_ANSWER) === NO_ANSWER)
    const answers = await getEach(world, open, waitMs)
    for (const [index, key] of open.entries()) found.set(key, `${answers[index]}`)
  }
  const missing = keys.filter((key) => found.get(key) !== key).map((key) => [key, found.get(key)])
  expect({ seed, missing }).toEqual({ seed, missing: [] })
}

/** By all who hold it. */
function endsOf(world: World, key: Address): number[] {
  return world.nodes.flatMap(({ node }) => node.dht.store.of(key, world.clock.now()).map(({ endsAtMs }) => endsAtMs))
}

function rootOf(world: World, key: Address): Inhabitant {
  return world.nodes.find(({ node }) => node.table.nearestTo(key) === node.config.address) as Inhabitant
}

describe('values of the DHT', () => {
  test('survive the crash of fewer nodes in a row than hold each', async () => {
    for (const seed of seeds(2)) {
      const world = formed(18, { seed, behaviour: { replicas: 4 } })
      const keys = await putEach(world, keysOf(world, 30))
      expect(keys).toHaveLength(30)
      const ring = world.inRingOrder
      const first = Math.floor(world.random() * ring.length)
      for (let step = 0; step < 3; step++) {
        world.crash(ring[(first + step) % ring.length] as Inhabitant, 'unnoticed')
      }
      world.run(HEALED_MS)
      await expectAllFound(world, keys, seed)
      world.run(RESTORED_MS)
      for (const key of keys) expect(endsOf(world, key).length, `SEED=${seed}`).toBeGreaterThanOrEqual(4)
    }
  })

  test('go over to newcomers, until none of those is left who held them first', async () => {
    for (const seed of seeds(2)) {
      const world = formed(8, { seed, behaviour: { replicas: 3 } })
      const elders = world.nodes
      const keys = await putEach(world, keysOf(world, 20))
      for (const elder of elders) {
        world.add()
        world.run(3_000)
        world.leave(elder)
        world.run(3_000)
      }
      world.run(HEALED_MS)
      expect(world.nodes.filter((inhabitant) => elders.includes(inhabitant))).toEqual([])
      await expectAllFound(world, keys, seed)
    }
  })

  test('outlive their author', async () => {
    for (const seed of seeds(2)) {
      const world = formed(10, { seed })
      const author = anybody(world)
      const keys = keysOf(world, 10)
      for (const key of keys) void author.driver.put(recordOf(key, key, 10 * MINUTE_MS))
      world.run(ANSWER_MS)
      world.crash(author, 'unnoticed')
      world.run(HEALED_MS)
      await expectAllFound(world, keys, seed)
    }
  })

  test('come back to a root that has none, with the first who asks for them', async () => {
    for (const seed of seeds(2)) {
      const world = formed(12, { seed })
      const keys = await putEach(world, keysOf(world, 10))
      for (const key of keys) {
        const { store } = rootOf(world, key).node.dht
        for (const stored of store.of(key, world.clock.now())) store.remove(stored)
      }
      await expectAllFound(world, keys, seed)
      for (const key of keys) {
        expect(rootOf(world, key).node.dht.store.of(key, world.clock.now())).toHaveLength(1)
      }
    }
  })

  test('of two rings are all there when these have become one', async () => {
    for (const seed of seeds(2)) {
      const world = new World({ seed, latencyMs: 50, traced: () => false })
      const halfOf = (name: string) => Number(name.slice(1)) % 2
      world.rendezvous.split(halfOf)
      world.startTogether(16)
      world.run(HEALED_MS)
      expect(world.isOneRing).toBe(false)
      const shared = keysOf(world, 1)[0] as Address
      const own = keysOf(world, 10)
      for (const [index, key] of own.entries()) {
        const author = world.nodes[index] as Inhabitant
        void author.driver.put(recordOf(key, key, 10 * MINUTE_MS))
        void author.driver.put(recordOf(shared, `of ${halfOf(author.name)}`, 10 * MINUTE_MS))
      }
      world.run(ANSWER_MS)
      world.rendezvous.rejoin()
      world.runUntil(() => world.isOneRing, LIMIT_MS)
      world.run(HEALED_MS)
      await expectAllFound(world, own, seed)
      expect((await getEach(world, [shared]))[0]?.sort()).toEqual(['of 0', 'of 1'])
    }
  })

  test('age out where they are the list of those who are there: soon the dead are not on it', async () => {
    for (const seed of seeds(2)) {
      const world = formed(15, { seed })
      const [list] = keysOf(world, 1) as [Address]
      const showAll = () => {
        for (const { driver, name } of world.nodes) void driver.put(recordOf(list, name, MINUTE_MS))
      }
      showAll()
      world.run(ANSWER_MS)
      expect((await getEach(world, [list]))[0]).toHaveLength(15)
      for (const dead of world.nodes.slice(3)) world.crash(dead, 'unnoticed')
      for (let half = 0; half < 2; half++) {
        world.run(MINUTE_MS / 2)
        showAll()
      }
      world.run(ANSWER_MS)
      const living = world.nodes.map(({ name }) => name).sort()
      expect((await getEach(world, [list]))[0]?.sort()).toEqual(living)
    }
  })
})

test('leases are not lengthened, nor cut much, by being handed over again and again', async () => {
  for (const seed of seeds(1)) {
    const world = formed(10, { seed, loss: 0.1, behaviour: { replicas: 3 } })
    const putAtMs = world.clock.now()
    const leaseMs = 2 * MINUTE_MS
    const keys = await putEach(world, keysOf(world, 20), leaseMs)
    expect(keys).toHaveLength(20)
    let handOvers = 0
    while (world.clock.now() < putAtMs + leaseMs - 20_000) {
      world.add()
      world.run(5_000)
      world.leave(world.nodes[0] as Inhabitant)
      world.run(5_000)
      handOvers++
      for (const key of keys) expect(Math.max(...endsOf(world, key))).toBeLessThanOrEqual(putAtMs + leaseMs)
    }
    expect(handOvers).toBeGreaterThan(8)
    await expectAllFound(world, keys, seed, 2 * ANSWER_MS)
    await runFor(world, putAtMs + leaseMs - world.clock.now())
    expect(await getEach(world, keys)).toEqual(keys.map(() => []))
  }
})

test('every put that was acknowledged is found, though one packet of five is lost', async () => {
  for (const seed of seeds(1)) {
    const world = formed(20, { seed, loss: 0.2 })
    const keys = await putEach(world, keysOf(world, 60))
    await runFor(world, HEALED_MS)
    expect(keys.length).toBeGreaterThan(50)
    await expectAllFound(world, keys, seed, 20_000)
  }
})

test('a put of one who is not in the ring yet is found by the others once it is', async () => {
  for (const seed of seeds(2)) {
    const world = formed(10, { seed })
    const [key] = keysOf(world, 1) as [Address]
    const newcomer = world.add({ introduce: false })
    const [elder] = world.nodes as [Inhabitant]
    newcomer.driver.give({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', elder.name), elder: true })
    void newcomer.driver.put(recordOf(key, key, MINUTE_MS))
    world.run(10_000)
    await expectAllFound(world, [key], seed)
  }
})
