/**
 * Memory: how do bytes flow inside a simulation? A network of wired transports, driven by nothing but the clock given.
 *
 *   opening --answer of the far end--> open --closed by either end, a limit--> closed
 *      |                                                                        ^
 *      +-------------------- no such endpoint, deadline ------------------------+
 *
 * Each frame is one scheduled event. Frames of one direction of one channel arrive in the order sent, whatever the
 * latency function says; there is no bandwidth.
 */
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import {
  type Channel,
  type ChannelEvents,
  type ChannelKind,
  type Clock,
  MAX_FRAME_BYTES,
  type Transport,
} from '../ports.ts'

const OPEN_DEADLINE_MS = 15_000 // As long as a WebRTC attempt may take.
const CONGESTED_ABOVE_BYTES = 1_048_576 // As the WebRTC transport has it.
const WRITABLE_AT_BYTES = 262_144
const MAX_UNSENT_BYTES = 16_777_216 // A guess: 16 congested windows. Beyond it the sender does not listen.

export type MemoryNetworkOptions = {
  /** Asked once per frame; one way. */
  latencyMs: (from: string, to: string) => number
  /** `direct` unless given. */
  kind?: ChannelKind | ((from: string, to: string) => ChannelKind)
  /** Asked once per dial; a dial to somebody out of reach hears nothing until its deadline. */
  reachable?: (from: string, to: string) => boolean
  /** `memory` unless given: two networks of different schemes model a relay and a direct path. */
  scheme?: string
}

/** A clock that need not be able to cancel what is set, and does not pay for it, where it knows this. */
type WireClock = Clock & { callAt?: (at: number, task: () => void) => void }

export class MemoryNetwork {
  /** What was asked of the network so far, whether it arrived or not; `bytes` are those of frames. */
  readonly asked = { frames: 0, bytes: 0, dials: 0 }
  readonly scheme: string
  isDown = false
  readonly clock: Clock
  /** As the clock's `wakeAt`, for what is never cancelled. */
  readonly callAt: (at: number, task: () => void) => void
  private readonly options: MemoryNetworkOptions
  private readonly transports = new Map<string, MemoryTransport>()
  private readonly crashed = new Set<string>()
  /** Per cut pair, the channel ends whose frames wait for the pair to heal. */
  private readonly cuts = new Map<string, Set<MemoryChannel>>()

  constructor(clock: WireClock, options: MemoryNetworkOptions) {
    this.clock = clock
    this.callAt = (clock.callAt ?? clock.wakeAt).bind(clock)
    this.options = options
    this.scheme = options.scheme ?? 'memory'
  }

  /** One transport per name; a name that was closed or has crashed may be used again only after `close`. */
  transport(name: string): Transport {
    if (this.transports.has(name)) throw new Error(`Memory endpoint ${name} is in use.`)
    const transport = new MemoryTransport(this, name)
    this.transports.set(name, transport)
    return transport
  }

  /** From now on nothing leaves or reaches this name, and nobody is told. */
  crash(name: string): void {
    this.crashed.add(name)
  }

  /** Frames between the two wait, as a network that retransmits makes them wait, until `heal`. */
  cut(a: string, b: string): void {
    const pair = pairOf(a, b)
    if (!this.cuts.has(pair)) this.cuts.set(pair, new Set())
  }

  heal(a: string, b: string): void {
    const pair = pairOf(a, b)
    const waiting = this.cuts.get(pair)
    this.cuts.delete(pair)
    for (const end of waiting ?? []) end.resume()
  }

  /** What stands between all names is gone: each channel ends at both ends, and until `comeBack` nobody can dial. */
  goDown(): void {
    this.isDown = true
    for (const { channels } of this.transports.values()) for (const channel of [...channels]) channel.lose()
  }

  comeBack(): void {
    this.isDown = false
  }

  find(name: string): MemoryTransport | undefined {
    return this.transports.get(name)
  }

  forget(name: string): void {
    this.transports.delete(name)
  }

  isCrashed(name: string): boolean {
    return this.crashed.size > 0 && this.crashed.has(name)
  }

  /** Undefined while the two can hear each other. */
  waitingAcross(a: string, b: string): Set<MemoryChannel> | undefined {
    return this.cuts.size > 0 ? this.cuts.get(pairOf(a, b)) : undefined
  }

  canReach(from: string, to: string): boolean {
    return this.options.reachable?.(from, to) ?? true
  }

  kindOf(from: string, to: string): ChannelKind {
    const kind = this.options.kind
    return typeof kind === 'function' ? kind(from, to) : (kind ?? 'direct')
  }

  latencyMs(from: string, to: string): number {
    return this.options.latencyMs(from, to)
  }
}

class MemoryTransport implements Transport {
  readonly scheme: string
  readonly name: string
  readonly network: MemoryNetwork
  readonly channels = new Set<MemoryChannel>()
  readonly dropped = new Map<string, number>()
  incoming: ((channel: Channel) => void) | undefined
  private closed = false

  constructor(network: MemoryNetwork, name: string) {
    this.network = network
    this.name = name
    this.scheme = network.scheme
  }

  get endpoint(): Endpoint | undefined {
    return this.closed || this.network.isDown ? undefined : endpointOf(this.scheme, this.name)
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    return new MemoryChannel(this, targetOf(endpoint), undefined)
  }

