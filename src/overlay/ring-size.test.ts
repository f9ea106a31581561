import { describe, expect, test } from 'vitest'
import { ConnectionTable } from './connection-table.ts'
import { estimateRingSize } from './ring-size.ts'
import { seededRandom } from './seeded-random.ts'
import { connect, name, type Ring, randomAddresses, symphonyOf } from './test-ring.ts'

const PER_SIDE = 2

/** What all nodes of a ring make of its size. */
function estimates({ tables }: Ring): number[] {
  return [...tables.values()].map((table) => estimateRingSize(table, PER_SIDE).size)
}

function mesh(count: number): Ring {
  const addresses = randomAddresses(count, seededRandom(count))
  const tables = new Map(addresses.map((address) => [address, new ConnectionTable(address)]))
  for (const [address, table] of tables) for (const other of addresses) if (other !== address) connect(table, other)
  const ring = { addresses, tables }
  name(ring)
  return ring
}

describe('the estimated size of a ring', () => {
  for (const count of [3, 5, 6, 8, 9, 12, 20]) {
    test(`is exact in a full mesh of ${count}`, () => {
      expect(new Set(estimates(mesh(count)))).toEqual(new Set([count]))
    })
  }

  for (const count of [3, 5, 8, 16, 64, 256, 1_024, 4_096]) {
    test(`is off by less than 30 % in the median of ${count} nodes`, () => {
      const errors = (count < 1_000 ? [1, 2, 3, 4, 5] : [1]).flatMap((seed) => {
        const ring = symphonyOf(count, seed)
        name(ring)
        return estimates(ring).map((size) => Math.abs(size / count - 1))
      })
      expect(errors.sort((a, b) => a - b)[Math.floor(errors.length / 2)]).toBeLessThan(0.3)
    })
  }

  test('is one for a node that is alone', () => {
    expect(estimateRingSize(new ConnectionTable(mesh(3).addresses[0] as never), PER_SIDE).size).toBe(1)
  })
})
