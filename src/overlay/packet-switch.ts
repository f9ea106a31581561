/**
 * PacketSwitch: what becomes of a packet: routed on, delivered to the part of the node that it is for, or dropped and
 * counted. Also the way by which our own packets leave.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import { type FairShare, unitsOf } from './fair-share.ts'
import type { NodeCore } from './node-core.ts'
import { routableFrame } from './routable-frame.ts'
import { route } from './routing.ts'
import { isUserData } from './user-data.ts'
import { decodeFrame, encodeFrame, HOPS_OFFSET, type Outbound, type Packet } from './wire.ts'

/** Whom a packet has come from: the link, and whether its far end is the node that the packet names as its source. */
export type Bringer = { from: Connection; isOwn: boolean }

/** A node that is not in the ring yet hands its packets to somebody who is: one wrapping, never two. */
const MAX_WRAPPING = 1

export interface PacketSwitchEvents {
  delivered(packet: Packet, bringer: Bringer): void
  /** A packet leaves over this link. */
  used(connection: Connection): void
}

export class PacketSwitch {
  private readonly core: NodeCore
  private readonly fairShare: FairShare
  private readonly events: PacketSwitchEvents

  constructor(core: NodeCore, fairShare: FairShare, events: PacketSwitchEvents) {
    this.core = core
    this.fairShare = fairShare
    this.events = events
  }

  /** `bytes` are the frame that the packet was read from, and are sent on with one hop more. */
  receive(packet: Packet, bytes: Uint8Array, from: Connection): void {
    // A packet without a hop is its sender's own. Whom others come from, nobody can tell who only passes them on.
    const isOwn = packet.hops === 0
    if (isOwn && packet.source !== from.address) {
      this.core.count('packet: forged source')
      return
    }
    packet.hops++
    bytes[HOPS_OFFSET] = packet.hops
    this.handle(packet, bytes, { from, isOwn }, from.address, 0)
  }

  /** False when there is nowhere to send it. */
  send(packet: Outbound): boolean {
    return this.sendEncoded(packet, routableFrame(this.core, packet))
  }

  /** The same for a packet that is encoded already. */
  sendEncoded(packet: Pick<Packet, 'mode' | 'body' | 'destination'>, bytes: Uint8Array): boolean {
    const { address: source } = this.core.config
    const { mode, destination } = packet
    const outset = { mode, destination, hops: 0, ttl: 255, source }
    const { next } = route(outset, this.core.table, undefined, this.core.config.lookahead)
    if (next) return this.transmit(next, bytes)
    const leaf = this.leaf()
    if (!leaf || packet.body === 'forward') return false
    const wrapped = { mode: 'exact', body: 'forward', destination: leaf, payload: bytes } as const
    return this.transmit(leaf, encodeFrame({ type: 'packet', hops: 0, ttl: 1, source, ...wrapped }))
  }

  private handle(packet: Packet, bytes: Uint8Array, bringer: Bringer, previous: Address, wrapping: number): void {
    const { from, isOwn } = bringer
    const { deliver, next, dropped } = route(packet, this.core.table, previous, this.core.config.lookahead)
    if (dropped) this.core.count(`packet: ${dropped}`)
    if (next && this.fairShare.admits(from, 'packet', unitsOf(bytes.length), packet.source, isOwn)) {
      this.transmit(next, bytes)
    }
    if (!deliver) return
    if (packet.body === 'forward') this.forward(packet, bringer, wrapping)
    else if (this.admits(packet, bringer)) this.events.delivered(packet, bringer)
  }

  /** Whether there is room for what it asks of us ourselves. Data are paced by their streams. */
  private admits({ body, source, payload }: Packet, { from, isOwn }: Bringer): boolean {
    if (body === 'dht') return this.fairShare.admits(from, body, unitsOf(payload.length), source, isOwn)
    if (body === 'request' || body === 'signal') return this.fairShare.admits(from, body, 1, source, isOwn)
    return true
  }

  /** Routes the packet inside on from here. Who wraps a packet wraps its own. */
  private forward(packet: Packet, bringer: Bringer, wrapping: number): void {
    const bytes = packet.payload.slice()
    const inner = decodeFrame(bytes)
    if (inner?.type !== 'packet' || wrapping >= MAX_WRAPPING) {
      this.core.count('packet: bad forward')
      return
    }
    if (inner.hops > 0 || inner.source !== packet.source) {
      this.core.count('packet: forged source')
      return
    }
    inner.hops++
    bytes[HOPS_OFFSET] = inner.hops
    this.handle(inner, bytes, bringer, inner.source, wrapping + 1)
  }

  private transmit(next: Address, bytes: Uint8Array): boolean {
    const connection = this.core.table.get(next)
    if (!connection?.active) {
      this.core.count('packet: link without channel')
      return false
    }
    const { id: channel, kind, congested } = connection.active
    // Who sends it sends it again; a relay that takes no more would end, and the link with it.
    if (congested && kind === 'relay' && isUserData(bytes)) {
      this.core.count('packet: congested')
      return true
    }
    this.core.emit({ type: 'transmit', channel, bytes })
    this.events.used(connection)
    return true
  }

  private leaf(): Address | undefined {
    for (const connection of this.core.table.all()) if (connection.active) return connection.address
    return undefined
  }
}
