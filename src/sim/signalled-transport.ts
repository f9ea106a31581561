/**
 * SignalledTransport: direct channels as WebRTC has them: before two have one they must agree on it, by a service that
 * may be gone or through the ring. What an offer and its answer say of a connection is here a name in the memory network.
 *
 *   dialled at a ring endpoint:  offering --answer--> the memory network's own channel, with its own delays
 *                                   +--- session ended --> closed
 */
import { parseAddress } from '../overlay/address.ts'
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import type {
  Channel,
  ChannelEvents,
  ChannelKind,
  PathCarrier,
  SessionDescription,
  SignallingSession,
  Transport,
} from '../ports.ts'
import type { RingSignalling } from '../signalling/ring-signalling.ts'

export class SignalledTransport implements Transport {
  readonly scheme: string
  readonly dropped: ReadonlyMap<string, number>
  private readonly inner: Transport
  private readonly name: string
  private readonly signalling: RingSignalling
  private readonly isServed: () => boolean

  constructor(inner: Transport, signalling: RingSignalling, isServed: () => boolean) {
    this.inner = inner
    this.scheme = inner.scheme
    this.dropped = inner.dropped
    this.name = targetOf(inner.endpoint as Endpoint)
    this.signalling = signalling
    this.isServed = isServed
  }

  get endpoint(): Endpoint | undefined {
    return this.isServed() ? this.inner.endpoint : undefined
  }

  listen(incoming: (channel: Channel) => void): void {
    this.inner.listen(incoming)
    this.signalling.listen((session) => {
      session.bind({ accepted() {}, candidates() {}, ended() {} })
      session.accept(descriptionOf(this.name))
    })
  }

  dial(endpoint: Endpoint): Channel {
    if (parseAddress(targetOf(endpoint)) === undefined) {
      return this.isServed() ? this.inner.dial(endpoint) : new SignalledChannel(endpoint, undefined, this.inner)
    }
    return new SignalledChannel(endpoint, this.signalling.offer(endpoint, descriptionOf(this.name)), this.inner)
  }

  close(): void {
    this.signalling.close()
    this.inner.close()
  }
}

class SignalledChannel implements Channel {
  readonly endpoint: Endpoint
  private readonly session: SignallingSession | undefined
  private readonly transport: Transport
  private channel: Channel | undefined
  private isClosed = false

  /** Without a session nobody can be offered to. */
  constructor(endpoint: Endpoint, session: SignallingSession | undefined, transport: Transport) {
    this.endpoint = endpoint
    this.session = session
    this.transport = transport
  }

  get kind(): ChannelKind {
    return this.channel?.kind ?? 'direct'
  }

  get congested(): boolean {
    return this.channel?.congested ?? false
  }

  get paths(): PathCarrier | undefined {
    return this.channel?.paths
  }

  bind(events: ChannelEvents): void {
    if (!this.session) {
      queueMicrotask(() => {
        if (!this.isClosed) events.closed('disconnected')
      })
      return
    }
    this.session.bind({
      accepted: (answer) => {
        this.channel = this.transport.dial(endpointOf(this.transport.scheme, nameIn(answer)))
        this.channel.bind(events)
      },
      candidates() {},
      ended: (reason) => {
        if (!this.channel) events.closed(reason)
      },
    })
  }

  /** A node sends nothing before its channel is open. */
  send(bytes: Uint8Array): void {
    this.channel?.send(bytes)
  }

  close(reason: string): void {
    this.isClosed = true
    this.session?.end(reason)
    this.channel?.close(reason)
  }
}

const FRAGMENT = 'name'

function descriptionOf(name: string): SessionDescription {
  return {
    ufrag: `${FRAGMENT}${name}`,
    pwd: 'x'.repeat(22),
    fingerprint: { hash: 'sha-256', value: Array.from({ length: 32 }, () => '00').join(':') },
    setup: 'active',
    sctpPort: 5000,
    maxMessageSize: 262_144,
  }
}

function nameIn({ ufrag }: SessionDescription): string {
  return ufrag.slice(FRAGMENT.length)
}
