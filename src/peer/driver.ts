/**
 * Driver: the run loop between a node and the world. One input, then all its effects in order, then the next input; when
 * none is left it sleeps until the node's deadline. The page, a Node peer and the simulator run this same loop.
 */
import type { Address } from '../overlay/address.ts'
import type { DhtFailure } from '../overlay/dht.ts'
import type { DhtRecord } from '../overlay/dht-record.ts'
import type {
  ChannelId,
  Effect,
  Input,
  IntroductionReason,
  NodeState,
  SendFailure,
  Ticket,
  TunnelEffect,
} from '../overlay/effects.ts'
import { type Endpoint, schemeOf } from '../overlay/endpoint.ts'
import type { Visibility } from '../overlay/greeters.ts'
import type { Node } from '../overlay/node.ts'
import { isUserData } from '../overlay/user-data.ts'
import type { Channel, ChannelEvents, Transport, TurnClock } from '../ports.ts'
import { Trace, type TraceEntry } from './trace.ts'

/** A node is not woken at once again, or one that never meets its deadline would hang the page. */
const SAME_DEADLINE_MS = 1

export interface DriverEvents {
  deliver(from: Address, data: Uint8Array, broadcast: boolean): void
  /** For an overlay within this one. */
  inner?(from: Address, data: Uint8Array): void
  peer(change: 'joined' | 'changed' | 'left' | 'unlinked', address: Address): void
  state(state: NodeState): void
  /** A signal of another node of the ring. `isOwn`: over that node's own link. */
  signalled(from: Address, data: Uint8Array, isOwn: boolean): void
  /** Keys are needed for what goes to this node through others. */
  introduce?(to: Address, reason: IntroductionReason): void
  /** Which of these records of the DHT are from the writers that they are bound to? Answered by `checked`. */
  check?(records: readonly DhtRecord[], checked: (proved: readonly boolean[]) => void): void
  /** What has become of a tunnel. */
  tunnelled(effect: TunnelEffect): void
  /** It may be our own network that is gone. */
  isolated(): void
  /** Whether to show presence from now on. */
  visibility(visibility: Visibility): void
}

/** One page of the records under a key. */
export type DhtPage = { records: DhtRecord[]; more: boolean }

export class Driver {
  readonly node: Node
  readonly channels = new Map<ChannelId, Channel>()
  private readonly clock: TurnClock
  private readonly events: DriverEvents
  private readonly transports = new Map<string, Transport>()
  private readonly inputs: Input[] = []
  private readonly settles = new Map<Ticket, (failure: SendFailure | undefined) => void>()
  private readonly puts = new Map<Ticket, (failure: DhtFailure | undefined) => void>()
  private readonly gets = new Map<Ticket, (page: DhtPage | undefined) => void>()
  private readonly finds = new Map<Ticket, (address: Address | undefined) => void>()
  private readonly tracing: boolean
  private readonly traced = new Trace()
  private running = false
  private planning = false
  private wokenAtMs = Number.NEGATIVE_INFINITY
  private leaving = false
  private stopped = false
  private arrived = 0
  private tickets = 0
  private sleeping: { untilMs: number; cancel: () => void } | undefined

  constructor(node: Node, clock: TurnClock, events: DriverEvents, options: { tracing: boolean } = { tracing: true }) {
    this.node = node
    this.clock = clock
    this.events = events
    this.tracing = options.tracing
  }

  get trace(): readonly TraceEntry[] {
    return this.traced.entries
  }

  addTransport(transport: Transport): void {
    this.transports.set(transport.scheme, transport)
    transport.listen((channel) => this.adopt(channel))
    this.announceEndpoints()
  }

  /** To be called when a transport's endpoint has changed. */
  announceEndpoints(): void {
    const endpoints: Endpoint[] = []
    for (const { endpoint } of this.transports.values()) if (endpoint) endpoints.push(endpoint)
    this.give({ type: 'endpoints-changed', endpoints })
  }

  /** `inner`: it is for an overlay within this one. */
  send(to: Address, data: Uint8Array, inner = false): Promise<SendFailure | undefined> {
    return this.settled((ticket) => ({ type: 'send', ticket, to, data, ...(inner ? { inner } : {}) }))
  }

