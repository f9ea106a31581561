/**
 * Test connections: a transport whose channels are fake WebRTC connections in memory, with paths beside them. What the
 * first channel carries goes nowhere: it is there for the paths. For tests only.
 */
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type { Channel, ChannelEvents, Clock, PathCarrier, Transport } from '../ports.ts'
import { FakePeer } from './fake-rtc.ts'
import { WebrtcPaths } from './webrtc-paths.ts'

export class TestConnections {
  readonly clock: Clock
  private readonly transports = new Map<Endpoint, ConnectionTransport>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  transport(name: string): Transport {
    const transport = new ConnectionTransport(this, endpointOf('webrtc', name))
    this.transports.set(transport.endpoint, transport)
    return transport
  }

  find(endpoint: Endpoint): ConnectionTransport | undefined {
    return this.transports.get(endpoint)
  }
}

class ConnectionTransport implements Transport {
  readonly scheme = 'webrtc'
  readonly endpoint: Endpoint
  readonly dropped = new Map<string, number>()
  readonly clock: Clock
  incoming: ((channel: Channel) => void) | undefined
  private readonly connections: TestConnections

  constructor(connections: TestConnections, endpoint: Endpoint) {
    this.connections = connections
    this.clock = connections.clock
    this.endpoint = endpoint
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    const [near, far] = [new FakePeer(), new FakePeer()]
    near.meet(far)
    const channel = new ConnectionChannel(this, endpoint, near, false)
    queueMicrotask(() => {
      const there = this.connections.find(endpoint)
      if (there?.incoming === undefined) channel.fail('no such endpoint')
      else {
        there.incoming(new ConnectionChannel(there, this.endpoint, far, true))
        channel.open()
      }
    })
    return channel
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  close(): void {
    this.incoming = undefined
  }
}

class ConnectionChannel implements Channel {
  readonly kind = 'direct'
  readonly endpoint: Endpoint
  readonly congested = false
  private readonly carried: WebrtcPaths
  private isOpen: boolean
  private events: ChannelEvents | undefined

  constructor(transport: ConnectionTransport, endpoint: Endpoint, peer: FakePeer, isOpen: boolean) {
    this.endpoint = endpoint
    this.isOpen = isOpen
    this.carried = new WebrtcPaths(transport, this, peer.connection)
  }

  get paths(): PathCarrier | undefined {
    return this.isOpen ? this.carried : undefined
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  open(): void {
    this.isOpen = true
    this.events?.opened()
  }

  fail(reason: string): void {
    this.events?.closed(reason)
  }

  send(): void {}

  close(reason: string): void {
    this.isOpen = false
    this.carried.close(reason)
  }
}
