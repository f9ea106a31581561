/**
 * PathedTransport: direct channels that carry paths of further overlays beside what they were made for, as WebRTC
 * connections do: a path takes a round trip to open, is as slow as its channel, and ends with it.
 *
 *   we open it:   asking --accepted--> open --closed by either end, the channel--> closed
 *                   +------ refused ---------------------------------------------> closed
 *   it arrives:   waiting, for somebody who can say --taken--> open
 *
 *   frame of a path = 0xff, kind u8 (0 open, 1 accepted, 2 refused, 3 frame, 4 close; + 128: from who opened it), path u16,
 *                     bytes (of open: its name). The overlay's own frames begin with less, and stay as they are.
 */
import type { Endpoint } from '../overlay/endpoint.ts'
import type { Channel, ChannelEvents, ChannelKind, PathCarrier, Transport } from '../ports.ts'

const OF_PATH = 0xff
const HEAD_BYTES = 4
const [OPEN, ACCEPTED, REFUSED, FRAME, CLOSE] = [0, 1, 2, 3, 4]
const FROM_OPENER = 128
const NOTHING = new Uint8Array()

export class PathedTransport implements Transport {
  readonly scheme: string
  readonly dropped: ReadonlyMap<string, number>
  private readonly inner: Transport

  constructor(inner: Transport) {
    this.inner = inner
    this.scheme = inner.scheme
    this.dropped = inner.dropped
  }

  get endpoint(): Endpoint | undefined {
    return this.inner.endpoint
  }

  listen(incoming: (channel: Channel) => void): void {
    this.inner.listen((channel) => incoming(new PathedChannel(channel)))
  }

  dial(endpoint: Endpoint): Channel {
    return new PathedChannel(this.inner.dial(endpoint))
  }

  close(): void {
    this.inner.close()
  }
}

class PathedChannel implements Channel {
  readonly kind: ChannelKind
  readonly endpoint: Endpoint
  readonly paths: SimulatedPaths
  private readonly inner: Channel

  constructor(inner: Channel) {
    this.inner = inner
    this.kind = inner.kind
    this.endpoint = inner.endpoint
    this.paths = new SimulatedPaths(inner)
  }

  get congested(): boolean {
    return this.inner.congested
  }

  bind(events: ChannelEvents): void {
    const { inner, paths } = this
    inner.bind({
      opened: () => events.opened(),
      message: (bytes) => (bytes[0] === OF_PATH ? paths.receive(bytes) : events.message(bytes)),
      writable: () => {
        events.writable()
        paths.writable()
      },
      closed: (reason) => {
        paths.close(reason)
        events.closed(reason)
      },
    })
  }

  send(bytes: Uint8Array): void {
    this.inner.send(bytes)
  }

  close(reason: string): void {
    this.paths.close(reason)
    this.inner.close(reason)
  }
}

type Listener = (name: string) => ((channel: Channel) => void) | undefined

class SimulatedPaths implements PathCarrier {
  readonly channel: Channel
  private readonly open = new Map<string, SimulatedPath>()
  private listener: Listener | undefined
  private waiting: { number: number; name: string }[] = []
  private numbers = 0
  private closedFor: string | undefined

  constructor(channel: Channel) {
    this.channel = channel
  }

  openPath(name: string): Channel {
    const path = this.add(++this.numbers, true)
    if (this.closedFor !== undefined) path.failSoon(this.closedFor)
    else path.say(OPEN, new TextEncoder().encode(name))
    return path
  }

  listenPaths(listener: Listener): void {
    this.listener = listener
    for (const { number, name } of this.waiting.splice(0)) this.arrive(number, name)
  }

  receive(message: Uint8Array): void {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
    const [flags, number] = [view.getUint8(1), view.getUint16(2)]
    const [kind, isOurs] = [flags & ~FROM_OPENER, (flags & FROM_OPENER) === 0]
    const bytes = message.subarray(HEAD_BYTES)
    if (kind === OPEN) this.arrive(number, new TextDecoder().decode(bytes))
    else this.open.get(keyOf(number, isOurs))?.receive(kind, bytes)
  }

  say(path: SimulatedPath, kind: number, bytes: Uint8Array): void {
    const message = new Uint8Array(HEAD_BYTES + bytes.length)
    const view = new DataView(message.buffer)
    view.setUint8(0, OF_PATH)
    view.setUint8(1, kind | (path.isOurs ? FROM_OPENER : 0))
    view.setUint16(2, path.number)
    message.set(bytes, HEAD_BYTES)
    this.channel.send(message)
  }

  writable(): void {
    for (const path of [...this.open.values()]) path.writable()
  }

  /** The channel ends, or has ended. */
  close(reason: string): void {
    this.closedFor ??= reason
    this.waiting = []
    for (const path of this.open.values()) path.failSoon(reason)
  }

  forget(path: SimulatedPath): void {
    this.open.delete(keyOf(path.number, path.isOurs))
  }

  private arrive(number: number, name: string): void {
    if (!this.listener) {
      this.waiting.push({ number, name })
      return
    }
    const taker = this.listener(name)
    const path = this.add(number, false)
    path.say(taker ? ACCEPTED : REFUSED, NOTHING)
    if (taker) taker(path)
    else this.forget(path)
  }

  private add(number: number, isOurs: boolean): SimulatedPath {
    const path = new SimulatedPath(this, number, isOurs)
    this.open.set(keyOf(number, isOurs), path)
    return path
  }
}

class SimulatedPath implements Channel {
  readonly number: number
  /** Whether it is we who have opened it. */
  readonly isOurs: boolean
  private readonly carrier: SimulatedPaths
  private events: ChannelEvents | undefined
  private isOpen: boolean
  private isClosed = false
  private unsent: Uint8Array[] = []

  constructor(carrier: SimulatedPaths, number: number, isOurs: boolean) {
    this.carrier = carrier
    this.number = number
    this.isOurs = isOurs
    this.isOpen = !isOurs
  }

  get kind(): ChannelKind {
    return this.carrier.channel.kind
  }

  get endpoint(): Endpoint {
    return this.carrier.channel.endpoint
  }

  get congested(): boolean {
    return this.carrier.channel.congested
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    if (this.isClosed) return
    if (this.isOpen) this.say(FRAME, bytes)
    else this.unsent.push(bytes.slice())
  }

  close(_reason: string): void {
    if (this.isClosed) return
    this.say(CLOSE, NOTHING)
    this.end()
  }

  say(kind: number, bytes: Uint8Array): void {
    this.carrier.say(this, kind, bytes)
  }

  receive(kind: number, bytes: Uint8Array): void {
    if (kind === FRAME) this.events?.message(bytes)
    else if (kind === ACCEPTED) {
      this.isOpen = true
      for (const frame of this.unsent.splice(0)) this.say(FRAME, frame)
      this.events?.opened()
    } else this.fail(kind === REFUSED ? 'refused' : 'closed by the far end')
  }

  writable(): void {
    if (this.isOpen) this.events?.writable()
  }

  /** In a later turn, so that nothing is called from within a call of ours. */
  failSoon(reason: string): void {
    queueMicrotask(() => this.fail(reason))
  }

  private fail(reason: string): void {
    if (this.isClosed) return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  private end(): void {
    this.isClosed = true
    this.events = undefined
    this.carrier.forget(this)
  }
}

function keyOf(number: number, isOurs: boolean): string {
  return `${number} ${isOurs}`
}
