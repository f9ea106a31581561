import { describe, expect, test } from 'vitest'
import { nodeAddress } from '../overlay/address.ts'
import type { SendFailure } from '../overlay/effects.ts'
import { MAX_QUEUED_BYTES } from '../overlay/message-streams.ts'
import { decodeFrame, decodeStreamData } from '../overlay/wire.ts'
import type { Witness } from './observed-node.ts'
import { seeds } from './seeds.ts'
import { type Inhabitant, World } from './world.ts'

const LIMIT_MS = 60_000

function formed(seed: number, count: number, witness?: Witness): World {
  const world = new World(witness ? { seed, witness } : { seed })
  world.addMany(count)
  world.runUntil(() => world.isOneRing, LIMIT_MS)
  expect({ seed, why: world.whyNoRing() }).toEqual({ seed, why: undefined })
  return world
}

const numbered = (number: number) => new Uint8Array(new Uint32Array([number]).buffer)
const numberIn = (data: Uint8Array) => new Uint32Array(data.slice().buffer)[0] as number
const flush = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('messages to one node', () => {
  test('arrive once each and in order while the link goes from relay to direct, back to relay and to direct', async () => {
    for (const seed of seeds(10)) {
      const world = new World({ seed })
      const [a, b] = world.addMany(2) as [Inhabitant, Inhabitant]
      const kinds = new Set<string | undefined>()
      const failures: (SendFailure | undefined)[] = []
      world.runUntil(() => a.node.table.size === 1, LIMIT_MS)
      for (let number = 0; number < 1_000; number++) {
        void a.driver.send(b.address, numbered(number)).then((failure) => failures.push(failure))
        world.run(10)
        kinds.add(a.node.table.get(b.address)?.active?.kind)
        if (number === 400) world.direct.cut(a.name, b.name)
        if (number === 700) world.direct.heal(a.name, b.name)
      }
      world.run(30_000)
      await flush()
      expect(b.delivered.map(({ data }) => numberIn(data))).toEqual(
        Array.from({ length: 1_000 }, (_, number) => number),
      )
      expect(failures).toEqual(Array(1_000).fill(undefined))
      expect(kinds).toEqual(new Set(['relay', 'direct']))
    }
  })

  test('arrive at nodes that there is no link to, once each and in order', async () => {
    for (const seed of seeds(5)) {
      const world = formed(seed, 40)
      world.run(60_000)
      const [from] = world.nodes as [Inhabitant]
      const far = world.nodes.find((other) => other !== from && !from.node.table.get(other.address)) as Inhabitant
      for (let number = 0; number < 200; number++) void from.driver.send(far.address, numbered(number))
      world.run(20_000)
      expect(far.delivered.map(({ data }) => numberIn(data))).toEqual(
        Array.from({ length: 200 }, (_, number) => number),
      )
    }
  })

  test('from each to each of twelve arrive at the one alone that they are for', () => {
    const world = formed(4, 12)
    for (const from of world.nodes) {
      for (const to of world.nodes) if (to !== from) void from.driver.send(to.address, numbered(1))
    }
    world.run(10_000)
    for (const to of world.nodes) {
      const senders = to.delivered.map(({ from }) => from).sort()
      const others = world.nodes.filter((other) => other !== to).map(({ address }) => address)
      expect(senders).toEqual(others.sort())
    }
  })

  test('that does not exist fail as unreachable', async () => {
    const world = formed(2, 5)
    const [from] = world.nodes as [Inhabitant]
    let failure: SendFailure | undefined | 'pending' = 'pending'
    void from.driver.send(nodeAddress(new Uint8Array(20).fill(7)), numbered(1)).then((result) => {
      failure = result
    })
    world.run(30_000)
    await flush()
    expect(failure).toBe('unreachable')
  })

  test('of a sender that leaves fail at once', async () => {
    const world = formed(2, 3)
    const [from, to] = world.nodes as [Inhabitant, Inhabitant]
    world.relay.cut(from.name, to.name)
    world.direct.cut(from.name, to.name)
    const failures: (SendFailure | undefined)[] = []
    void from.driver.send(to.address, numbered(1)).then((result) => failures.push(result))
    from.driver.leave()
    await flush()
    expect(failures).toEqual(['left'])
  })

  test('are refused when too much waits already', async () => {
    const world = new World({ seed: 1 })
    const [a] = world.addMany(2) as [Inhabitant, Inhabitant]
    const to = nodeAddress(new Uint8Array(20).fill(9))
    const failures: (SendFailure | undefined)[] = []
    const block = new Uint8Array(65_536)
    const count = Math.ceil(MAX_QUEUED_BYTES / block.length) + 1
    for (let index = 0; index < count; index++) void a.driver.send(to, block).then((failure) => failures.push(failure))
    await flush()
    expect(failures.length).toBeGreaterThan(0)
    expect(new Set(failures)).toEqual(new Set(['too-much-unsent']))
  })
})