  close(): void {
    this.closed = true
    for (const channel of [...this.channels]) channel.close('transport closed')
    this.network.forget(this.name)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

type Item = Uint8Array | 'opened' | 'closed'

class MemoryChannel implements Channel {
  readonly kind: ChannelKind
  readonly endpoint: Endpoint
  congested = false
  private readonly owner: MemoryTransport
  private readonly farName: string
  private far: MemoryChannel | undefined
  private state: 'opening' | 'open' | 'closed'
  private events: ChannelEvents | undefined
  private beforeOpen: Uint8Array[] = []
  private unsentBytes = 0
  private overflowed = false
  private readonly inbox: Item[] = []
  private lastArrivalAt = 0
  private stalled = 0
  private cancelDeadline: (() => void) | undefined

  constructor(owner: MemoryTransport, farName: string, dialler: MemoryChannel | undefined) {
    const { network, name } = owner
    this.owner = owner
    this.farName = farName
    this.endpoint = endpointOf(network.scheme, farName)
    this.kind = dialler === undefined ? network.kindOf(name, farName) : dialler.kind
    this.far = dialler
    this.state = dialler === undefined ? 'opening' : 'open'
    owner.channels.add(this)
    if (dialler === undefined) this.knock()
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    if (this.state === 'closed' || this.overflowed) return
    if (this.unsentBytes + bytes.byteLength > MAX_UNSENT_BYTES) {
      this.overflowed = true
      this.owner.network.callAt(this.owner.network.clock.now(), () => this.abort('too much unsent'))
      return
    }
    this.unsentBytes += bytes.byteLength
    this.owner.network.asked.frames += 1
    this.owner.network.asked.bytes += bytes.byteLength
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
    // A copy, because the sender may use its bytes again and the receiver may keep them.
    if (this.state === 'open') this.transmit(bytes.slice())
    else this.beforeOpen.push(bytes.slice())
  }

  close(_reason: string): void {
    if (this.state === 'closed') return
    this.transmit('closed')
    this.end()
  }

  /** The network went down under it. */
  lose(): void {
    this.fail('disconnected')
  }

  /** Hands over again what a cut has held back. */
  resume(): void {
    const { network, name } = this.owner
    const at = Math.max(network.clock.now() + network.latencyMs(this.farName, name), this.lastArrivalAt)
    this.lastArrivalAt = at
    for (; this.stalled > 0; this.stalled -= 1) network.callAt(at, this.deliver)
  }

  private knock(): void {
    const { network, name } = this.owner
    const { clock } = network
    const knockedAt = clock.now()
    network.asked.dials += 1
    if (network.isDown) network.callAt(clock.now(), () => this.lose())
    this.cancelDeadline = clock.wakeAt(knockedAt + OPEN_DEADLINE_MS, () => this.fail('timeout'))
    if (network.isDown || !network.canReach(name, this.farName)) return
    network.callAt(knockedAt + network.latencyMs(name, this.farName), () => {
      if (this.state !== 'opening' || this.deaf || network.waitingAcross(name, this.farName) !== undefined) return
      const transport = network.find(this.farName)
      if (transport?.incoming === undefined) this.fail('no such endpoint')
      else {
        this.far = new MemoryChannel(transport, name, this)
        this.far.transmit('opened')
        transport.incoming(this.far)
      }
    })
  }

  private transmit(item: Item): void {
    const { far } = this
    if (far === undefined || this.deaf) return
    const { network, name } = this.owner
    const at = Math.max(network.clock.now() + network.latencyMs(name, this.farName), far.lastArrivalAt)
    far.lastArrivalAt = at
    far.inbox.push(item)
    network.callAt(at, far.deliver)
  }

  /** One event takes the oldest item, so that order never depends on how a clock breaks ties. */
  private readonly deliver = (): void => {
    if (this.state === 'closed' || this.deaf) {
      this.inbox.length = 0
      return
    }
    const waiting = this.owner.network.waitingAcross(this.owner.name, this.farName)
    if (waiting !== undefined) {
      this.stalled += 1
      waiting.add(this)
      return
    }
    const item = this.inbox.shift()
    if (item === undefined) return
    if (item === 'closed') this.fail('closed by the far end')
    else if (item === 'opened') this.open()
    else this.receive(item)
  }

  private open(): void {
    this.state = 'open'
    this.cancelDeadline?.()
    for (const bytes of this.beforeOpen) this.transmit(bytes)
    this.beforeOpen = []
    this.events?.opened()
  }

  private receive(bytes: Uint8Array): void {
    if (bytes.byteLength > MAX_FRAME_BYTES) {
      this.owner.drop('frame too large')
      this.abort('frame too large')
      return
    }
    this.events?.message(bytes)
    this.far?.left(bytes.byteLength)
  }

  private left(byteCount: number): void {
    this.unsentBytes -= byteCount
    if (!this.congested || this.unsentBytes > WRITABLE_AT_BYTES || this.state !== 'open' || this.deaf) return
    this.congested = false
    this.events?.writable()
  }

  /** True when our own end or the far one has crashed: nothing is heard any more. */
  private get deaf(): boolean {
    const { network, name } = this.owner
    return network.isCrashed(name) || network.isCrashed(this.farName)
  }

  private abort(reason: string): void {
    if (this.state !== 'closed') this.transmit('closed')
    this.fail(reason)
  }

  private fail(reason: string): void {
    if (this.state === 'closed' || this.owner.network.isCrashed(this.owner.name)) return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  private end(): void {
    this.state = 'closed'
    this.cancelDeadline?.()
    this.beforeOpen = []
    this.inbox.length = 0
    this.events = undefined
    this.owner.channels.delete(this)
  }
}

/** Names cannot hold a space: endpoints do not. */
function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
