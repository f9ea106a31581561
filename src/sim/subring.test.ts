import { describe, expect, test } from 'vitest'
import { PrivateRing, run, runUntil } from './private-ring.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World, type WorldOptions } from './world.ts'

const LIMIT_MS = 60_000
const SETTLING_MS = 20_000
const [OURS, THEIRS] = ['b'.repeat(40), 'c'.repeat(40)]

/** Nobody dials anybody any more when it is given back. */
function publicRing(options: WorldOptions): World {
  const world = new World({ hosts: true, latencyMs: 50, ...options })
  world.startTogether(30)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  world.run(SETTLING_MS)
  expect({ seed: options.seed, why: world.whyNoRing() }).toEqual({ seed: options.seed, why: undefined })
  return world
}

function startOn(ring: PrivateRing, outer: readonly Inhabitant[]) {
  return outer.map((each) => ring.start(each))
}

const kindsOf = (ring: PrivateRing) =>
  ring.nodes.map(({ node }) => [...node.table.all()].map(({ active }) => active?.kind))

const why = (ring: PrivateRing) => ring.complaint()?.why

describe('private nodes that know nothing but their own nodes of a public ring', () => {
  test('become one ring, all to all and direct', async () => {
    for (const seed of seeds(2)) {
      const world = publicRing({ seed })
      const ring = new PrivateRing(world, { namespace: OURS })
      startOn(ring, world.nodes.slice(0, 5))
      expect({ seed, isOne: await runUntil(world, () => ring.isOneRing, LIMIT_MS) }).toEqual({ seed, isOne: true })
      const isDirect = () =>
        kindsOf(ring).every((kinds) => kinds.length === 4 && kinds.every((kind) => kind === 'direct'))
      await runUntil(world, isDirect, LIMIT_MS)
      expect({ seed, kinds: kindsOf(ring) }).toEqual({ seed, kinds: Array(5).fill(Array(4).fill('direct')) })
    }
  })

  test('of another name are another ring', async () => {
    const world = publicRing({ seed: 1 })
    const [ours, theirs] = [OURS, THEIRS].map((namespace) => new PrivateRing(world, { namespace })) as [
      PrivateRing,
      PrivateRing,
    ]
    // Some pages have a node of either.
    startOn(ours, world.nodes.slice(0, 5))
    startOn(theirs, world.nodes.slice(3, 8))
    expect(await runUntil(world, () => ours.isOneRing && theirs.isOneRing, LIMIT_MS)).toBe(true)
    await run(world, 5_000)
    const members = ({ nodes }: PrivateRing) => new Set(nodes.map(({ address }) => address))
    for (const ring of [ours, theirs]) {
      const known = ring.nodes.flatMap(({ node }) => [...node.table.addresses()])
      expect(known.filter((address) => !members(ring).has(address))).toEqual([])
    }
  })

  test('are a ring again after one of their pages has died', async () => {
    for (const seed of seeds(2)) {
      const world = publicRing({ seed })
      const ring = new PrivateRing(world, { namespace: OURS })
      const [first] = startOn(ring, world.nodes.slice(0, 7))
      await runUntil(world, () => ring.isOneRing, LIMIT_MS)
      await run(world, 3_000)
      if (first) ring.crash(first)
      expect(ring.isOneRing).toBe(false)
      await runUntil(world, () => ring.isOneRing, LIMIT_MS)
      expect({ seed, why: why(ring) }).toEqual({ seed, why: undefined })
    }
  })

  test('are a ring still after nodes of the public ring have died that none of them lives at', async () => {
    const world = publicRing({ seed: 1, direct: () => false })
    const ring = new PrivateRing(world, { namespace: OURS })
    startOn(ring, world.nodes.slice(0, 5))
    await runUntil(world, () => ring.isOneRing, LIMIT_MS)
    for (const other of world.nodes.slice(20)) world.crash(other, 'unnoticed')
    await run(world, 30_000)
    expect(why(ring)).toBeUndefined()
  })

  test('talk by way of the public ring alone where no two can have a direct channel', async () => {
    const world = publicRing({ seed: 1, direct: () => false })
    const ring = new PrivateRing(world, { namespace: OURS })
    const nodes = startOn(ring, world.nodes.slice(0, 5))
    await runUntil(world, () => ring.isOneRing, LIMIT_MS)
    await run(world, 20_000)
    expect(why(ring)).toBeUndefined()
    expect(new Set(kindsOf(ring).flat())).toEqual(new Set(['subring']))
    for (const from of nodes) {
      for (const to of nodes) {
        if (from !== to) void from.driver.send(to.address, new TextEncoder().encode(`${from.name} to ${to.name}`))
      }
    }
    await run(world, 2_000)
    for (const { name, delivered } of nodes) {
      const heard = delivered.map(({ data }) => new TextDecoder().decode(data)).sort()
      const others = nodes.filter((other) => other.name !== name).map((other) => `${other.name} to ${name}`)
      expect(heard).toEqual(others.sort())
    }
  })
})

test('two private rings that formed while the public ring was in parts become one', async () => {
  for (const seed of seeds(1)) {
    const world = publicRing({ seed })
    const isLeft = new Map(world.nodes.map(({ name }, index) => [name, index % 2]))
    world.partition((name) => isLeft.get(name) ?? 0)
    world.run(30_000)
    const halves = [0, 1].map((half) => world.nodes.filter(({ name }) => isLeft.get(name) === half).slice(0, 4))
    const ring = new PrivateRing(world, { namespace: OURS })
    const apart = halves.map((half) => startOn(ring, half))
    await run(world, 10_000)
    for (const half of apart) for (const { node } of half) expect(node.table.size).toBe(3)
    world.reunite()
    await runUntil(world, () => ring.isOneRing, 3 * LIMIT_MS)
    expect({ seed, why: why(ring) }).toEqual({ seed, why: undefined })
  }
})