describe('a broadcast', () => {
  for (const count of [2, 5, 12, 40]) {
    test(`reaches each of ${count} nodes exactly once`, () => {
      for (const seed of seeds(4)) {
        const world = formed(seed, count)
        const [origin] = world.nodes as [Inhabitant]
        void origin.driver.broadcast(numbered(7))
        world.run(10_000)
        expect(origin.delivered).toEqual([])
        for (const node of world.nodes) {
          if (node === origin) continue
          expect({ seed, got: node.delivered.length }).toEqual({ seed, got: 1 })
          expect(node.delivered[0]).toMatchObject({ from: origin.address, broadcast: true })
        }
      }
    })
  }

  test('costs one message less than there are nodes in a ring that is at rest', () => {
    let messages = 0
    const world = formed(3, 40, (_, input) => {
      if (input.type !== 'frame') return
      const frame = decodeFrame(input.bytes)
      const data = frame?.type === 'packet' && frame.body === 'data' ? decodeStreamData(frame.payload) : undefined
      const content = frame?.type === 'data' ? frame.data.content : data?.content
      if (content?.type === 'broadcast') messages++
    })
    world.run(60_000)
    void world.nodes[0]?.driver.broadcast(numbered(1))
    world.run(10_000)
    expect(messages).toBe(39)
  })

  test('reaches those behind a node that dies with it in hand', () => {
    for (const seed of seeds(6)) {
      const world = formed(seed, 30)
      world.run(60_000)
      const [origin] = world.nodes as [Inhabitant]
      const dead = world.nodes.find(({ address }) => origin.node.table.get(address)) as Inhabitant
      world.crash(dead, 'unnoticed')
      void origin.driver.broadcast(numbered(9))
      world.run(30_000)
      const missed = world.nodes.filter((node) => node !== origin && node.delivered.length !== 1)
      expect({ seed, missed: missed.map(({ name }) => name) }).toEqual({ seed, missed: [] })
    }
  })
})

describe('nodes with another namespace or another incarnation', () => {
  test('with another namespace are refused and counted', () => {
    const world = new World({ seed: 1 })
    const [a] = world.addMany(1) as [Inhabitant]
    const stranger = world.add({ introduce: false, namespace: 'b'.repeat(40) })
    world.show(stranger, a)
    world.run(5_000)
    expect(a.node.table.size).toBe(0)
    expect(a.node.counters.get('link: refused, wrong-namespace')).toBeGreaterThan(0)
  })

  test('that come back with a new incarnation at the same address take the place of the old one', () => {
    const world = formed(2, 3)
    const [first] = world.nodes as [Inhabitant]
    world.crash(first, 'unnoticed')
    const again = world.add({ address: first.address })
    expect(world.runUntil(() => world.isOneRing && again.node.table.size === 2, 20_000)).toBe(true)
  })
})
