/**
 * TunnelChannels: bytes to nodes that cannot be reached, through a node that both ends have a link to (Ganguly et al.
 * 2008). What makes a channel of such a tunnel, which the node then dials and links like any other, is a transport
 * outside: it asks by inputs and is told by effects.
 *
 *   dialled:  open --no forwarder left, close--> closed           arrived:  a frame of a session not known --> open
 *
 * Each frame goes to one forwarder, which keeps no state: it passes on what is from one of its links to another one, or
 * says that it cannot. The forwarder in use is kept while it works and the oldest takes its place; what was under way
 * may be lost then, so packets over tunnels count as routed and are sent again.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { TunnelId, TunnelInput } from './effects.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import type { NodeCore } from './node-core.ts'
import { canForward, type Hops, overlapOf } from './overlap.ts'
import { encodeFrame, type TunnelFrame } from './wire.ts'

export const TUNNEL = 'tunnel'
/** A guess: more nodes than a tab has neighbours that it cannot reach. */
const MAX_TUNNELS = 64
/** A forwarder that could not pass on is left alone for so long, as the far end's list may be behind the times. */
const EXCLUDED_MS = 5_000
const NOBODY = 'nobody to forward'

type Tunnel = {
  id: TunnelId
  far: Address
  session: number
  dialler: boolean
  forwarder: Address | undefined
  /** As the far end named them before the link was there to name them again. */
  named: readonly Address[]
  excluded: Map<Address, number>
}

export interface TunnelChannelsEvents {
  /** Whether this link may have us begin one more tunnel. */
  admits(connection: Connection): boolean
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
  private readonly tunnels = new Map<TunnelId, Tunnel>()
  private arrivals = 0

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

  get isEmpty(): boolean {
    return this.tunnels.size === 0
  }

  /** Through whom the tunnel to this node goes at this moment: the latest, where there are two. */
  forwarderTo(far: Address): Connection | undefined {
    let latest: Tunnel | undefined
    for (const tunnel of this.tunnels.values()) if (tunnel.far === far) latest = tunnel
    return latest && this.forwarderOf(latest)
  }

  handle(input: TunnelInput): void {
    if (input.type === 'tunnel-dial') {
      this.dial(input.tunnel, input.far)
      return
    }
    const tunnel = this.tunnels.get(input.tunnel)
    // It may have been closed when this was asked already.
    if (!tunnel) return
    if (input.type === 'tunnel-send') this.transmit(tunnel, input.bulk ? 'bulk' : 'frame', input.bytes)
    else {
      this.transmit(tunnel, 'close', new Uint8Array())
      this.tunnels.delete(tunnel.id)
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
      const { nowMs } = this.core
      for (const [address, untilMs] of tunnel.excluded) if (untilMs <= nowMs) tunnel.excluded.delete(address)
      tunnel.excluded.set(connection.address, nowMs + EXCLUDED_MS)
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

  private dial(id: TunnelId, far: Address): void {
    const session = Math.floor(this.core.random() * 0xffff_ffff)
    const tunnel: Tunnel = {
      id,
      far,
      session,
      dialler: true,
      forwarder: undefined,
      named: this.events.named(far),
      excluded: new Map(),
    }
    tunnel.forwarder = this.tunnels.size < MAX_TUNNELS ? this.choose(tunnel) : undefined
    if (!tunnel.forwarder) {
      this.core.emit({ type: 'tunnel-closed', tunnel: id, reason: NOBODY })
      return
    }
    this.tunnels.set(id, tunnel)
    this.core.emit({ type: 'tunnel-opened', tunnel: id, session })
  }

  private accept(connection: Connection, frame: TunnelFrame): void {
    const tunnel = this.find(frame) ?? this.arrive(connection, frame)
    if (!tunnel) return
    if (frame.kind === 'close') {
      this.close(tunnel, 'closed by the far end')
      return
    }
    // The way by which the far end reaches us works now, whatever we have heard of it before.
    tunnel.excluded.delete(connection.address)
    if (!tunnel.forwarder) tunnel.forwarder = connection.address
    this.core.emit({ type: 'tunnel-frame', tunnel: tunnel.id, bytes: frame.payload })
  }

  private arrive(connection: Connection, frame: TunnelFrame): Tunnel | undefined {
    if (frame.kind === 'close' || !this.events.admits(connection)) return undefined
    const { from: far, session } = frame
    if (!frame.fromDialler || !this.core.config.tunnels || this.tunnels.size >= MAX_TUNNELS) {
      this.core.count('tunnel: refused')
      this.send(connection, { kind: 'close', fromDialler: !frame.fromDialler, session, far, payload: new Uint8Array() })
      return undefined
    }
    const id = --this.arrivals
    const forwarder = connection.address
    const tunnel: Tunnel = { id, far, session, dialler: false, forwarder, named: [], excluded: new Map() }
    this.tunnels.set(id, tunnel)
    this.core.emit({ type: 'tunnel-arrived', tunnel: id, far, session })
    return tunnel
  }

  private passOn(connection: Connection, frame: TunnelFrame, bytes: Uint8Array): void {
    const next = this.core.table.get(frame.to)
    const active = next?.active
    if (!canForward(next, 'any') || !active) {
      this.core.count('tunnel: nobody to pass on to')
      if (frame.kind !== 'close') this.core.sendTo(connection, { type: 'no-tunnel', to: frame.to })
      return
    }
    // What is sent through us is somebody else's and may wait for nobody of ours; but a relay has a lane for its probes.
    if (active.congested && (active.kind !== 'relay' || frame.kind === 'bulk')) this.core.count('tunnel: congested')
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
    if (active.congested && active.kind === 'relay' && frame.kind === 'bulk') {
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
    this.close(tunnel, NOBODY)
  }

  private close({ id }: Tunnel, reason: string): void {
    this.tunnels.delete(id)
    this.core.emit({ type: 'tunnel-closed', tunnel: id, reason })
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
