import { describe, expect, test } from 'vitest'
import type { Address } from '../overlay/address.ts'
import { MAX_RECORDS } from '../overlay/dht-store.ts'
import { hasRole, NEAR, NO_ROLES } from '../overlay/role.ts'
import { encodeFrame } from '../overlay/wire.ts'
import { Adversary, counted, FLOODS, type Flood, gapAmong, talk } from './adversary.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000
/** Of what a node keeps for others nothing may grow beyond; the largest limit of a table that strangers can fill. */
const LARGEST_TABLE = 512

const COUNTED: Record<Flood, string> = {
  packets: 'flood: packet',
  'wrapped packets': 'flood: packet',
  requests: 'flood: request',
  statuses: 'flood: report',
  pings: 'flood: probe',
  signals: 'flood: signal',
  'tunnel frames': 'flood: tunnel',
  puts: 'flood: dht',
}

type Siege = { world: World; good: Inhabitant[]; adversary: Adversary; victim: Inhabitant }

/** A ring at rest with one who is about to show its face, and one of those whom it has a link to. */
function siege(seed: number, count: number): Siege {
  const world = new World({ seed, traced: () => false })
  world.addMany(count)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(20_000)
  const [bad, ...good] = world.nodes as [Inhabitant, ...Inhabitant[]]
  const adversary = new Adversary(world, bad)
  const victim = good.find(({ address }) => bad.node.table.get(address)) as Inhabitant
  return { world, good, adversary, victim }
}

/** The largest of the tables, lists and queues below an object, other nodes left out, and how large it is. */
function largestTable(root: object): { path: string; size: number } {
  let largest = { path: '', size: 0 }
  const seen = new Set<object>()
  const visit = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null || seen.has(value) || ArrayBuffer.isView(value)) return
    seen.add(value)
    const isTable = value instanceof Map || value instanceof Set || Array.isArray(value)
    const size = value instanceof Map || value instanceof Set ? value.size : Array.isArray(value) ? value.length : 0
    if (size > largest.size) largest = { path, size }
    const children = isTable ? [...value].flat() : Object.entries(value)
    if (isTable) for (const child of children) visit(child, `${path}[]`)
    else for (const [key, child] of children as [string, unknown][]) visit(child, `${path}.${key}`)
  }
  visit(root, 'node')
  return largest
}

describe('one who floods', () => {
  test.each(FLOODS)('with %s slows itself, and not the ring', { timeout: 60_000 }, (what) => {
    for (const seed of seeds(1)) {
      const { world, good, adversary } = siege(seed, 14)
      adversary.flood(what, 8_000, 3_000)
      world.run(1_000)
      const { sent, arrived } = talk(world, good, 8_000)
      expect({ seed, gap: gapAmong(good), arrived }).toEqual({ seed, gap: undefined, arrived: sent })
      expect(counted(good, COUNTED[what])).toBeGreaterThan(1_000)
      const limit = what === 'puts' ? MAX_RECORDS : LARGEST_TABLE
      for (const { node } of good) expect(largestTable(node).size).toBeLessThanOrEqual(limit)
    }
  })

  test.each(['requests', 'statuses', 'pings'] as const)('with %s loses its links, and gets no new ones', (what) => {
    for (const seed of seeds(2)) {
      const { world, good, adversary } = siege(seed, 16)
      const isLinked = ({ node }: Inhabitant) => node.table.get(adversary.address) !== undefined
      const flooded = good.filter(isLinked)
      expect(flooded.length).toBeGreaterThan(5)
      const linked = () => flooded.filter(isLinked).length
      adversary.flood(what, 2_000, 6_000)
      world.run(6_000)
      expect({ seed, linked: linked() }).toEqual({ seed, linked: 0 })
      world.run(20_000)
      expect({ seed, linked: linked() }).toEqual({ seed, linked: 0 })
      expect(counted(good, 'link: with one who flooded us')).toBeGreaterThan(0)
      expect({ seed, gap: gapAmong(good) }).toEqual({ seed, gap: undefined })
    }
  })

  test('with puts fills no store, and what others put is kept and found', { timeout: 60_000 }, async () => {
    for (const seed of seeds(1)) {
      const { world, good, adversary, victim } = siege(seed, 14)
      adversary.flood('puts', 2_000, 8_000)
      world.run(8_000)
      expect(counted(good, 'dht: share-used-up')).toBeGreaterThan(1_000)
      for (const { node } of good) expect(node.dht.store.size).toBeLessThanOrEqual(MAX_RECORDS / 2)

      // Beside the one that is flooded, where the flood has gone.
      const key = adversary.beside(victim.address)
      const value = Uint8Array.of(7)
      const record = { key, value, bound: undefined, version: 1, withdrawn: false, leftMs: LIMIT_MS }
      const [writer, reader] = good.filter((each) => each !== victim) as [Inhabitant, Inhabitant]
      const put = writer.driver.put(record)
      world.run(5_000)
      expect({ seed, failure: await put }).toEqual({ seed, failure: undefined })
      const got = reader.driver.get(key)
      world.run(5_000)
      expect((await got)?.records.map((each) => each.value)).toContainEqual(value)
    }
  })

  test('that stops is let in again after a minute, when the ring is one', () => {
    for (const seed of seeds(2)) {
      const { world, adversary } = siege(seed, 12)
      adversary.flood('statuses', 2_000, 5_000)
      world.run(90_000)
      expect({ seed, why: world.runUntil(() => world.isOneRing, LIMIT_MS) || world.whyNoRing() }).toEqual({
        seed,
        why: true,
      })
    }
  })
})

