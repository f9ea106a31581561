import { describe, expect, test } from 'vitest'
import type { Address } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import { MAX_WAITING_BYTES } from './incoming-stream.ts'
import { IncomingStreams, MAX_STREAMS, MAX_WAITING_TOTAL_BYTES } from './incoming-streams.ts'
import { seededRandom } from './seeded-random.ts'
import { connect, randomAddresses } from './test-ring.ts'

const addresses = randomAddresses(MAX_STREAMS + 200, seededRandom(1))
const at = (index: number) => addresses[index] as Address
const BIG = new Uint8Array(65_536)

function setup() {
  const counters = new Map<string, number>()
  const table = new ConnectionTable(at(0))
  const core = { nowMs: 0, table, count: (what: string) => counters.set(what, (counters.get(what) ?? 0) + 1) }
  const streams = new IncomingStreams(core, { unbegun: () => undefined, due: () => undefined })
  const say = (from: Address, sequence: number, data = new Uint8Array(1)) =>
    streams.receive(from, { stream: 1, sequence, ackStream: 0, ack: 0, content: { type: 'message', data } }, false)
  return { core, table, counters, streams, say }
}

describe('streams that anybody can begin', () => {
  test('are so many at once, and whoever comes next is heard all the same', () => {
    const { streams, say, counters } = setup()
    for (let sender = 1; sender <= MAX_STREAMS + 100; sender++) say(at(sender), 1)
    expect(streams.size).toBe(MAX_STREAMS)
    expect(counters.get('stream: too many')).toBe(100)
    expect(say(at(MAX_STREAMS + 150), 0)).toHaveLength(1)
  })

  test('take no room from those that we have a link to, or that have begun', () => {
    const { streams, table, say } = setup()
    connect(table, at(1))
    say(at(1), 0)
    say(at(2), 0)
    for (let sender = 3; sender <= MAX_STREAMS + 100; sender++) say(at(sender), 1)
    expect(streams.get(at(1))).toBeDefined()
    expect(streams.get(at(2))).toBeDefined()
    expect(streams.get(at(3))).toBeUndefined()
  })

  test('have so much waiting for an earlier message, each', () => {
    const { streams, say, counters } = setup()
    for (let sequence = 1; sequence <= 100; sequence++) say(at(1), sequence, BIG)
    expect(streams.get(at(1))?.waitingBytes).toBe(MAX_WAITING_BYTES)
    expect(counters.get('stream: too far ahead')).toBe(100 - MAX_WAITING_BYTES / BIG.length)
  })

  test('have so much waiting together, and those that have the most lose it until it is sent again', () => {
    const { streams, say, counters } = setup()
    say(at(1), 1, BIG)
    let most = 0
    for (let sender = 2; sender <= 40; sender++) {
      for (let sequence = 1; sequence <= 30; sequence++) say(at(sender), sequence, BIG)
      let waiting = 0
      for (let index = 1; index <= 40; index++) waiting += streams.get(at(index))?.waitingBytes ?? 0
      most = Math.max(most, waiting)
    }
    expect(most).toBeGreaterThan(MAX_WAITING_TOTAL_BYTES / 2)
    expect(most).toBeLessThanOrEqual(MAX_WAITING_TOTAL_BYTES)
    expect(counters.get('stream: too much out of order')).toBeGreaterThan(0)
    expect(streams.get(at(1))?.waitingBytes).toBe(BIG.length)
    // Whoever lost what waited says it again.
    for (let sequence = 0; sequence <= 30; sequence++) say(at(2), sequence)
    expect(streams.get(at(2))?.acknowledge(0)).toBe(31)
  })
})
