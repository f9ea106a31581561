import { describe, expect, test } from 'vitest'
import { MAX_PAGE_RECORDS } from './dht-store.ts'
import { MAX_COMPARED } from './dht-wire.ts'
import { seededRandom } from './seeded-random.ts'
import { type TestDht, TestDhts } from './test-dhts.ts'
import { KEY, keyOf, record } from './test-records.ts'
import { randomAddresses } from './test-ring.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** What is sent when links have changed has been sent by then. */
const SOON_MS = 1_000
/** Two comparisons. */
const COMPARED_MS = 3 * MINUTE_MS
const WAY_MS = 1_000

const last = (ring: TestDhts) => ring.nearestTo(KEY).at(-1) as TestDht
const put = (ring: TestDhts, text = 'a', key = KEY) => ring.put(last(ring), record(text, { ms: HOUR_MS, key }))
const names = (nodes: readonly TestDht[]) => nodes.map(({ address }) => address).sort()
const kindsSent = (ring: TestDhts) => ring.sent.map(({ message }) => message?.kind)
const endsOf = (ring: TestDhts) => ring.holders(KEY).map(({ dht }) => dht.store.of(KEY, ring.nowMs)[0]?.endsAtMs ?? 0)

describe('a record', () => {
  test('is held by as many as it should be, the nearest to its key', () => {
    for (const replicas of [1, 3, 6]) {
      const ring = new TestDhts(12, { replicas })
      put(ring)
      expect(names(ring.holders(KEY))).toEqual(names(ring.nearestTo(KEY).slice(0, replicas)))
    }
  })

  test('is held by all where there are fewer', () => {
    const ring = new TestDhts(4, { replicas: 6 })
    put(ring)
    expect(ring.holders(KEY)).toHaveLength(4)
  })

  test('is copied to the next nearest when one that holds it is gone', () => {
    const ring = new TestDhts(12)
    put(ring)
    for (let deaths = 0; deaths < 6; deaths++) {
      ring.kill(ring.nearestTo(KEY)[deaths % 3] as TestDht)
      ring.pass(SOON_MS)
      expect(names(ring.holders(KEY))).toEqual(expect.arrayContaining(names(ring.nearestTo(KEY).slice(0, 3))))
    }
  })

  test('is handed to who comes nearer, and given up by who is far behind by then', () => {
    const ring = new TestDhts(12)
    put(ring)
    const [, , third] = ring.nearestTo(KEY) as [TestDht, TestDht, TestDht]
    // Nearer than anybody who was drawn at random.
    for (const step of [0, 2, 4, 6]) ring.add(`${KEY.slice(0, -2)}0${step}` as typeof KEY)
    ring.pass(SOON_MS)
    const nearest = ring.nearestTo(KEY)
    expect(names(ring.holders(KEY))).toEqual(expect.arrayContaining(names(nearest.slice(0, 3))))
    expect(nearest.indexOf(third)).toBeGreaterThanOrEqual(5)
    expect(ring.holders(KEY)).not.toContain(third)
  })

  test('that its author has put is held without the author', () => {
    const ring = new TestDhts(12)
    put(ring)
    ring.kill(last(ring))
    ring.pass(COMPARED_MS)
    expect(ring.get(ring.nodes[0]?.gone ? (ring.nodes[1] as TestDht) : (ring.nodes[0] as TestDht), KEY)).toEqual(['a'])
  })

  test('that another came to have without being told is found missing, and comes', () => {
    const ring = new TestDhts(8)
    ring.loses = ({ message }) => message?.kind === 'copy'
    put(ring)
    ring.pass(SOON_MS)
    expect(ring.holders(KEY)).toHaveLength(1)
    ring.loses = () => false
    ring.pass(COMPARED_MS)
    expect(ring.holders(KEY).length).toBeGreaterThanOrEqual(3)
  })

  test('comes back to the root that has lost it, by those who hold it', () => {
    const ring = new TestDhts(8)
    put(ring)
    const { dht } = ring.rootOf(KEY)
    for (const stored of dht.store.of(KEY, ring.nowMs)) dht.store.remove(stored)
    expect(dht.store.size).toBe(0)
    ring.pass(COMPARED_MS)
    expect(dht.store.size).toBe(1)
  })

  test('of a later version reaches the root that has missed it', () => {
    const ring = new TestDhts(8)
    const writer = keyOf(9)
    const bound = (version: number) => record(`${version}`, { writer, version, ms: HOUR_MS })
    ring.put(last(ring), bound(1))
    const [, second] = ring.nearestTo(KEY) as [TestDht, TestDht]
    second.dht.store.put(bound(2), ring.nowMs)
    ring.pass(COMPARED_MS)
    expect(ring.get(last(ring), KEY)).toEqual(['2'])
  })
})

