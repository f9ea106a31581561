import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, directionalAddress, nearer, nodeAddress } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import { NEAR } from './role.ts'
import { route, timeToLive } from './routing.ts'
import { seededRandom } from './seeded-random.ts'
import { connect, type Ring, randomAddresses, ringOf, send } from './test-ring.ts'

const scene = fc
  .record({
    count: fc.integer({ min: 2, max: 60 }),
    seed: fc.nat(),
    key: fc.uint8Array({ minLength: 20, maxLength: 20 }),
  })
  .map(({ count, seed, key }) => ({ ring: ringOf(count, seed), seed, key: nodeAddress(key) }))

const sourceOf = ({ addresses }: Ring, seed: number) => addresses[seed % addresses.length] as Address

describe('greedy', () => {
  test('delivers a key once, at the nearest node, whoever asks', () => {
    fc.assert(
      fc.property(scene, ({ ring, key }) => {
        const owner = ring.addresses.reduce((best, address) => nearer(key, best, address))
        for (const source of ring.addresses) expect(send(ring, 'greedy', source, key).delivered).toEqual([owner])
      }),
    )
  })

  test('finds one owner for each of 1 000 keys from all of 20 sources, the nearest by value', () => {
    const ring = ringOf(20, 11)
    for (const key of randomAddresses(1_000, seededRandom(12))) {
      const owner = ring.addresses.reduce((best, address) => nearer(key, best, address))
      const owners = new Set(ring.addresses.flatMap((source) => send(ring, 'greedy', source, key).delivered))
      expect([...owners]).toEqual([owner])
    }
  })
})

describe('exact', () => {
  test('delivers to the node that is meant', () => {
    fc.assert(
      fc.property(scene, fc.nat(), ({ ring, seed }, other) => {
        const to = sourceOf(ring, other)
        expect(send(ring, 'exact', sourceOf(ring, seed), to).delivered).toEqual([to])
      }),
    )
  })

  test('delivers to nobody when the node is not there', () => {
    fc.assert(
      fc.property(scene, ({ ring, seed, key }) => {
        fc.pre(!ring.addresses.includes(key))
        expect(send(ring, 'exact', sourceOf(ring, seed), key).delivered).toEqual([])
      }),
    )
  })
})

describe('annealing', () => {
  test('delivers on both sides of a place where no node is', () => {
    fc.assert(
      fc.property(scene, ({ ring, seed, key }) => {
        fc.pre(!ring.addresses.includes(key))
        const left = ring.addresses.find((address) => address > key) ?? ring.addresses[0]
        const right = ring.addresses.findLast((address) => address < key) ?? ring.addresses.at(-1)
        // The source never hears its own packet again: it looks for others.
        const source = sourceOf(ring, seed)
        const { delivered } = send(ring, 'annealing', source, key)
        for (const side of [left, right]) if (side !== source) expect(delivered).toContain(side)
        for (const address of delivered) expect([left, right, source]).toContain(address)
      }),
    )
  })
})

describe('path', () => {
  test('delivers at every node on the way, the destination last', () => {
    fc.assert(
      fc.property(scene, fc.nat(), ({ ring, seed }, other) => {
        const to = sourceOf(ring, other)
        const { delivered, visited } = send(ring, 'path', sourceOf(ring, seed), to)
        expect(delivered).toEqual(visited)
        expect(delivered.at(-1)).toBe(to)
      }),
    )
  })

  test('takes the way that annealing takes', () => {
    fc.assert(
      fc.property(scene, ({ ring, seed, key }) => {
        const source = sourceOf(ring, seed)
        expect(send(ring, 'path', source, key).visited).toEqual(send(ring, 'annealing', source, key).visited)
      }),
    )
  })
})

describe('last', () => {
  test('delivers as greedy does while the hops suffice, and else where they run out', () => {
    fc.assert(
      fc.property(scene, fc.integer({ min: 1, max: 3 }), ({ ring, seed, key }, ttl) => {
        const source = sourceOf(ring, seed)
        const whole = send(ring, 'greedy', source, key)
        expect(send(ring, 'last', source, key).delivered).toEqual(whole.delivered)
        expect(send(ring, 'last', source, key, ttl).delivered).toEqual([whole.visited[ttl] ?? whole.visited.at(-1)])
      }),
    )
  })
})

