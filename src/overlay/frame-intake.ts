/**
 * FrameIntake: what becomes of bytes that a channel brought. What cannot be read is dropped and counted; all else is
 * given to the part of the node that it is for. Nothing that a stranger sends may throw here.
 */
import { type Address, sameAddresses } from './address.ts'
import type { Connection } from './connection.ts'
import type { Connector } from './connector.ts'
import type { Dht } from './dht.ts'
import type { ChannelId } from './effects.ts'
import { type FairShare, type FloodKind, unitsOf } from './fair-share.ts'
import type { Keepalive } from './keepalive.ts'
import type { LinkKeeper } from './link-keeper.ts'
import type { Linker } from './linker.ts'
import type { MessageStreams } from './message-streams.ts'
import type { NodeCore } from './node-core.ts'
import type { Bringer, PacketSwitch } from './packet-switch.ts'
import type { Requests } from './requests.ts'
import type { SealedPackets } from './sealed-packets.ts'
import type { Signals } from './signals.ts'
import type { TunnelChannels } from './tunnel-channels.ts'
import type { TunnelOverlord } from './tunnel-overlord.ts'
import {
  decodeFrame,
  decodeReply,
  decodeReset,
  decodeStreamAck,
  decodeStreamData,
  type Frame,
  type Packet,
  type Status,
} from './wire.ts'

export type IntakeParts = {
  fairShare: FairShare
  linker: Linker
  linkKeeper: LinkKeeper
  keepalive: Keepalive
  packets: PacketSwitch
  connector: Connector
  requests: Requests
  sealed: SealedPackets
  streams: MessageStreams
  signals: Signals
  tunnels: TunnelChannels
  tunnelOverlord: TunnelOverlord
  dht: Dht
}

/** What makes us look at the ring anew, or answer. Nothing else that comes without data does either often. */
const KINDS: Partial<Record<Frame['type'], FloodKind>> = {
  status: 'report',
  endpoints: 'report',
  links: 'report',
  forwarders: 'report',
  'no-tunnel': 'refusal',
  retire: 'report',
  start: 'report',
  accept: 'report',
  confirm: 'report',
  refuse: 'report',
  ping: 'probe',
  pong: 'probe',
}

export interface FrameIntakeEvents {
  /** Somebody names other neighbours than before, or estimates another size of the ring. */
  named(connection: Connection, before: readonly Address[]): void
}

export class FrameIntake {
  private readonly core: NodeCore
  private readonly parts: IntakeParts
  private readonly events: FrameIntakeEvents

  constructor(core: NodeCore, parts: IntakeParts, events: FrameIntakeEvents) {
    this.core = core
    this.parts = parts
    this.events = events
  }

  /** Says whether it was of no concern to any part but the message streams, as most frames are: data, and signs of life. */
  handle(channel: ChannelId, bytes: Uint8Array): 'passing' | 'other' {
    const frame = decodeFrame(bytes)
    if (!frame) {
      this.core.count('frame: unreadable')
      return 'other'
    }
    if (this.parts.linker.handleFrame(channel, frame)) return 'other'
    const connection = this.core.table.ofChannel(channel)
    if (!connection) {
      this.core.count('frame: nobody is linked there')
      return 'other'
    }
    for (const heard of connection.channels) if (heard.id === channel) heard.heardAtMs = this.core.nowMs
    if (frame.type === 'data') {
      this.parts.streams.onData(connection.address, frame.data)
      return 'passing'
    }
    this.onFrame(connection, channel, frame, bytes)
    return frame.type === 'ping' || frame.type === 'pong' ? 'passing' : 'other'
  }

  onPacket(received: Packet, { from, isOwn }: Bringer): void {
    const packet = this.parts.sealed.opened(received, isOwn)
    if (!packet) return
    const { source, payload } = packet
    const { connector, requests, streams } = this.parts
    switch (packet.body) {
      case 'request':
        connector.handleRequest(packet)
        return
      case 'reply': {
        const reply = decodeReply(payload)
        if (!reply || !requests.handleReply(reply, source)) this.core.count('packet: reply to nothing')
        return
      }
      case 'data': {
        const data = decodeStreamData(payload)
        if (data) streams.onData(source, data)
        else this.core.count('packet: bad data')
        return
      }
      case 'ack': {
        const ack = decodeStreamAck(payload)
        if (ack) streams.onAck(source, ack)
        else this.core.count('packet: bad ack')
        return
      }
      case 'reset': {
        const stream = decodeReset(payload)
        if (stream !== undefined) streams.onReset(source, stream)
        else this.core.count('packet: bad reset')
        return
      }
      case 'dht':
        this.parts.dht.receive(source, payload, from.address)
        return
      case 'signal':
        this.parts.signals.received(source, payload, isOwn)
        return
      case 'forward':
      case 'sealed':
        throw new Error('what is wrapped or sealed was opened before')
    }
  }

  private onFrame(
    connection: Connection,
    channel: ChannelId,
    frame: Exclude<Frame, { type: 'data' }>,
    bytes: Uint8Array,
  ): void {
    const { fairShare, linkKeeper, keepalive, packets, streams, tunnels, tunnelOverlord } = this.parts
    const kind = KINDS[frame.type]
    if (kind && !fairShare.admits(connection, kind)) return
    switch (frame.type) {
      case 'status':
        this.onStatus(connection, frame.status)
        break
      case 'endpoints':
        this.core.table.setEndpoints(connection, frame.endpoints)
        break
      case 'links':
        connection.links = frame.links
        this.core.table.named()
        break
      case 'ping':
        this.core.transmit(channel, { type: 'pong', nonce: frame.nonce })
        break
      case 'pong':
        keepalive.onPong(connection, frame.nonce)
        break
      case 'retire':
        linkKeeper.onRetire(connection, channel, frame.unused)
        break
      case 'goodbye':
        linkKeeper.drop(connection, 'goodbye', 'left')
        streams.failAll(connection.address, 'unreachable')
        break
      case 'packet':
        packets.receive(frame, bytes, connection)
        break
      case 'tunnel':
        // What is for ourselves its own streams pace, once there is a link.
        if (frame.to !== this.core.config.address && !fairShare.admits(connection, 'tunnel', unitsOf(bytes.length)))
          return
        tunnels.receive(connection, frame, bytes)
        break
      case 'no-tunnel':
        tunnels.onNoTunnel(connection, frame.to)
        break
      case 'forwarders':
        tunnelOverlord.onForwarders(connection, frame.addresses, frame.wanted)
        break
      case 'start':
      case 'accept':
      case 'confirm':
      case 'refuse':
        this.core.count(`frame: ${frame.type} on a link`)
        break
    }
  }

  private onStatus(connection: Connection, status: Status): void {
    const before = connection.status
    connection.status = status
    this.core.table.named()
    if (before.size !== status.size || !sameAddresses(before.neighbours, status.neighbours)) {
      this.events.named(connection, before.neighbours)
    }
    if (before.roles === status.roles && before.hidden === status.hidden) return
    this.core.table.changed()
    if (before.roles !== status.roles) this.core.emit({ type: 'peer', change: 'changed', address: connection.address })
  }
}