describe('a put is answered', () => {
  test('once half of those who are to hold it beside the root do', () => {
    const ring = new TestDhts(12, { replicas: 6 })
    const lost = new Set(ring.nearestTo(KEY).slice(1, 4))
    ring.loses = ({ message, to }) => message?.kind === 'copy' && [...lost].some(({ address }) => address === to)
    const outcome = put(ring)
    expect(ring.holders(KEY)).toHaveLength(3)
    expect(outcome()).toBeUndefined()
    lost.delete(ring.nearestTo(KEY)[1] as TestDht)
    ring.pass(SOON_MS)
    expect(outcome()).toBe('stored')
  })

  test('after a while, though nobody else has taken it: it will be', () => {
    const ring = new TestDhts(8)
    ring.loses = ({ message }) => message?.kind === 'copy'
    const outcome = put(ring)
    expect(outcome()).toBeUndefined()
    ring.pass(2_500)
    expect(outcome()).toBe('stored')
  })
})

describe('to a newcomer', () => {
  test('is handed all that it is to hold, a page at a time', () => {
    const ring = new TestDhts(5)
    const keys = Array.from({ length: 3 * MAX_PAGE_RECORDS }, (_, number) => keyOf(2 * number))
    for (const [number, key] of keys.entries()) put(ring, `${number}`, key)
    ring.pass(SOON_MS)
    ring.sent = []
    const newcomer = ring.add(KEY)
    ring.pass(2 * SOON_MS)
    for (const key of keys) if (ring.nearestTo(key).indexOf(newcomer) < 3) expect(ring.holders(key)).toContain(newcomer)
    expect(newcomer.dht.store.size).toBeGreaterThan(MAX_PAGE_RECORDS)
    for (const { message } of ring.sent) {
      if (message?.kind === 'copy') expect(message.records.length).toBeLessThanOrEqual(MAX_PAGE_RECORDS)
    }
  })

  test('is copied nothing that it holds already', () => {
    const ring = new TestDhts(3)
    put(ring)
    const [second] = ring.nearestTo(KEY).slice(1) as [TestDht]
    // As if both had forgotten of each other, and then not.
    for (const { dht } of ring.nodes) for (const { address } of ring.nodes) dht.keeper.lost(address)
    ring.sent = []
    ring.pass(SOON_MS)
    expect(kindsSent(ring)).toContain('compare')
    expect(kindsSent(ring)).not.toContain('copy')
    expect(second.dht.store.size).toBe(1)
  })
})