describe('an honest crowd', () => {
  test('is never taken for one who floods: forming, talking, broadcasting, losing a third', { timeout: 60_000 }, () => {
    for (const seed of seeds(2)) {
      const world = new World({ seed, throughRing: true, traced: () => false })
      world.startTogether(60)
      world.run(10_000)
      for (const { driver } of world.nodes) void driver.broadcast(new Uint8Array(1_000))
      for (const lost of world.nodes.slice(0, 20)) world.crash(lost, 'unnoticed')
      world.run(20_000)
      talk(world, world.nodes.slice(0, 20), 10_000)
      const floods = world.nodes.flatMap(({ node }) =>
        [...node.counters.keys()].filter((key) => /flood|forged/.test(key)),
      )
      expect({ seed, floods }).toEqual({ seed, floods: [] })
    }
  })
})

describe('a forged origin', () => {
  test('of a packet is noticed by the first honest node that it comes to', () => {
    const { world, good, adversary, victim } = siege(1, 16)
    const [somebody, other] = good.filter(({ address }) => address !== victim.address) as [Inhabitant, Inhabitant]
    const link = adversary.links.find(({ address }) => address === victim.address)
    if (!link) throw new Error('there is a link to the victim')
    const data = { body: 'signal', source: somebody.address } as const
    adversary.say(link, adversary.packet({ ...data, destination: victim.address }))
    adversary.say(link, adversary.packet({ ...data, destination: other.address }))
    const inner = encodeFrame(adversary.packet({ ...data, destination: other.address }))
    adversary.say(link, adversary.packet({ body: 'forward', destination: victim.address, payload: inner }))
    world.run(1_000)
    expect(counted([victim], 'packet: forged source')).toBe(3)
  })

  test('of a tunnel frame that is to be passed on is noticed by the forwarder', () => {
    const { world, good, adversary, victim } = siege(1, 16)
    const link = adversary.links.find(({ address }) => address === victim.address)
    if (!link) throw new Error('there is a link to the victim')
    const [to, from] = good.filter(({ address }) => address !== victim.address) as [Inhabitant, Inhabitant]
    adversary.say(link, adversary.tunnelFrame(to.address, from.address))
    world.run(1_000)
    expect(counted([victim], 'tunnel: somebody else’s frame')).toBe(1)
    expect(counted(good, 'link failed: awaiting-start timed out')).toBe(0)
  })
})

describe('one who opens ever more', () => {
  test('tunnels to a node in the names of others gets a few, and the node links to others all the same', () => {
    for (const seed of seeds(2)) {
      const { world, good, adversary, victim } = siege(seed, 16)
      const link = adversary.links.find(({ address }) => address === victim.address)
      if (!link) throw new Error('there is a link to the victim')
      for (let session = 0; session < 500; session++) {
        adversary.say(link, adversary.tunnelFrame(victim.address, adversary.randomAddress()))
      }
      world.run(500)
      expect(counted([victim], 'flood: session')).toBeGreaterThan(400)
      const newcomer = world.add({ introduce: false, address: adversary.beside(victim.address) })
      world.show(newcomer, good.find((other) => other !== victim) as Inhabitant)
      const isLinked = () => victim.node.table.get(newcomer.address)?.structured === true
      expect({ seed, linked: world.runUntil(isLinked, LIMIT_MS) }).toEqual({ seed, linked: true })
      expect(largestTable(victim.node).size).toBeLessThanOrEqual(LARGEST_TABLE)
    }
  })
})

describe('one who names nodes that do not exist', () => {
  test('costs those whom it tells so no neighbour', { timeout: 60_000 }, () => {
    for (const seed of seeds(2)) {
      const { world, good, adversary } = siege(seed, 14)
      // Slowly enough to be within its share.
      for (let second = 0; second < 60; second++) {
        for (const link of adversary.links) {
          const neighbours = Array.from({ length: 8 }, () => adversary.beside(link.address)) as Address[]
          adversary.say(link, {
            type: 'status',
            status: { roles: NO_ROLES, hidden: false, size: 60_000, neighbours },
          })
        }
        world.run(1_000)
      }
      expect({ seed, gap: gapAmong(good) }).toEqual({ seed, gap: undefined })
      const { sent, arrived } = talk(world, good, 5_000)
      expect({ seed, arrived }).toEqual({ seed, arrived: sent })
      for (const { node } of good) expect(largestTable(node).size).toBeLessThanOrEqual(LARGEST_TABLE)
    }
  })
})

describe('one who makes many addresses right beside a node', () => {
  test('is not all that it sees of the ring: old neighbours stay', { timeout: 60_000 }, () => {
    for (const seed of seeds(2)) {
      const { world, adversary, victim } = siege(seed, 30)
      world.run(300_000)
      const { left, right } = victim.node.near
      const old = [...left.slice(0, 2), ...right.slice(0, 2)]
      const mint = () => world.add({ introduce: false, address: adversary.beside(victim.address) })
      for (let minted = 0; minted < 16; minted++) world.show(mint(), victim)
      world.run(60_000)
      const isKept = (address: Address) => hasRole(victim.node.table.get(address)?.roles ?? NO_ROLES, NEAR)
      expect({ seed, nextTo: old.includes(victim.node.near.left[0] as Address) }).toEqual({ seed, nextTo: false })
      expect({ seed, kept: old.map(isKept) }).toEqual({ seed, kept: [true, true, true, true] })
    }
  })
})