  broadcast(data: Uint8Array): Promise<SendFailure | undefined> {
    return this.settled((ticket) => ({ type: 'broadcast', ticket, data }))
  }

  /** Sends a signal to a node of the ring, which may be lost; sent again with another attempt it takes another way. */
  signal(to: Address, data: Uint8Array, attempt: number): void {
    this.give({ type: 'signal', to, data, attempt })
  }

  /** Who is nearest to this key, as that node says itself; undefined when nobody answers. */
  find(key: Address, found: (address: Address | undefined) => void, options: { careful?: boolean } = {}): void {
    if (this.stopped) {
      found(undefined)
      return
    }
    const ticket = ++this.tickets
    this.finds.set(ticket, found)
    this.give({ type: 'find', ticket, key, ...options })
  }

  /** Puts a record, or a new lease of it; `create`: only where no other value is. */
  put(record: DhtRecord, create = false): Promise<DhtFailure | undefined> {
    if (this.stopped) return Promise.resolve('unreachable')
    return new Promise((resolve) => {
      const ticket = ++this.tickets
      this.puts.set(ticket, resolve)
      this.give({ type: 'dht-put', ticket, record, create })
    })
  }

  /** What lies under a key, after the tag of the last record of the page before. Undefined when nobody has answered. */
  get(key: Address, after = ''): Promise<DhtPage | undefined> {
    if (this.stopped) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const ticket = ++this.tickets
      this.gets.set(ticket, resolve)
      this.give({ type: 'dht-get', ticket, key, after })
    })
  }

  /** Says goodbye at once; the node does nothing after it. */
  leave(): void {
    this.leaving = true
    this.give({ type: 'leave' })
  }

  /** As if the process had been killed: nothing is said and nothing is done any more. */
  stop(): void {
    this.stopped = true
    this.sleeping?.cancel()
    this.sleeping = undefined
  }

  give(input: Input): void {
    if (this.stopped) return
    if (this.running) {
      this.inputs.push(input)
      return
    }
    this.running = true
    try {
      this.step(input)
      while (this.inputs.length > 0) this.step(this.inputs.shift() as Input)
    } finally {
      this.running = false
    }
    if (this.leaving) {
      this.finish()
      return
    }
    if (this.planning) return
    this.planning = true
    this.clock.soon(this.plan)
  }

  /** What was said by way of others is on its way now, and the links beneath may go. */
  private finish(): void {
    this.leaving = false
    this.give({ type: 'wake' })
    this.stop()
  }

  /** Whether an input that is given now waits for others. */
  get busy(): boolean {
    return this.running
  }

  /** What is due already, such as acknowledgements that no answer carried, follows what the application does first. */
  private readonly plan = (): void => {
    this.planning = false
    const deadlineMs = this.stopped ? undefined : this.node.deadlineMs
    const nowMs = this.clock.now()
    if (deadlineMs === undefined || deadlineMs > nowMs) this.sleep(deadlineMs)
    else if (nowMs < this.wokenAtMs + SAME_DEADLINE_MS) this.sleep(this.wokenAtMs + SAME_DEADLINE_MS)
    else {
      this.wokenAtMs = nowMs
      this.give({ type: 'wake' })
    }
  }

  private step(input: Input): void {
    const nowMs = this.clock.now()
    this.note(nowMs, input)
    for (const effect of this.node.handle(input, nowMs)) {
      this.note(nowMs, effect)
      this.carryOut(effect)
    }
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        this.dial(effect.channel, effect.endpoint)
        break
      case 'transmit': {
        const channel = this.channels.get(effect.channel)
        if (!channel) break
        const wasCongested = channel.congested
        channel.send(effect.bytes, isUserData(effect.bytes))
        if (channel.congested && !wasCongested) this.give({ type: 'channel-congested', channel: effect.channel })
        break
      }
      case 'close':
        this.channels.get(effect.channel)?.close(effect.reason)
        this.channels.delete(effect.channel)
        break
      case 'deliver':
        this.events.deliver(effect.from, effect.data, effect.broadcast)
        break
      case 'inner':
        this.events.inner?.(effect.from, effect.data)
        break
      case 'settle':
        this.settles.get(effect.ticket)?.(effect.failure)
        this.settles.delete(effect.ticket)
        break
      case 'found':
        this.finds.get(effect.ticket)?.(effect.address)
        this.finds.delete(effect.ticket)
        break
      case 'dht-settled':
        this.puts.get(effect.ticket)?.(effect.failure)
        this.puts.delete(effect.ticket)
        break
      case 'dht-found':
        this.gets.get(effect.ticket)?.(effect.records && { records: effect.records, more: effect.more })
        this.gets.delete(effect.ticket)
        break
      case 'dht-check': {
        const { check } = effect
        const checked = (proved: readonly boolean[]) => this.give({ type: 'dht-checked', check, proved })
        if (this.events.check) this.events.check(effect.records, checked)
        else checked([])
        break
      }
      case 'signalled':
        this.events.signalled(effect.from, effect.data, effect.isOwn)
        break
      case 'introduce':
        this.events.introduce?.(effect.to, effect.reason)
        break
      case 'tunnel-opened':
      case 'tunnel-arrived':
      case 'tunnel-frame':
      case 'tunnel-closed':
        this.events.tunnelled(effect)
        break
      case 'peer':
        this.events.peer(effect.change, effect.address)
        break
      case 'state':
        this.events.state(effect.state)
        break
      case 'isolated':
        this.events.isolated()
        break
      case 'visibility':
        this.events.visibility(effect.visibility)
        break
    }
  }

  private dial(id: ChannelId, endpoint: Endpoint): void {
    const transport = this.transports.get(schemeOf(endpoint))
    if (!transport) {
      this.give({ type: 'channel-closed', channel: id, reason: 'no such transport' })
      return
    }
    this.bind(id, transport.dial(endpoint))
  }

  private adopt(channel: Channel): void {
    const id = --this.arrived
    this.bind(id, channel)
    const { endpoint, kind, proved } = channel
    this.give({ type: 'channel-arrived', channel: id, endpoint, kind, proved })
  }

  private bind(id: ChannelId, channel: Channel): void {
    this.channels.set(id, channel)
    channel.bind(new ChannelInputs(this, id))
  }

  private settled(input: (ticket: Ticket) => Input): Promise<SendFailure | undefined> {
    if (this.stopped) return Promise.resolve('left')
    return new Promise((resolve) => {
      const ticket = ++this.tickets
      this.settles.set(ticket, resolve)
      this.give(input(ticket))
    })
  }

  private sleep(deadlineMs: number | undefined): void {
    // Waking too early costs less than setting a timer anew for each frame that puts the deadline off.
    if (deadlineMs === undefined || (this.sleeping && this.sleeping.untilMs <= deadlineMs)) return
    this.sleeping?.cancel()
    const cancel = this.clock.wakeAt(deadlineMs, () => {
      this.sleeping = undefined
      this.give({ type: 'wake' })
    })
    this.sleeping = { untilMs: deadlineMs, cancel }
  }

  private note(atMs: number, what: Input | Effect): void {
    if (this.tracing && what.type !== 'wake') this.traced.note(atMs, what)
  }
}

/** What happens to a channel, as inputs of the node. One object per channel: a world has hundreds of thousands. */
class ChannelInputs implements ChannelEvents {
  private readonly driver: Driver
  private readonly id: ChannelId

  constructor(driver: Driver, id: ChannelId) {
    this.driver = driver
    this.id = id
  }

  opened(): void {
    const channel = this.driver.channels.get(this.id)
    if (!channel) return
    const { kind, proved } = channel
    this.driver.give({ type: 'channel-opened', channel: this.id, kind, proved })
  }

  message(bytes: Uint8Array): void {
    this.driver.give({ type: 'frame', channel: this.id, bytes })
  }

  writable(): void {
    this.driver.give({ type: 'channel-writable', channel: this.id })
  }

  kindChanged(): void {
    const channel = this.driver.channels.get(this.id)
    if (channel) this.driver.give({ type: 'channel-rerouted', channel: this.id, kind: channel.kind })
  }

  closed(reason: string): void {
    this.driver.channels.delete(this.id)
    this.driver.give({ type: 'channel-closed', channel: this.id, reason })
  }
}
