import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { ChannelId, Effect, Input } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import { seededRandom } from './seeded-random.ts'

/** Two nodes and the channels between them, each event of which happens when the schedule says so. */
class Pair {
  readonly a: Node
  readonly b: Node
  /** One queue for each direction of each channel: what is in one stays in order, the queues do not. */
  readonly queues = new Map<string, (() => void)[]>()
  readonly live = { a: new Map<ChannelId, ChannelId>(), b: new Map<ChannelId, ChannelId>() }
  /** Connections that were lost after they stood. */
  losses = 0
  private arrivals = 0

  constructor(addressOfA: Address, addressOfB: Address) {
    const node = (address: Address, name: string, incarnation: number) => {
      const transports = [{ scheme: 'xmpp', kind: 'relay' as const }]
      const made = new Node(
        { address, incarnation, namespace: 'c'.repeat(40), perSide: 2, transports },
        seededRandom(1),
      )
      made.handle({ type: 'endpoints-changed', endpoints: [endpointOf('xmpp', name)] }, 0)
      return made
    }
    this.a = node(addressOfA, 'a', 1)
    this.b = node(addressOfB, 'b', 2)
  }

  connectBoth(): void {
    this.give('a', { type: 'candidate-appeared', endpoint: endpointOf('xmpp', 'b'), elder: true })
    this.give('b', { type: 'candidate-appeared', endpoint: endpointOf('xmpp', 'a'), elder: true })
  }

  /** Lets the schedule's choices come first and then one event after another until nothing is under way. */
  play(schedule: readonly number[]): void {
    for (let step = 0; this.queues.size > 0; step++) {
      const keys = [...this.queues.keys()]
      const key = keys[(schedule[step] ?? 0) % keys.length] as string
      const queue = this.queues.get(key) as (() => void)[]
      const event = queue.shift() as () => void
      if (queue.length === 0) this.queues.delete(key)
      event()
      if (step > 500) throw new Error('the two never come to rest')
    }
  }

  /** How many ways to go on there are after these choices. */
  branches(schedule: readonly number[]): number {
    for (const choice of schedule) {
      const key = [...this.queues.keys()][choice] as string
      const queue = this.queues.get(key) as (() => void)[]
      const event = queue.shift() as () => void
      if (queue.length === 0) this.queues.delete(key)
      event()
    }
    return this.queues.size
  }

  give(who: 'a' | 'b', input: Input): void {
    const node = this[who]
    const effects = node.handle(input, 10)
    for (const effect of effects) this.carryOut(who, effect)
  }

  wake(nowMs: number): void {
    for (const who of ['a', 'b'] as const) {
      for (const effect of this[who].handle({ type: 'wake' }, nowMs)) this.carryOut(who, effect)
    }
  }

  private carryOut(who: 'a' | 'b', effect: Effect): void {
    const other = who === 'a' ? 'b' : 'a'
    switch (effect.type) {
      case 'dial': {
        const far = --this.arrivals
        this.live[who].set(effect.channel, far)
        this.live[other].set(far, effect.channel)
        this.later(`${who}${effect.channel} open`, () => {
          this.give(who, { type: 'channel-opened', channel: effect.channel, kind: 'relay' })
        })
        this.later(`${who}${effect.channel} there`, () => {
          const endpoint = endpointOf('xmpp', who)
          this.give(other, { type: 'channel-arrived', channel: far, endpoint, kind: 'relay' })
        })
        break
      }
      case 'transmit': {
        const far = this.live[who].get(effect.channel)
        if (far === undefined) break
        this.later(this.direction(who, effect.channel), () => {
          if (this.live[other].has(far)) this.give(other, { type: 'frame', channel: far, bytes: effect.bytes })
        })
        break
      }
      case 'close': {
        const far = this.live[who].get(effect.channel)
        this.live[who].delete(effect.channel)
        if (far === undefined) break
        this.later(this.direction(who, effect.channel), () => {
          if (!this.live[other].delete(far)) return
          this.give(other, { type: 'channel-closed', channel: far, reason: effect.reason })
        })
        break
      }
      case 'peer':
        if (effect.change === 'left' || effect.change === 'unlinked') this.losses++
        break
      default:
        break
    }
  }

  /** Frames follow the arrival of their channel at the far end. */
  private direction(who: 'a' | 'b', channel: ChannelId): string {
    return channel > 0 ? `${who}${channel} there` : `${who}${channel} back`
  }

  private later(key: string, event: () => void): void {
    const queue = this.queues.get(key)
    if (queue) queue.push(event)
    else this.queues.set(key, [event])
  }
}

const low = nodeAddress(new Uint8Array(20).fill(16))
const high = nodeAddress(new Uint8Array(20).fill(200))

function expectOneConnection(pair: Pair): void {
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
        const probe = new Pair(a, b)
        probe.connectBoth()
        const branches = schedule.length < 9 ? probe.branches(schedule) : 0
        if (branches > 0) {
          for (let choice = 0; choice < branches; choice++) explore([...schedule, choice])
          return
        }
        schedules++
        const pair = new Pair(a, b)
        pair.connectBoth()
        pair.play(schedule)
        expectOneConnection(pair)
      }
      explore([])
      expect(schedules).toBeGreaterThan(1_000)
    })
  }

  test('have exactly one connection after two thousand random orders of all events', () => {
    const random = seededRandom(7)
    for (let run = 0; run < 2_000; run++) {
      const pair = new Pair(run % 2 ? low : high, run % 2 ? high : low)
      pair.connectBoth()
      pair.play(Array.from({ length: 100 }, () => Math.floor(random() * 8)))
      expectOneConnection(pair)
    }
  })

  test('keep the channel that the greater address dialled', () => {
    const pair = new Pair(low, high)
    pair.connectBoth()
    pair.play([])
    const [connection] = pair.b.table.all()
    expect(connection?.channels.map(({ ours }) => ours)).toEqual([true])
  })
})
