/**
 * TunnelChannels: channels to nodes that cannot be reached, through a node that both ends have a link to (Ganguly et al.
 * 2008). To the rest of the node such a channel is like any other: it is dialled by an endpoint, linked by the same
 * handshake, watched by the same keepalive.
 *
 *   dialled:  open --no forwarder left, close--> closed           arrived:  a frame of a session not known --> open
 *
 * Each frame goes to one forwarder, which keeps no state: it passes on what is from one of its links to another one, or
 * says that it cannot. The forwarder in use is kept while it works and the oldest takes its place; what was under way
 * may be lost then, so packets over tunnels count as routed and are sent again.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { ChannelId, Effect, Input } from './effects.ts'
import { type Endpoint, endpointOf, schemeOf, targetOf } from './endpoint.ts'
import type { NodeCore } from './node-core.ts'
import { canForward, type Hops, overlapOf } from './overlap.ts'
import { isUserData } from './user-data.ts'
import { encodeFrame, type TunnelFrame } from './wire.ts'

export const TUNNEL = 'tunnel'
/** A guess: more nodes than a tab has neighbours that it cannot reach. */
const MAX_TUNNELS = 64
/** A forwarder that could not pass on is left alone for so long, as the far end's list may be behind the times. */
const EXCLUDED_MS = 5_000

type Tunnel = {
  channel: ChannelId
  far: Address
  session: number
  dialler: boolean
  forwarder: Address | undefined
  /** As the far end named them before the link was there to name them again. */
  named: readonly Address[]
  excluded: Map<Address, number>
}

export interface TunnelChannelsEvents {
  /** An input for the node, to be handled when the one in hand is done with. */
  later(input: Input): void
  arrived(channel: ChannelId, endpoint: Endpoint): void
  frame(channel: ChannelId, bytes: Uint8Array): void
  /** Whom the far end has named as forwarders, before there is a link to it. */
  named(far: Address): readonly Address[]
  /** Frames that were under way to this node may be lost. */
  rerouted(far: Address): void
}

export function tunnelTo(address: Address): Endpoint {
  return endpointOf(TUNNEL, address)
}

export class TunnelChannels {
  private readonly core: NodeCore
  private readonly events: TunnelChannelsEvents
  private readonly tunnels = new Map<ChannelId, Tunnel>()

  constructor(core: NodeCore, events: TunnelChannelsEvents) {
    this.core = core
    this.events = events
  }

  /** Who forwards for us at this moment. */
  get inUse(): Set<Address> {
    const inUse = new Set<Address>()
    for (const { forwarder } of this.tunnels.values()) if (forwarder) inUse.add(forwarder)
    return inUse
  }

  /** Through whom this channel goes at this moment, if it is a tunnel. */
  forwarderFor(channel: ChannelId): Connection | undefined {
    const tunnel = this.tunnels.get(channel)
    return tunnel && this.forwarderOf(tunnel)
  }

  /** True for an effect that concerns a tunnel, which is carried out here and by nobody else. */
  takes(effect: Effect): boolean {
    // Nearly all effects of nearly all nodes concern none.
    if (this.tunnels.size === 0 && effect.type !== 'dial') return false
    switch (effect.type) {
      case 'dial':
        if (schemeOf(effect.endpoint) !== TUNNEL) return false
        this.dial(effect.channel, targetOf(effect.endpoint) as Address)
        return true
      case 'transmit': {
        const tunnel = this.tunnels.get(effect.channel)
        if (tunnel) this.transmit(tunnel, 'frame', effect.bytes)
        return tunnel !== undefined
      }
      case 'close': {
        const tunnel = this.tunnels.get(effect.channel)
        if (!tunnel) return false
        this.transmit(tunnel, 'close', new Uint8Array())
        this.tunnels.delete(effect.channel)
        return true
      }
      case 'deliver':
      case 'found':
      case 'signalled':
      case 'settle':
      case 'peer':
      case 'state':
      case 'isolated':
      case 'visibility':
      case 'introduce':
        return false
    }
  }

  /** A frame that a link has brought: for us, or for somebody that we have a link to. */
  receive(connection: Connection, frame: TunnelFrame, bytes: Uint8Array): void {
    if (frame.from !== connection.address && frame.to !== this.core.config.address) {
      this.core.count('tunnel: somebody else’s frame')
    } else if (frame.to === this.core.config.address) this.accept(connection, frame)
    else this.passOn(connection, frame, bytes)
  }

  /** The forwarder has no link to that node, or none that it may use. */
  onNoTunnel(connection: Connection, to: Address): void {
    for (const tunnel of [...this.tunnels.values()]) {
      if (tunnel.far !== to || tunnel.forwarder !== connection.address) continue
      tunnel.excluded.set(connection.address, this.core.nowMs + EXCLUDED_MS)
      this.reroute(tunnel)
    }
  }

  /** To be called when links have changed: a forwarder may be gone. */
  review(): void {
    if (this.tunnels.size === 0) return
    for (const tunnel of [...this.tunnels.values()]) {
      if (!canForward(this.forwarderOf(tunnel), 'any')) this.reroute(tunnel)
    }
  }

