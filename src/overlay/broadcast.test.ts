import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Address } from './address.ts'
import { Broadcast, type BroadcastContent, MAX_OPEN } from './broadcast.ts'
import type { NodeCore } from './node-core.ts'
import { type Ring, ringOf, symphonyOf } from './test-ring.ts'

type Spread = {
  /** How often each node was given the broadcast; the origin's own count, too. */
  delivered: Map<Address, number>
  messages: number
  /** The longest chain of hand-overs. */
  depth: number
  settled: number
}

/** One broadcast over tables that stand still: each hand-over takes one turn. */
function spread({ addresses, tables }: Ring, origin: Address): Spread {
  const delivered = new Map(addresses.map((address) => [address, 0]))
  const result: Spread = { delivered, messages: 0, depth: 0, settled: 0 }
  const handed: { from: Address; to: Address; content: BroadcastContent; depth: number }[] = []
  let depth = 0
  const nodes = new Map(
    addresses.map((address) => {
      // What a broadcast touches of a node, and no more.
      const core = { config: { address }, table: tables.get(address), random: () => 0.5, count: () => undefined }
      const events = {
        hand: (to: Address, content: BroadcastContent) => handed.push({ from: address, to, content, depth: depth + 1 }),
        deliver: () => delivered.set(address, (delivered.get(address) ?? 0) + 1),
        done: () => {
          result.settled++
        },
        exceedsRelays: () => false,
        exceedsShare: () => false,
        refused: () => undefined,
      }
      return [address, new Broadcast(core as unknown as NodeCore, events)]
    }),
  )
  nodes.get(origin)?.start(new Uint8Array(1), 1)
  for (let next = handed.shift(); next; next = handed.shift()) {
    depth = next.depth
    result.messages++
    result.depth = Math.max(result.depth, depth)
    nodes.get(next.to)?.received(next.content)
    nodes.get(next.from)?.settled(next.to, next.content, false)
  }
  return result
}

const ring = fc
  .record({ count: fc.integer({ min: 2, max: 60 }), seed: fc.nat(), perSide: fc.integer({ min: 1, max: 4 }) })
  .map(({ count, seed, perSide }) => ringOf(count, seed, perSide))

describe('a broadcast over a ring at rest', () => {
  test('is delivered to each node once, to its origin never, and takes one message less than there are nodes', () => {
    fc.assert(
      fc.property(ring, fc.nat(), (some, index) => {
        const origin = some.addresses[index % some.addresses.length] as Address
        const { delivered, messages, settled } = spread(some, origin)
        for (const [address, count] of delivered) expect(count).toBe(address === origin ? 0 : 1)
        expect(messages).toBe(some.addresses.length - 1)
        expect(settled).toBe(1)
      }),
    )
  })

  test('is nowhere handed on more often than a few times the binary logarithm of the ring’s size', () => {
    for (const count of [16, 64, 256, 1_024]) {
      const some = symphonyOf(count, count)
      for (const origin of some.addresses.slice(0, 8)) {
        expect(spread(some, origin).depth).toBeLessThanOrEqual(3 * Math.log2(count))
      }
    }
  })

  test('of a node that is alone is settled at once', () => {
    const alone = ringOf(1, 1)
    expect(spread(alone, alone.addresses[0] as Address)).toMatchObject({ messages: 0, settled: 1 })
  })
})

test('so many broadcasts of our own are under way at once, and who asks for more is told', () => {
  const { addresses, tables } = ringOf(4, 1, 1)
  const [address] = addresses as [Address]
  const core = { config: { address }, table: tables.get(address), random: () => 0.5, count: () => undefined }
  const refused: (number | string)[] = []
  const broadcast = new Broadcast(core as unknown as NodeCore, {
    // Nobody ever has it.
    hand: () => undefined,
    deliver: () => undefined,
    done: () => undefined,
    exceedsRelays: () => false,
    exceedsShare: () => false,
    refused: (ticket, failure) => refused.push(ticket, failure),
  })
  for (let ticket = 1; ticket <= MAX_OPEN + 1; ticket++) broadcast.start(new Uint8Array(1), ticket)
  expect(refused).toEqual([MAX_OPEN + 1, 'too-much-unsent'])
})
