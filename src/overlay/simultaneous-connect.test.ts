import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import { seededRandom } from './seeded-random.ts'
import { TestPair } from './test-pair.ts'

const low = nodeAddress(new Uint8Array(20).fill(16))
const high = nodeAddress(new Uint8Array(20).fill(200))

function expectOneConnection(pair: TestPair): void {
  const ofA = [...pair.a.table.all()]
  const ofB = [...pair.b.table.all()]
  expect([ofA.length, ofB.length]).toEqual([1, 1])
  const channelsOfA = ofA[0]?.channels.map(({ id }) => id) ?? []
  const channelsOfB = ofB[0]?.channels.map(({ id }) => id) ?? []
  expect(channelsOfA).toHaveLength(1)
  expect(channelsOfB).toEqual(channelsOfA.map((id) => pair.live.a.get(id)))
  expect([pair.live.a.size, pair.live.b.size]).toEqual([1, 1])
  expect(pair.losses).toBe(0)
}

describe('two nodes that dial each other at once', () => {
  for (const [name, a, b] of [
    ['the lesser first', low, high],
    ['the greater first', high, low],
  ] as const) {
    test(`have exactly one connection over one channel after every order of the first nine events, ${name}`, () => {
      let schedules = 0
      const explore = (schedule: number[]) => {
        const probe = new TestPair(a, b)
        probe.connectBoth()
        const branches = schedule.length < 9 ? probe.branches(schedule) : 0
        if (branches > 0) {
          for (let choice = 0; choice < branches; choice++) explore([...schedule, choice])
          return
        }
        schedules++
        const pair = new TestPair(a, b)
        pair.connectBoth()
        pair.play(schedule)
        expectOneConnection(pair)
      }
      explore([])
      expect(schedules).toBeGreaterThan(1_000)
    })
  }

  test('have exactly one connection over one channel after every order of all frames of both handshakes, to the last', () => {
    let schedules = 0
    const explore = (schedule: number[]) => {
      const probe = new TestPair(low, high, { instantChannels: true })
      probe.connectBoth()
      const branches = probe.branches(schedule)
      if (branches > 0) {
        for (let choice = 0; choice < branches; choice++) explore([...schedule, choice])
        return
      }
      schedules++
      expectOneConnection(probe)
    }
    explore([])
    // Three frames from each side, their orders alone are twenty; giving up one of the channels comes in more.
    expect(schedules).toBeGreaterThanOrEqual(100)
  })

  test('have exactly one connection after two thousand random orders of all events', () => {
    const random = seededRandom(7)
    for (let run = 0; run < 2_000; run++) {
      const pair = new TestPair(run % 2 ? low : high, run % 2 ? high : low)
      pair.connectBoth()
      pair.play(Array.from({ length: 100 }, () => Math.floor(random() * 8)))
      expectOneConnection(pair)
    }
  })

  test('keep the channel that the greater address dialled', () => {
    const pair = new TestPair(low, high)
    pair.connectBoth()
    pair.play([])
    const [connection] = pair.b.table.all()
    expect(connection?.channels.map(({ ours }) => ours)).toEqual([true])
  })
})