  private dial(channel: ChannelId, far: Address): void {
    const session = Math.floor(this.core.random() * 0xffff_ffff)
    const tunnel: Tunnel = {
      channel,
      far,
      session,
      dialler: true,
      forwarder: undefined,
      named: this.events.named(far),
      excluded: new Map(),
    }
    tunnel.forwarder = this.tunnels.size < MAX_TUNNELS ? this.choose(tunnel) : undefined
    if (!tunnel.forwarder) {
      this.events.later({ type: 'channel-closed', channel, reason: 'nobody to forward' })
      return
    }
    this.tunnels.set(channel, tunnel)
    this.events.later({ type: 'channel-opened', channel, kind: TUNNEL })
  }

  private accept(connection: Connection, frame: TunnelFrame): void {
    const tunnel = this.find(frame) ?? this.arrive(connection, frame)
    if (!tunnel) return
    if (frame.kind === 'close') {
      this.tunnels.delete(tunnel.channel)
      this.events.later({ type: 'channel-closed', channel: tunnel.channel, reason: 'closed by the far end' })
      return
    }
    // The way by which the far end reaches us works now, whatever we have heard of it before.
    tunnel.excluded.delete(connection.address)
    if (!tunnel.forwarder) tunnel.forwarder = connection.address
    this.events.frame(tunnel.channel, frame.payload)
  }

  private arrive(connection: Connection, frame: TunnelFrame): Tunnel | undefined {
    if (frame.kind === 'close') return undefined
    const { from: far, session } = frame
    if (!frame.fromDialler || !this.core.config.tunnels || this.tunnels.size >= MAX_TUNNELS) {
      this.core.count('tunnel: refused')
      this.send(connection, { kind: 'close', fromDialler: !frame.fromDialler, session, far, payload: new Uint8Array() })
      return undefined
    }
    const channel = this.core.nextChannel()
    const forwarder = connection.address
    const tunnel: Tunnel = { channel, far, session, dialler: false, forwarder, named: [], excluded: new Map() }
    this.tunnels.set(channel, tunnel)
    this.events.arrived(channel, tunnelTo(far))
    return tunnel
  }

  private passOn(connection: Connection, frame: TunnelFrame, bytes: Uint8Array): void {
    const next = this.core.table.get(frame.to)
    const active = next?.active
    if (!canForward(next, 'any') || !active) {
      this.core.count('tunnel: nobody to pass on to')
      if (frame.kind === 'frame') this.core.sendTo(connection, { type: 'no-tunnel', to: frame.to })
      return
    }
    // What is sent through us is somebody else's and may wait for nobody of ours; but a relay has a lane for its probes.
    if (active.congested && (active.kind !== 'relay' || isUserData(frame.payload))) this.core.count('tunnel: congested')
    else this.core.emit({ type: 'transmit', channel: active.id, bytes })
  }

  private transmit(tunnel: Tunnel, kind: TunnelFrame['kind'], payload: Uint8Array): void {
    let forwarder = this.forwarderOf(tunnel)
    if (!canForward(forwarder, 'any')) {
      this.reroute(tunnel)
      forwarder = this.forwarderOf(tunnel)
    }
    if (!canForward(forwarder, 'any')) return
    const { far, session, dialler: fromDialler } = tunnel
    this.send(forwarder, { kind, fromDialler, session, far, payload })
  }

  private send(
    forwarder: Connection,
    frame: Pick<TunnelFrame, 'kind' | 'fromDialler' | 'session' | 'payload'> & { far: Address },
  ): void {
    const { far: to, ...rest } = frame
    const { active } = forwarder
    if (!active) return
    // As in packets: our own streams send it again.
    if (active.congested && active.kind === 'relay' && isUserData(frame.payload)) {
      this.core.count('tunnel: congested')
      return
    }
    const bytes = encodeFrame({ type: 'tunnel', from: this.core.config.address, to, ...rest })
    this.core.emit({ type: 'transmit', channel: active.id, bytes })
  }

  /** Takes another forwarder, or closes the tunnel when there is none. */
  private reroute(tunnel: Tunnel): void {
    tunnel.forwarder = this.choose(tunnel)
    if (tunnel.forwarder) {
      this.core.count('tunnel: took another forwarder')
      this.events.rerouted(tunnel.far)
      return
    }
    this.tunnels.delete(tunnel.channel)
    this.events.later({ type: 'channel-closed', channel: tunnel.channel, reason: 'nobody to forward' })
  }

  private choose(tunnel: Tunnel): Address | undefined {
    const { table, nowMs } = this.core
    const connection = table.get(tunnel.far)
    const named = connection && connection.forwarders.length > 0 ? connection.forwarders : tunnel.named
    const hops: Hops = connection?.channels.some(({ kind }) => kind === 'relay') ? 'direct' : 'any'
    const usable = named.filter((address) => (tunnel.excluded.get(address) ?? 0) <= nowMs)
    return overlapOf(table, usable, hops)[0]?.address
  }

  private forwarderOf(tunnel: Tunnel): Connection | undefined {
    return tunnel.forwarder ? this.core.table.get(tunnel.forwarder) : undefined
  }

  private find({ from, session, fromDialler }: TunnelFrame): Tunnel | undefined {
    for (const tunnel of this.tunnels.values()) {
      if (tunnel.far === from && tunnel.session === session && tunnel.dialler !== fromDialler) return tunnel
    }
    return undefined
  }
}
