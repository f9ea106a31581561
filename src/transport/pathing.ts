/**
 * Pathing: how do bytes flow in a ring within another ring? Over the connections that the outer ring has with the same
 * pages, so that a pair of pages has one whatever the number of rings. An endpoint is an address of the outer ring.
 *
 *   we dial:     seeking --the outer ring has a connection--> opening --opened--> open --closed by either end--> closed
 *                   |                                            |                                                 ^
 *                   +-- no connection, the deadline, a limit ----+-- refused: it is not in the inner ring ---------+
 *   it arrives:  open
 *
 * Each channel holds its connection, also one that the far end has opened; frames pass through without a copy.
 */
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import type {
  CandidatePair,
  Channel,
  ChannelEvents,
  ChannelKind,
  Clock,
  PathCarrier,
  PathCarriers,
  Transport,
} from '../ports.ts'
import { RefusedChannel } from './refused-channel.ts'

const SCHEME = 'path'
const SEEK_DEADLINE_MS = 20_000 // A guess: a WebRTC attempt takes 15 s, and what came of it is the better reason.
const CONGESTED_ABOVE_BYTES = 65_536 // As a WebRTC path has it.
const MAX_UNSENT_BYTES = 1_048_576 // A guess: who dials has a handshake to send, and waits.
/** As many connections as the WebRTC transport allows to live. */
export const MAX_DIALLED = 64
export const MAX_ARRIVED = 64
/** A guess: a path, one that crosses it, and what became of each. */
export const MAX_ARRIVED_OF_ONE = 4

export type PathTransportOptions = {
  /** Of the inner ring's paths, alike at all its nodes. */
  name: string
  carriers: PathCarriers
  clock: Clock
}

export class PathTransport implements Transport {
  readonly scheme = SCHEME
  readonly carriers: PathCarriers
  readonly clock: Clock
  readonly name: string
  readonly dropped = new Map<string, number>()
  private readonly dialled = new Set<PathChannel>()
  private readonly arrived = new Set<PathChannel>()
  private stopListening = () => {}
  private closed = false

  constructor({ name, carriers, clock }: PathTransportOptions) {
    this.name = name
    this.carriers = carriers
    this.clock = clock
  }

  get endpoint(): Endpoint | undefined {
    const { address } = this.carriers
    return this.closed || address === undefined ? undefined : endpointOf(SCHEME, address)
  }

  listen(incoming: (channel: Channel) => void): void {
    this.stopListening()
    if (this.closed) return
    this.stopListening = this.carriers.onPath(this.name, (path, from) => {
      const channel = this.take(path, from)
      if (channel !== undefined) incoming(channel)
    })
  }

  dial(endpoint: Endpoint): Channel {
    if (this.closed) return new RefusedChannel(endpoint, 'transport closed')
    if (this.dialled.size >= MAX_DIALLED) {
      this.drop('dial refused: too many paths')
      return new RefusedChannel(endpoint, 'too many paths')
    }
    const channel = new PathChannel(this, endpoint)
    this.dialled.add(channel)
    return channel
  }

  close(): void {
    this.closed = true
    this.stopListening()
    for (const channel of [...this.dialled, ...this.arrived]) channel.close('transport closed')
  }

  forget(channel: PathChannel): void {
    this.dialled.delete(channel)
    this.arrived.delete(channel)
  }

  private take(path: Channel, from: string): PathChannel | undefined {
    const endpoint = endpointOf(SCHEME, from)
    const ofOne = [...this.arrived].filter((channel) => channel.endpoint === endpoint).length
    if (this.arrived.size >= MAX_ARRIVED || ofOne >= MAX_ARRIVED_OF_ONE) {
      this.drop(ofOne >= MAX_ARRIVED_OF_ONE ? 'too many paths of one sender' : 'too many paths')
      path.bind({ opened() {}, message() {}, writable() {}, closed() {} })
      path.close('busy')
      return undefined
    }
    const channel = new PathChannel(this, endpoint, path)
    this.arrived.add(channel)
    return channel
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

class PathChannel implements Channel {
  readonly endpoint: Endpoint
  private readonly transport: PathTransport
  private state: 'seeking' | 'opening' | 'open' | 'closed'
  private path: Channel | undefined
  private events: ChannelEvents | undefined
  private unsent: { bytes: Uint8Array; bulk: boolean }[] = []
  private unsentBytes = 0
  private isOverfull = false
  private holds = false
  private cancelDeadline = () => {}

  /** With a path it has arrived. */
  constructor(transport: PathTransport, endpoint: Endpoint, path?: Channel) {
    const { carriers, clock } = transport
    this.transport = transport
    this.endpoint = endpoint
    this.state = path === undefined ? 'seeking' : 'open'
    if (path !== undefined) this.follow(path)
    else this.cancelDeadline = clock.wakeAt(clock.now() + SEEK_DEADLINE_MS, () => this.fail('timeout'))
    carriers.carrier(this.address).then(
      (carrier) => this.hold(carrier),
      // A path that has arrived says itself what becomes of it.
      (error) => this.state === 'seeking' && this.fail(reasonOf(error)),
    )
  }

  get kind(): ChannelKind {
    return this.path?.kind ?? 'direct'
  }

  get congested(): boolean {
    return this.path?.congested ?? this.unsentBytes > CONGESTED_ABOVE_BYTES
  }

  get candidatePair(): CandidatePair | undefined {
    return this.path?.candidatePair
  }

  get binding(): Uint8Array | undefined {
    return this.path?.binding
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array, bulk = false): void {
    if (this.state === 'closed' || this.isOverfull) return
    if (this.path !== undefined) {
      this.path.send(bytes, bulk)
      return
    }
    this.unsentBytes += bytes.byteLength
    if (this.unsentBytes <= MAX_UNSENT_BYTES) this.unsent.push({ bytes: bytes.slice(), bulk })
    else {
      this.isOverfull = true
      queueMicrotask(() => this.fail('too much unsent'))
    }
  }

  close(reason: string): void {
    if (this.state === 'closed') return
    const { path } = this
    this.end()
    path?.close(reason)
  }

  private get address(): string {
    return targetOf(this.endpoint)
  }

  private hold(carrier: PathCarrier): void {
    if (this.state === 'closed') {
      this.transport.carriers.release(this.address)
      return
    }
    this.holds = true
    if (this.state !== 'seeking') return
    this.cancelDeadline()
    this.state = 'opening'
    const wasCongested = this.congested
    this.follow(carrier.openPath(this.transport.name))
    for (const { bytes, bulk } of this.unsent.splice(0)) this.path?.send(bytes, bulk)
    if (wasCongested && !this.congested) this.events?.writable()
  }

  private follow(path: Channel): void {
    this.path = path
    path.bind({
      opened: () => this.open(),
      message: (bytes) => this.events?.message(bytes),
      writable: () => this.events?.writable(),
      kindChanged: () => this.events?.kindChanged?.(),
      closed: (reason) => this.fail(reason),
    })
  }

  private open(): void {
    this.state = 'open'
    this.events?.opened()
  }

  private fail(reason: string): void {
    if (this.state === 'closed') return
    const { events, path } = this
    this.end()
    path?.close(reason)
    events?.closed(reason)
  }

  private end(): void {
    this.state = 'closed'
    this.events = undefined
    this.unsent = []
    this.cancelDeadline()
    this.transport.forget(this)
    if (this.holds) this.transport.carriers.release(this.address)
    this.holds = false
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
