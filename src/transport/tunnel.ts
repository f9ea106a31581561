/**
 * Tunnel: how do bytes flow to somebody who cannot be reached? By way of the ring: our node passes them through a node
 * that both ends have a link to, and this makes channels of it. It asks the node by inputs and hears by effects.
 *
 *   dialling --tunnel-opened--> open --tunnel-closed, close, a limit--> closed
 *      |                                                                  ^
 *      +----------------------- nobody to forward, a limit ---------------+
 *
 * A tunnel keeps less than channels promise: when another forwarder takes over, frames may be lost or overtake others, and
 * a forwarder with too much to do drops what it cannot pass on. It is never congested, as nothing tells how the way is
 * beyond the first link.
 */
import { type Address, parseAddress } from '../overlay/address.ts'
import type { TunnelEffect, TunnelId, TunnelInput } from '../overlay/effects.ts'
import { type Endpoint, targetOf } from '../overlay/endpoint.ts'
import { TUNNEL, tunnelTo } from '../overlay/tunnel-channels.ts'
import { TUNNEL_HEADER_BYTES } from '../overlay/user-data.ts'
import { type Channel, type ChannelEvents, MAX_FRAME_BYTES, type Transport, type TurnClock } from '../ports.ts'

/** What is put around it must fit into a frame of the link to the forwarder. */
export const MAX_TUNNELLED_BYTES = MAX_FRAME_BYTES - TUNNEL_HEADER_BYTES
/** A guess: a tunnel opens in the turn in which it is dialled, or never. */
export const MAX_UNSENT_BYTES = 1_048_576

type Unsent = { bytes: Uint8Array; bulk: boolean }

/** Gives an input to the node. */
export type TunnelCarrier = (input: TunnelInput) => void

/** How many channels there are at once is limited by the node. */
export class TunnelTransport implements Transport {
  readonly scheme = TUNNEL
  /** There is nothing to tell: who is to dial us knows our address, and by whom we can be reached. */
  readonly endpoint = undefined
  readonly address: Address
  readonly dropped = new Map<string, number>()
  private readonly clock: Pick<TurnClock, 'soon'>
  private readonly channels = new Map<TunnelId, TunnelChannel>()
  private carrier: TunnelCarrier = () => undefined
  private incoming: ((channel: Channel) => void) | undefined
  private dialled = 0
  private isClosed = false

  constructor(address: Address, clock: Pick<TurnClock, 'soon'>) {
    this.address = address
    this.clock = clock
  }

  /** Must be called before anything is dialled. */
  carryBy(carrier: TunnelCarrier): void {
    this.carrier = carrier
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    const far = parseAddress(targetOf(endpoint))
    const id = ++this.dialled
    const channel = new TunnelChannel(this, id, endpoint)
    this.channels.set(id, channel)
    this.soon(() => {
      if (this.isClosed) channel.fail('transport closed')
      else if (far === undefined) channel.fail('no such endpoint')
      else if (this.channels.has(id)) this.carry({ type: 'tunnel-dial', tunnel: id, far })
    })
    return channel
  }

  close(): void {
    this.isClosed = true
    this.incoming = undefined
    for (const channel of [...this.channels.values()]) channel.close('transport closed')
  }

  /** What the node says has become of a tunnel. */
  receive(effect: TunnelEffect): void {
    if (effect.type === 'tunnel-arrived') {
      this.arrive(effect.tunnel, effect.far, effect.session)
      return
    }
    // What the node says of a channel may follow our having closed it.
    const channel = this.channels.get(effect.tunnel)
    if (effect.type === 'tunnel-opened') channel?.open(effect.session)
    else if (effect.type === 'tunnel-frame') channel?.receive(effect.bytes)
    else channel?.fail(effect.reason)
  }

  carry(input: TunnelInput): void {
    this.carrier(input)
  }

  soon(task: () => void): void {
    this.clock.soon(task)
  }

  forget(id: TunnelId): void {
    this.channels.delete(id)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private arrive(id: TunnelId, far: Address, session: number): void {
    if (!this.incoming) {
      this.drop('nobody listens')
      this.carry({ type: 'tunnel-close', tunnel: id })
      return
    }
    const channel = new TunnelChannel(this, id, tunnelTo(far), bindingOf(session, far, this.address))
    this.channels.set(id, channel)
    this.incoming(channel)
  }
}

class TunnelChannel implements Channel {
  readonly kind = TUNNEL
  readonly endpoint: Endpoint
  readonly congested = false
  binding: Uint8Array | undefined
  private readonly transport: TunnelTransport
  private readonly id: TunnelId
  private state: 'dialling' | 'open' | 'closed'
  private events: ChannelEvents | undefined
  private beforeOpen: Unsent[] = []
  private unsentBytes = 0
  private isAborting = false

  /** With a binding it has arrived, and is open. */
  constructor(transport: TunnelTransport, id: TunnelId, endpoint: Endpoint, binding?: Uint8Array) {
    this.transport = transport
    this.id = id
    this.endpoint = endpoint
    this.binding = binding
    this.state = binding ? 'open' : 'dialling'
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array, bulk = false): void {
    if (this.state === 'closed' || this.isAborting) return
    if (bytes.length > MAX_TUNNELLED_BYTES) {
      // The far end must not see it: it would cost us the link to the forwarder.
      this.transport.drop('frame too large')
      this.abort('frame too large')
    } else if (this.state === 'open') this.transmit({ bytes: bytes.slice(), bulk })
    else if (this.unsentBytes + bytes.length > MAX_UNSENT_BYTES) this.abort('too much unsent')
    else {
      this.unsentBytes += bytes.length
      this.beforeOpen.push({ bytes: bytes.slice(), bulk })
    }
  }

  close(_reason: string): void {
    if (this.state === 'closed') return
    this.end()
    this.transport.carry({ type: 'tunnel-close', tunnel: this.id })
  }

  open(session: number): void {
    this.binding = bindingOf(session, this.transport.address, targetOf(this.endpoint) as Address)
    this.state = 'open'
    for (const each of this.beforeOpen.splice(0)) this.transmit(each)
    this.events?.opened()
  }

  receive(bytes: Uint8Array): void {
    this.events?.message(bytes)
  }

  fail(reason: string): void {
    if (this.state === 'closed') return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  private transmit({ bytes, bulk }: Unsent): void {
    this.transport.carry({ type: 'tunnel-send', tunnel: this.id, bytes, bulk })
  }

  private abort(reason: string): void {
    this.isAborting = true
    this.transport.soon(() => {
      if (this.state !== 'closed') this.transport.carry({ type: 'tunnel-close', tunnel: this.id })
      this.fail(reason)
    })
  }

  private end(): void {
    this.state = 'closed'
    this.events = undefined
    this.beforeOpen = []
    this.transport.forget(this.id)
  }
}

function bindingOf(session: number, dialler: Address, dialled: Address): Uint8Array {
  return new TextEncoder().encode(`${TUNNEL}|${session}|${dialler}|${dialled}`)
}
