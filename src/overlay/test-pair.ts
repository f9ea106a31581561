/**
 * TestPair: two nodes and the channels between them, where nothing happens before a test says so: for tests of orders in
 * which messages come, and of messages that never come.
 */
import type { Address } from './address.ts'
import type { ChannelId, Effect, Input } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import type { Sealer } from './sealer.ts'
import { seededRandom } from './seeded-random.ts'

type Who = 'a' | 'b'

export type TestPairOptions = {
  /** Whether channels open and arrive as soon as they are dialled, so that frames alone are put in order. */
  instantChannels?: boolean
  /** Whether each says that it can be dialled through the ring. */
  throughRing?: boolean
  /** Of both. */
  sealer?: Sealer
}

/** How often both may be woken in a row: more would be a node that never meets its deadline. */
const MAX_WAKES = 1_000

export class TestPair {
  readonly a: Node
  readonly b: Node
  /** One queue for each direction of each channel: what is in one stays in order, the queues do not. */
  readonly queues = new Map<string, (() => void)[]>()
  readonly live = { a: new Map<ChannelId, ChannelId>(), b: new Map<ChannelId, ChannelId>() }
  /** Frames under way or arrived, for tests that send one again. */
  readonly sent: { to: Who; channel: ChannelId; bytes: Uint8Array }[] = []
  /** Connections that were lost after they stood. */
  losses = 0
  dials = 0
  nowMs = 10
  /** Hears and says nothing any more. */
  dead: Who | undefined
  private readonly options: TestPairOptions
  private arrivals = 0

  constructor(addressOfA: Address, addressOfB: Address, options: TestPairOptions = {}) {
    this.options = options
    const node = (address: Address, name: string, incarnation: number) => {
      const throughRing = options.throughRing ?? false
      const transports = [{ scheme: 'xmpp', kind: 'relay' as const, throughRing }]
      const made = new Node(
        { address, incarnation, namespace: 'c'.repeat(40), perSide: 2, transports, sealer: options.sealer },
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

  /**
   * Lets the schedule's choices come first and then one event after another until nothing is under way, or so many have
   * happened. Returns how many did.
   */
  play(schedule: readonly number[], steps = Number.POSITIVE_INFINITY): number {
    let step = 0
    for (; this.queues.size > 0 && step < steps; step++) {
      const keys = [...this.queues.keys()]
      const key = keys[(schedule[step] ?? 0) % keys.length] as string
      const queue = this.queues.get(key) as (() => void)[]
      const event = queue.shift() as () => void
      if (queue.length === 0) this.queues.delete(key)
      event()
      if (step > 500) throw new Error('the two never come to rest')
    }
    return step
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

  give(who: Who, input: Input): void {
    if (who === this.dead) return
    for (const effect of this[who].handle(input, this.nowMs)) this.carryOut(who, effect)
  }

  /** Each is woken when it is due, and what comes of it happens at once. */
  passTime(forMs: number): void {
    const untilMs = this.nowMs + forMs
    for (let wakes = 0; ; wakes++) {
      if (wakes > MAX_WAKES) throw new Error('the two are never done')
      const due = (['a', 'b'] as const).filter((who) => who !== this.dead)
      const nextMs = Math.min(...due.map((who) => this[who].deadlineMs ?? Number.POSITIVE_INFINITY))
      if (nextMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      for (const who of due) this.give(who, { type: 'wake' })
      this.play([])
    }
    this.nowMs = untilMs
  }

  private carryOut(who: Who, effect: Effect): void {
    const other = who === 'a' ? 'b' : 'a'
    switch (effect.type) {
      case 'dial': {
        const far = --this.arrivals
        this.live[who].set(effect.channel, far)
        this.live[other].set(far, effect.channel)
        const open = () => this.give(who, { type: 'channel-opened', channel: effect.channel, kind: 'relay' })
        const arrive = () => {
          const endpoint = endpointOf('xmpp', who)
          this.give(other, { type: 'channel-arrived', channel: far, endpoint, kind: 'relay' })
        }
        this.dials++
        if (this.options.instantChannels) {
          arrive()
          open()
          break
        }
        this.later(`${who}${effect.channel} open`, open)
        this.later(`${who}${effect.channel} there`, arrive)
        break
      }
      case 'transmit': {
        const far = this.live[who].get(effect.channel)
        if (far === undefined) break
        this.sent.push({ to: other, channel: far, bytes: effect.bytes.slice() })
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
  private direction(who: Who, channel: ChannelId): string {
    return channel > 0 ? `${who}${channel} there` : `${who}${channel} back`
  }

  private later(key: string, event: () => void): void {
    const queue = this.queues.get(key)
    if (queue) queue.push(event)
    else this.queues.set(key, [event])
  }
}
