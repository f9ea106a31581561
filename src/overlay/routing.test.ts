import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nearer, nodeAddress } from './address.ts'
import { Connection, connectionChannel } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { endpointOf } from './endpoint.ts'
import { NEAR, NO_ROLES, SHORTCUT } from './role.ts'
import { route, timeToLive } from './routing.ts'
import { seededRandom } from './seeded-random.ts'
import type { Mode } from './wire.ts'

type Ring = { addresses: Address[]; tables: Map<Address, ConnectionTable> }

function connect(table: ConnectionTable, address: Address, role = NEAR): void {
  const status = { roles: NO_ROLES, hidden: false, size: 0, neighbours: [] }
  const connection = new Connection({ address, incarnation: 1, incoming: false, sinceMs: 0, endpoints: [], status })
  connection.roles = role
  const channel = {
    id: 1,
    kind: 'direct' as const,
    endpoint: endpointOf('memory', 'x'),
    ours: true,
    attempt: 1,
    nowMs: 0,
  }
  connection.attach(connectionChannel(channel), table.self)
  table.add(connection)
}

/** A ring at rest: two neighbours on each side and two random shortcuts each. */
function ringOf(count: number, seed: number): Ring {
  const random = seededRandom(seed)
  const addresses = Array.from({ length: count }, () =>
    nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * random()))),
  ).sort()
  const tables = new Map(addresses.map((address) => [address, new ConnectionTable(address)]))
  const join = (a: number, b: number, role = NEAR) => {
    const [from, to] = [addresses[a % count], addresses[b % count]] as [Address, Address]
    if (from === to || tables.get(from)?.get(to)) return
    connect(tables.get(from) as ConnectionTable, to, role)
    connect(tables.get(to) as ConnectionTable, from, role)
  }
  for (let index = 0; index < count; index++) {
    join(index, index + 1)
    join(index, index + 2)
    for (let extra = 0; extra < 2; extra++) join(index, Math.floor(random() * count), SHORTCUT)
  }
  return { addresses, tables }
}

/** Who delivers a packet, and how often it was handed on. */
function send(ring: Ring, mode: Mode, source: Address, destination: Address) {
  const delivered: Address[] = []
  let forwards = 0
  const ttl = timeToLive(ring.addresses.length)
  const visit = (at: Address, previous: Address | undefined, hops: number) => {
    const table = ring.tables.get(at) as ConnectionTable
    const { deliver, next } = route({ mode, hops, ttl, source, destination }, table, previous)
    if (deliver) delivered.push(at)
    if (!next) return
    forwards++
    visit(next, at, hops + 1)
  }
  visit(source, undefined, 0)
  return { delivered, forwards }
}

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

describe('the hop limit', () => {
  test('stands before every mode', () => {
    const { addresses, tables } = ringOf(12, 1)
    const [source, destination] = [addresses[0] as Address, addresses[6] as Address]
    for (const mode of ['greedy', 'annealing', 'exact'] as const) {
      const packet = { mode, hops: 17, ttl: 16, source, destination }
      expect(route(packet, tables.get(destination) as ConnectionTable, undefined)).toEqual({
        deliver: false,
        next: undefined,
        dropped: 'hops',
      })
    }
  })

  test('grows as the cube of the logarithm, and leaves a small ring room for detours', () => {
    expect([1, 5, 10, 100, 600, 2 ** 20].map(timeToLive)).toEqual([16, 16, 16, 97, 255, 255])
  })
})
