import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nearer, nodeAddress } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import { DhtReplicas, HELD_BEYOND } from './dht-replicas.ts'
import type { NodeCore } from './node-core.ts'
import { seededRandom } from './seeded-random.ts'
import { connect, randomAddresses } from './test-ring.ts'

const addresses = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => nodeAddress(bytes))

/** What there is of a node for who looks around: itself, its links and the time. */
function seenFrom(self: Address, others: readonly Address[], replicas = 3) {
  const table = new ConnectionTable(self)
  for (const other of others) connect(table, other)
  const core = { table, config: { address: self, replicas }, nowMs: 0 }
  const avoided = new Set<Address>()
  const known = new DhtReplicas(core as unknown as NodeCore, (address) => avoided.has(address))
  known.review()
  return { known, core, avoided, table }
}

/** Who is nearest, then who is nearest of the others, and so on. */
function bruteForce(all: readonly Address[], key: Address, count: number): Address[] {
  const left = new Set(all)
  const nearest: Address[] = []
  while (nearest.length < count && left.size > 0) {
    const next = [...left].reduce((a, b) => nearer(key, a, b))
    left.delete(next)
    nearest.push(next)
  }
  return nearest
}

describe('the replicas of a key', () => {
  test('are the nearest of all that are known, nearest first', () => {
    const rings = fc.uniqueArray(addresses, { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        rings,
        addresses,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(0 as const, HELD_BEYOND),
        (ring, key, count, more) => {
          const [self, ...others] = ring as [Address, ...Address[]]
          const { known } = seenFrom(self, others, count)
          expect(known.of(key, more)).toEqual(bruteForce(ring, key, count + more))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('begin with the node whose address the key is', () => {
    const ring = randomAddresses(9, seededRandom(1))
    const { known } = seenFrom(ring[0] as Address, ring.slice(1))
    for (const address of ring) expect(known.of(address)[0]).toBe(address)
  })

  test.each([1, 2, 3])('are all nodes of a ring of %i, each once', (size) => {
    const ring = randomAddresses(size, seededRandom(size))
    const { known } = seenFrom(ring[0] as Address, ring.slice(1), 6)
    for (const key of randomAddresses(20, seededRandom(9))) expect([...known.of(key)].sort()).toEqual(ring)
  })

  test('are seen alike by all who know all', () => {
    const ring = randomAddresses(12, seededRandom(2))
    const views = ring.map(
      (self) =>
        seenFrom(
          self,
          ring.filter((other) => other !== self),
        ).known,
    )
    for (const key of randomAddresses(20, seededRandom(3))) {
      for (const view of views) expect(view.of(key)).toEqual(views[0]?.of(key))
    }
  })

  test('are also those whom our links name', () => {
    const [self, link, named] = randomAddresses(3, seededRandom(4)) as [Address, Address, Address]
    const { known, table } = seenFrom(self, [link])
    const connection = table.get(link)
    if (connection) connection.status = { ...connection.status, neighbours: [named] }
    known.review()
    expect(known.of(named)[0]).toBe(named)
  })

  test('are none of those who are not to be relied on', () => {
    const ring = randomAddresses(6, seededRandom(5))
    const { known, avoided } = seenFrom(ring[0] as Address, ring.slice(1))
    avoided.add(ring[3] as Address)
    known.review()
    for (const key of randomAddresses(20, seededRandom(6))) expect(known.of(key)).not.toContain(ring[3])
  })
})

describe('those around us', () => {
  test('have been the same since one of them came or went', () => {
    const ring = randomAddresses(5, seededRandom(7))
    const { known, core, table } = seenFrom(ring[0] as Address, ring.slice(1))
    core.nowMs = 1_000
    expect(known.review()).toBe(false)
    expect(known.sameSinceMs).toBe(0)
    const gone = table.get(ring[1] as Address)
    if (gone) table.remove(gone)
    expect(known.review()).toBe(true)
    expect(known.sameSinceMs).toBe(1_000)
  })

  test('are the same when only one far away has come', () => {
    const ring = randomAddresses(20, seededRandom(8))
    const self = ring[0] as Address
    const far = ring[10] as Address
    const { known, core, table } = seenFrom(
      self,
      ring.filter((each) => each !== self && each !== far),
    )
    core.nowMs = 1_000
    connect(table, far)
    expect(known.review()).toBe(false)
  })
})