describe('a packet to a direction', () => {
  const places = fc.integer({ min: 1, max: 12 })

  test('with a ttl of t comes to the t-th node on that side, and to nobody else', () => {
    fc.assert(
      fc.property(scene, places, fc.boolean(), ({ ring, seed }, ttl, leftwards) => {
        const { addresses } = ring
        const start = seed % addresses.length
        const step = leftwards ? ttl : -ttl
        const expected = addresses.at((((start + step) % addresses.length) + addresses.length) % addresses.length)
        const to = directionalAddress(leftwards ? 'left' : 'right')
        for (const mode of ['greedy', 'annealing', 'last'] as const) {
          expect(send(ring, mode, addresses[start] as Address, to, ttl).delivered).toEqual([expected])
        }
      }),
    )
  })

  test('by path is delivered at each hop', () => {
    const ring = ringOf(12, 3)
    const { delivered } = send(ring, 'path', ring.addresses[2] as Address, directionalAddress('right'), 4)
    expect(delivered).toEqual([2, 1, 0, 11, 10].map((index) => ring.addresses[index]))
  })

  test('by exact is delivered to nobody: no node has such an address', () => {
    const ring = ringOf(12, 3)
    const journey = send(ring, 'exact', ring.addresses[2] as Address, directionalAddress('left'), 4)
    expect(journey).toMatchObject({ delivered: [], forwards: 0, dropped: 'nobody-there' })
  })
})

test('a packet to an address of a class that has no router goes nowhere', () => {
  const ring = ringOf(12, 3)
  for (const mode of ['greedy', 'annealing', 'exact', 'path', 'last'] as const) {
    const journey = send(ring, mode, ring.addresses[2] as Address, `${'0'.repeat(39)}1` as Address)
    expect(journey).toMatchObject({ delivered: [], forwards: 0, dropped: 'no such class' })
  }
})

describe('the hop limit', () => {
  test('stands before every mode', () => {
    const { addresses, tables } = ringOf(12, 1)
    const source = addresses[0] as Address
    for (const destination of [addresses[6] as Address, directionalAddress('left')]) {
      for (const mode of ['greedy', 'annealing', 'exact', 'path', 'last'] as const) {
        const packet = { mode, hops: 17, ttl: 16, source, destination }
        expect(route(packet, tables.get(addresses[6] as Address) as ConnectionTable, undefined)).toEqual({
          deliver: false,
          next: undefined,
          dropped: 'hops',
        })
      }
    }
  })

  const place = (first: number) => nodeAddress(new Uint8Array(20).fill(0).fill(first, 0, 1))

  /** Four nodes around a key, each of which claims to lie on the far side of the ring and the others to be nearer. */
  const forged = new Map<Address, ConnectionTable>()
  const ends = [place(126), place(127), place(129), place(130)]
  for (const at of ends) {
    const table = new ConnectionTable(place(0))
    for (const other of ends) if (other !== at) connect(table, other, NEAR)
    forged.set(at, table)
  }

  for (const mode of ['greedy', 'annealing', 'exact', 'path', 'last'] as const) {
    test(`ends the walk of a packet among nodes that each claim the others to be nearer: ${mode}`, () => {
      const { forwards, dropped, delivered } = send({ tables: forged }, mode, ends[0] as Address, place(128), 20)
      // Sent at the twentieth hop for the last time, and refused by who gets it then.
      expect(forwards).toBe(mode === 'last' ? 20 : 21)
      expect(dropped).toBe(mode === 'last' ? undefined : 'hops')
      expect(delivered).toHaveLength(mode === 'last' ? 1 : mode === 'path' ? 21 : 0)
    })
  }

  test('ends the walk of a packet to a direction among such nodes', () => {
    for (const side of ['left', 'right'] as const) {
      const { forwards, delivered } = send({ tables: forged }, 'last', ends[0] as Address, directionalAddress(side), 20)
      expect({ forwards, delivered: delivered.length }).toEqual({ forwards: 20, delivered: 1 })
    }
  })

  test('grows as the cube of the logarithm, and leaves a small ring room for detours', () => {
    expect([1, 5, 10, 100, 600, 2 ** 20].map(timeToLive)).toEqual([16, 16, 16, 97, 255, 255])
  })
})

describe('a link whose probe is overdue', () => {
  const key = nodeAddress(new Uint8Array(20).fill(100))
  const at = (fill: number) => nodeAddress(new Uint8Array(20).fill(fill))
  const greedy = (table: ConnectionTable) =>
    route({ mode: 'greedy', hops: 0, ttl: 9, source: table.self, destination: key }, table, undefined, true).next

  function scene() {
    const table = new ConnectionTable(at(10))
    const [near, further] = [connect(table, at(104)), connect(table, at(60))]
    return { table, near, further }
  }

  test('is gone round until something is heard on it again', () => {
    const { table, near, further } = scene()
    expect(greedy(table)).toBe(near.address)
    table.suspect(near, 5)
    expect(greedy(table)).toBe(further.address)
    for (const channel of near.channels) channel.heardAtMs = 5
    expect(greedy(table)).toBe(near.address)
  })

  test('is used all the same when every other is overdue, too', () => {
    const { table, near, further } = scene()
    for (const connection of [near, further]) table.suspect(connection, 5)
    expect(greedy(table)).toBe(near.address)
  })
})
