import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { seededRandom } from './seeded-random.ts'
import { name, ownerOf, type Ring, randomAddresses, ringOf, send, symphonyOf } from './test-ring.ts'

const key = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(nodeAddress)
const scene = fc
  .record({ count: fc.integer({ min: 2, max: 50 }), seed: fc.nat(), key })
  .map(({ count, seed, key }) => ({ ring: ringOf(count, seed), seed, key }))

/** Names that have nothing to do with the links that there are, most of them near to the key. */
function forge(ring: Ring, seed: number, key: Address): void {
  const random = seededRandom(seed)
  for (const table of ring.tables.values()) {
    for (const connection of table.all()) {
      const near = Array.from({ length: 8 }, () => `${key.slice(0, 36)}${Math.floor(4096 * random()).toString(16)}0000`)
      const neighbours = near.map((text) => text.slice(0, 40) as Address)
      connection.status = { ...connection.status, neighbours: random() < 0.5 ? neighbours : [] }
      connection.links = [...randomAddresses(4, random), ...(random() < 0.5 ? [key] : [])]
    }
    table.named()
  }
}

describe('with lookahead', () => {
  for (const names of ['true', 'forged'] as const) {
    const prepare = (ring: Ring, seed: number, key: Address) => (names === 'true' ? name(ring) : forge(ring, seed, key))

    test(`greedy delivers once, at the nearest node, when names are ${names}`, () => {
      fc.assert(
        fc.property(scene, ({ ring, seed, key }) => {
          prepare(ring, seed, key)
          for (const source of ring.addresses) {
            const { delivered } = send(ring, 'greedy', source, key, 255, true)
            expect(delivered).toEqual([ownerOf(ring.addresses, key)])
          }
        }),
      )
    })

    test(`exact delivers to the node that is meant, and else to nobody, when names are ${names}`, () => {
      fc.assert(
        fc.property(scene, fc.nat(), ({ ring, seed, key }, other) => {
          fc.pre(!ring.addresses.includes(key))
          const to = ring.addresses[other % ring.addresses.length] as Address
          prepare(ring, seed, key)
          const source = ring.addresses[seed % ring.addresses.length] as Address
          expect(send(ring, 'exact', source, to, 255, true).delivered).toEqual([to])
          expect(send(ring, 'exact', source, key, 255, true)).toMatchObject({ delivered: [], dropped: 'nobody-there' })
        }),
      )
    })

    test(`annealing delivers on both sides of a hole and to nobody else, when names are ${names}`, () => {
      fc.assert(
        fc.property(scene, ({ ring, seed, key }) => {
          fc.pre(!ring.addresses.includes(key))
          prepare(ring, seed, key)
          const left = ring.addresses.find((address) => address > key) ?? ring.addresses[0]
          const right = ring.addresses.findLast((address) => address < key) ?? ring.addresses.at(-1)
          const source = ring.addresses[seed % ring.addresses.length] as Address
          const { delivered } = send(ring, 'annealing', source, key, 255, true)
          for (const side of [left, right]) if (side !== source) expect(delivered).toContain(side)
          for (const address of delivered) expect([left, right, source]).toContain(address)
        }),
      )
    })
  }
})

describe('mean ways between random pairs are within a tenth of those of the static simulation', () => {
  for (const { count, greedy, ahead } of [
    { count: 64, greedy: 2.47, ahead: 2.05 },
    { count: 512, greedy: 3.9, ahead: 2.87 },
  ]) {
    test(`in a ring of ${count}: ${greedy} greedy, ${ahead} with lookahead; the longest of a hundred below three means`, () => {
      const random = seededRandom(count)
      const ways = { greedy: [] as number[], ahead: [] as number[] }
      for (const seed of [1, 2, 3]) {
        const ring = symphonyOf(count, seed)
        name(ring)
        for (let pair = 0; pair < 1_000; pair++) {
          const [source, to] = [0, 1].map(() => ring.addresses[Math.floor(count * random())]) as [Address, Address]
          if (source === to) continue
          ways.greedy.push(send(ring, 'greedy', source, to).forwards)
          ways.ahead.push(send(ring, 'greedy', source, to, 255, true).forwards)
        }
      }
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
      const longest = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(0.99 * values.length)] as number
      expect(Math.abs(mean(ways.greedy) / greedy - 1)).toBeLessThan(0.1)
      expect(Math.abs(mean(ways.ahead) / ahead - 1)).toBeLessThan(0.1)
      expect(longest(ways.greedy)).toBeLessThan(3 * mean(ways.greedy))
      expect(longest(ways.ahead)).toBeLessThan(3 * mean(ways.ahead))
    })
  }
})