describe('the lease of a record', () => {
  test('grows neither longer nor, by more than one way, shorter while its holders come and go', () => {
    const ring = new TestDhts(8)
    put(ring)
    const [author] = [last(ring)]
    const untilMs = 1_000 + HOUR_MS
    for (const [index, address] of randomAddresses(30, seededRandom(5)).entries()) {
      ring.add(address)
      ring.pass(SOON_MS)
      const victim = ring.nodes.find((node) => !node.gone && node !== author)
      if (index % 2 === 0 && victim) ring.kill(victim)
      ring.pass(SOON_MS)
      expect(Math.max(...endsOf(ring))).toBeLessThanOrEqual(untilMs)
    }
    // Each that takes a record from another takes a way's time off it, and there are only so many takers in a row.
    expect(Math.min(...endsOf(ring))).toBeGreaterThan(untilMs - 12 * WAY_MS)
  })

  test('is told again, and shorter, to who may have got it late', () => {
    const ring = new TestDhts(3)
    const slow = ring.nearestTo(KEY)[1] as TestDht
    const startMs = ring.nowMs
    // As behind a packet that was lost.
    ring.delays = ({ message, to }) => {
      return message?.kind === 'copy' && to === slow.address ? Math.max(100, startMs + 2_900 - ring.nowMs) : 0
    }
    put(ring)
    ring.pass(20_000)
    const [stored] = slow.dht.store.of(KEY, ring.nowMs)
    expect(stored?.endsAtMs).toBeLessThanOrEqual(startMs + HOUR_MS)
    expect(stored?.endsAtMs).toBeGreaterThan(startMs + HOUR_MS - 3 * WAY_MS)
  })

  test('is not told again and again to who always answers late', () => {
    const ring = new TestDhts(3)
    const [, slow] = ring.nearestTo(KEY) as [TestDht, TestDht]
    ring.delays = ({ message, from }) => (message?.kind === 'done' && from === slow.address ? 2_000 : 0)
    put(ring)
    ring.pass(COMPARED_MS)
    const copies = ring.sent.filter(({ message, to }) => message?.kind === 'copy' && to === slow.address)
    // Each of three is sent twice, as its answer is late.
    expect(copies).toHaveLength(6)
  })
})

describe('who does not answer', () => {
  test('is passed over for a while, and then asked again', () => {
    const ring = new TestDhts(8)
    const [, dumb] = ring.nearestTo(KEY) as [TestDht, TestDht]
    ring.loses = ({ from }) => from === dumb.address
    put(ring)
    ring.pass(10_000)
    expect(ring.holders(KEY).length).toBeGreaterThanOrEqual(4)
    expect(ring.counted('dht: no answer')).toBeGreaterThan(0)
    ring.loses = () => false
    ring.sent = []
    ring.pass(COMPARED_MS)
    expect(ring.sent.some(({ to }) => to === dumb.address)).toBe(true)
  })
})

test('who says that a record lies elsewhere is not given it again and again', () => {
  const ring = new TestDhts(12, { replicas: 1 })
  const root = ring.rootOf(KEY)
  const [, next] = ring.nearestTo(KEY) as [TestDht, TestDht]
  ring.put(root, record('a'))
  // To the root it looks as if the next were the nearest.
  root.dht.keeper.replicas.of = () => [next.address]
  next.dht.keeper.replicas.of = () => [root.address]
  ring.sent = []
  ring.pass(30_000)
  expect(ring.sent.filter(({ message }) => message?.kind === 'copy').length).toBeLessThanOrEqual(1)
})

test('nodes that hold more than can be compared at once compare others each time', () => {
  const ring = new TestDhts(2)
  const [a, b] = ring.nodes as [TestDht, TestDht]
  const keys = randomAddresses(2 * MAX_COMPARED, seededRandom(3))
  for (const key of keys) a.dht.store.put(record('a', { key, ms: 24 * HOUR_MS }), ring.nowMs)
  // What is put sets the looking going.
  ring.put(a, record('a', { ms: HOUR_MS }))
  ring.review()
  ring.pass(30 * MINUTE_MS)
  expect(b.dht.store.size).toBe(2 * MAX_COMPARED + 1)
})

test('a node that holds nothing any more has nothing to wake for', () => {
  const ring = new TestDhts(4)
  ring.put(last(ring), record('a', { ms: MINUTE_MS }))
  ring.pass(10 * MINUTE_MS)
  expect(ring.nodes.map(({ dht }) => [dht.store.size, dht.deadlineMs])).toEqual(Array(4).fill([0, undefined]))
})
