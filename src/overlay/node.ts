/**
 * Node: the pure core of one overlay. `handle(input, nowMs)` returns what to do; `deadlineMs` says when to come back.
 * Nothing here reads a clock, sets a timer, draws randomness of its own or does I/O, so the same inputs at the same
 * times give the same effects: a trace is a replay, and the simulator runs what the page runs.
 *
 *   alone --first link--> joining --both neighbours linked--> connected
 *     ^                     |  ^                                 |
 *     +----- last link -----+  +-------- neighbour lost ---------+
 *
 * This file only receives, passes on and keeps the parts in step; what each part decides stands in its own file.
 */
import type { Address } from './address.ts'
import { Broadcast } from './broadcast.ts'
import type { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { Connector } from './connector.ts'
import type { ChannelId, Effect, Input, NodeState } from './effects.ts'
import type { Endpoint } from './endpoint.ts'
import { FrameIntake } from './frame-intake.ts'
import { Keepalive } from './keepalive.ts'
import { LeafOverlord } from './leaf-overlord.ts'
import { LinkKeeper, type Loss } from './link-keeper.ts'
import { LinkReporter } from './link-reporter.ts'
import { Linker, type LinkFailure } from './linker.ts'
import { pathTo } from './message-path.ts'
import { MessageStreams } from './message-streams.ts'
import { NearOverlord } from './near-overlord.ts'
import { type NodeConfig, type NodeFacts, nodeConfig } from './node-config.ts'
import type { NodeCore, Random } from './node-core.ts'
import { OnDemandOverlord } from './on-demand-overlord.ts'
import { ownStatus } from './own-status.ts'
import { PacketSwitch } from './packet-switch.ts'
import { earliestDeadlineMs, type Part } from './part.ts'
import { Requests } from './requests.ts'
import { hasRole, ON_DEMAND, type RoleBits, SHORTCUT } from './role.ts'
import { ShortcutOverlord } from './shortcut-overlord.ts'
import { StatusReporter } from './status-reporter.ts'
import { Upgrader } from './upgrader.ts'
import { encodeFrame, type Frame, type Outbound, type Packet, type Status } from './wire.ts'

/** Others may name a node that fell silent until they notice it, too; yet it may have slept and be back. */
const SILENT_SHUNNED_MS = 2_500
/** The parts settle within a step or two of each other; more would be two parts in dispute. */
const MAX_REVIEWS = 8

export class Node implements NodeCore {
  readonly config: NodeConfig
  readonly random: Random
  readonly table: ConnectionTable
  /** What was dropped or went wrong, by reason. */
  readonly counters = new Map<string, number>()
  nowMs = 0
  endpoints: readonly Endpoint[] = []
  leaving = false
  state: NodeState = 'alone'
  private hidden = false
  private effects: Effect[] = []
  private channels = 0
  private reviewedVersion = -1
  private namesChanged = false
  /** The earliest deadline of all parts but the streams; undefined when it is to be asked for anew. */
  private partsDeadlineMs: number | undefined
  private readonly linker: Linker
  private readonly linkKeeper: LinkKeeper
  private readonly keepalive: Keepalive
  private readonly packets: PacketSwitch
  private readonly intake: FrameIntake
  private readonly requests: Requests
  private readonly connector: Connector
  private readonly leafOverlord: LeafOverlord
  private readonly nearOverlord: NearOverlord
  private readonly shortcutOverlord: ShortcutOverlord
  private readonly onDemandOverlord: OnDemandOverlord
  private readonly upgrader: Upgrader
  private readonly reporter: StatusReporter
  private readonly linkReporter: LinkReporter
  private readonly streams: MessageStreams
  private readonly broadcast: Broadcast
  private readonly parts: readonly Part[]

  constructor(facts: NodeFacts, random: Random) {
    const config = nodeConfig(facts)
    this.config = config
    this.random = random
    this.table = new ConnectionTable(config.address)
    this.linkKeeper = new LinkKeeper(this, {
      joined: (connection) => this.onJoined(connection),
      rerouted: (connection) => this.onRerouted(connection),
      lost: (connection, loss) => this.onLost(connection, loss),
    })
    this.linker = new Linker(this, {
      linked: (link) => this.linkKeeper.onLinked(link),
      failed: (failure) => this.onLinkFailed(failure),
    })
    this.keepalive = new Keepalive(this, {
      silent: (connection, channel) => {
        this.count('link: fell silent')
        this.emit({ type: 'close', channel, reason: 'silent' })
        this.linkKeeper.onChannelLost(connection, channel)
      },
    })
    this.packets = new PacketSwitch(this, { delivered: (packet) => this.intake.onPacket(packet) })
    this.requests = new Requests(config.profile.request)
    this.connector = new Connector(this, this.linker, this.requests, {
      admits: (role) => this.admits(role),
    })
    this.leafOverlord = new LeafOverlord(this, this.linker)
    this.nearOverlord = new NearOverlord(this, this.connector, () => this.leafOverlord.known)
    this.shortcutOverlord = new ShortcutOverlord(this, this.connector)
    this.onDemandOverlord = new OnDemandOverlord(this, this.connector)
    this.upgrader = new Upgrader(this, this.linker)
    this.reporter = new StatusReporter(this)
    this.linkReporter = new LinkReporter(this)
    this.streams = new MessageStreams(this, {
      pathTo: (address) => pathTo(this.table, address),
      received: (from, content) => {
        if (content.type === 'broadcast') this.broadcast.received(content)
        else {
          this.onDemandOverlord.received(from)
          this.emit({ type: 'deliver', from, data: content.data, broadcast: false })
        }
      },
      sent: (to, bytes) => {
        if (this.onDemandOverlord.sent(to, bytes)) this.partsDeadlineMs = undefined
      },
      settled: (to, broadcast, ticket, failure) => {
        if (broadcast) this.broadcast.settled(to, broadcast, failure !== undefined)
        else if (ticket !== undefined) this.emit({ type: 'settle', ticket, failure })
      },
    })
    this.broadcast = new Broadcast(this, {
      hand: (to, content) => this.streams.send(to, content, undefined),
      deliver: (from, data) => this.emit({ type: 'deliver', from, data, broadcast: true }),
      done: (ticket) => this.emit({ type: 'settle', ticket, failure: undefined }),
    })
    const { linker, linkKeeper, keepalive, packets, connector, requests, streams } = this
    this.intake = new FrameIntake(
      this,
      { linker, linkKeeper, keepalive, packets, connector, requests, streams },
      {
        named: (neighbours) => {
          this.namesChanged ||= this.nearOverlord.concerns(neighbours)
        },
      },
    )
    this.parts = [
      this.linker,
      this.keepalive,
      this.linkKeeper,
      this.requests,
      this.connector,
      this.leafOverlord,
      this.nearOverlord,
      this.shortcutOverlord,
      this.onDemandOverlord,
      this.upgrader,
      this.reporter,
      this.linkReporter,
    ]
  }

  /** The linked ones of the nodes next to us, nearest first. */
  get near(): { left: Address[]; right: Address[] } {
    const linked = (address: Address) => this.table.get(address)?.structured === true
    return { left: this.nearOverlord.left.filter(linked), right: this.nearOverlord.right.filter(linked) }
  }

  /** Whether the ring is whole as seen from here and each of its links has the best channel that it can have. */
  get settled(): boolean {
    return this.state === 'connected' && this.upgrader.settled
  }

  /** When to call `handle({ type: 'wake' })`; undefined while nothing is due. */
  get deadlineMs(): number | undefined {
    if (this.leaving) return undefined
    this.partsDeadlineMs ??= earliestDeadlineMs(this.parts)
    const deadlineMs = Math.min(this.partsDeadlineMs, this.streams.deadlineMs ?? Number.POSITIVE_INFINITY)
    return deadlineMs === Number.POSITIVE_INFINITY ? undefined : deadlineMs
  }

  handle(input: Input, nowMs: number): Effect[] {
    this.nowMs = Math.max(nowMs, this.nowMs)
    this.effects = []
    if (!this.leaving) {
      const onlyStreams = this.dispatch(input)
      if (this.keepInStep() || !onlyStreams) this.partsDeadlineMs = undefined
    } else if (input.type === 'send' || input.type === 'broadcast') {
      this.emit({ type: 'settle', ticket: input.ticket, failure: 'left' })
    }
    return this.effects
  }

  /** Returns whether it concerned the message streams only, as most inputs do: the other parts wait for the same. */
  private dispatch(input: Input): boolean {
    switch (input.type) {
      case 'wake':
        this.streams.wake()
        if ((this.partsDeadlineMs ?? 0) > this.nowMs) return true
        this.wake()
        break
      case 'candidate-appeared':
        this.leafOverlord.appeared(input.endpoint, input.elder)
        break
      case 'candidate-vanished': {
        this.leafOverlord.vanished(input.endpoint)
        const connection = this.table.ofEndpoint(input.endpoint)
        if (connection) this.keepalive.doubt(connection)
        break
      }
      case 'endpoints-changed':
        this.endpoints = input.endpoints
        for (const connection of this.table.all()) {
          this.sendTo(connection, { type: 'endpoints', endpoints: [...input.endpoints] })
        }
        break
      case 'channel-arrived':
        this.linker.handleArrived(input.channel, input.endpoint, input.kind)
        break
      case 'channel-opened':
        this.linker.handleOpened(input.channel, input.kind)
        break
      case 'channel-congested':
        this.setCongested(input.channel, true)
        break
      case 'channel-writable':
        this.setCongested(input.channel, false)
        break
      case 'channel-closed': {
        const connection = this.table.ofChannel(input.channel)
        if (connection) this.linkKeeper.onChannelLost(connection, input.channel)
        else this.linker.handleClosed(input.channel, input.reason)
        break
      }
      case 'frame':
        return this.intake.handle(input.channel, input.bytes) === 'data'
      case 'send':
        if (input.to !== this.config.address) {
          this.streams.send(input.to, { type: 'message', data: input.data }, input.ticket)
        } else {
          this.emit({ type: 'settle', ticket: input.ticket, failure: 'unreachable' })
        }
        return true
      case 'broadcast':
        this.broadcast.start(input.data, input.ticket)
        return true
      case 'visibility-changed':
        this.hidden = input.hidden
        this.table.changed()
        break
      case 'doubt':
        for (const connection of this.table.all()) this.keepalive.doubt(connection)
        this.upgrader.retryNow()
        break
      case 'leave':
        this.leave()
        break
    }
    return false
  }

  private wake(): void {
    const wasConnected = this.nearOverlord.connected
    for (const part of this.parts) part.wake(this.nowMs)
    this.namesChanged ||= wasConnected !== this.nearOverlord.connected
  }

  /** After each input: the overlords look at what has changed until nothing changes any more. False if nothing had. */
  private keepInStep(): boolean {
    // Most frames carry data and change nothing that an overlord could care about.
    if (!this.namesChanged && this.reviewedVersion === this.table.version) return false
    if (this.namesChanged) this.reviewRing()
    for (let reviews = 0; this.reviewedVersion !== this.table.version && reviews < MAX_REVIEWS; reviews++) {
      this.reviewedVersion = this.table.version
      this.reviewRing()
      this.linkKeeper.review()
      this.upgrader.review()
      this.reporter.review()
      this.linkReporter.review()
    }
    this.namesChanged = false
    this.leafOverlord.review(this.nearOverlord.connected)
    const state = this.nearOverlord.connected ? 'connected' : this.table.size > 0 ? 'joining' : 'alone'
    if (state !== this.state) {
      this.state = state
      this.emit({ type: 'state', state })
      this.streams.pumpAll()
    }
    return true
  }

  private reviewRing(): void {
    this.nearOverlord.review()
    this.shortcutOverlord.review(this.nearOverlord.connected)
    this.onDemandOverlord.review()
  }

  private leave(): void {
    for (const connection of [...this.table.all()]) {
      for (const channel of connection.channels) {
        if (!channel.retired) this.transmit(channel.id, { type: 'goodbye' })
      }
    }
    this.streams.failEverything('left')
    this.linker.abandonAll('left')
    this.leaving = true
    for (const connection of [...this.table.all()]) this.linkKeeper.drop(connection, 'left', 'left')
  }

  // ---------------------------------------------------------------------------------------- what the parts tell

  private onJoined(connection: Connection): void {
    this.connector.linked(connection.address)
    this.reporter.told(connection, this.statusFor(connection.address))
    this.emit({ type: 'peer', change: 'joined', address: connection.address })
    this.streams.pathChanged(connection.address)
  }

  private onRerouted(connection: Connection): void {
    this.emit({ type: 'peer', change: 'changed', address: connection.address })
    this.streams.pathChanged(connection.address)
  }

  private onLost(connection: Connection, loss: Loss): void {
    this.keepalive.forget(connection)
    this.reporter.forget(connection)
    if (loss === 'left') {
      this.connector.shun(connection.address, SILENT_SHUNNED_MS)
      this.leafOverlord.suspect(connection.endpoints)
    }
    this.emit({ type: 'peer', change: loss, address: connection.address })
    if (this.leaving) return
    this.streams.pathChanged(connection.address)
    for (const content of this.streams.unsettledBroadcasts(connection.address)) {
      this.broadcast.handAround(connection.address, content)
    }
  }

  private onLinkFailed(failure: LinkFailure): void {
    this.count(`link failed: ${failure.reason}`)
    if (!failure.ours) return
    if (failure.to) this.upgrader.failed(failure.to)
    this.leafOverlord.failed(failure.endpoint)
  }

  private setCongested(channel: ChannelId, congested: boolean): void {
    const connection = this.table.ofChannel(channel)
    const found = connection?.channels.find(({ id }) => id === channel)
    if (!connection || !found) return
    found.congested = congested
    if (!congested) this.streams.writable(connection.address)
  }

  private admits(role: RoleBits): boolean {
    if (hasRole(role, SHORTCUT)) return this.shortcutOverlord.admits()
    return !hasRole(role, ON_DEMAND) || this.onDemandOverlord.admits()
  }

  // ---------------------------------------------------------------------------------------- what the parts may do

  emit(effect: Effect): void {
    this.effects.push(effect)
  }

  count(reason: string): void {
    this.counters.set(reason, (this.counters.get(reason) ?? 0) + 1)
  }

  nextChannel(): ChannelId {
    return ++this.channels
  }

  transmit(channel: ChannelId, frame: Frame): void {
    this.emit({ type: 'transmit', channel, bytes: encodeFrame(frame) })
  }

  sendTo(connection: Connection, frame: Frame): void {
    const { active } = connection
    if (active) this.transmit(active.id, frame)
    else this.count('frame: link without channel')
  }

  sendPacket(packet: Outbound): boolean {
    return this.packets.send(packet)
  }

  sendEncoded(packet: Pick<Packet, 'mode' | 'body' | 'destination'>, bytes: Uint8Array): boolean {
    return this.packets.sendEncoded(packet, bytes)
  }

  statusFor(address: Address): Status {
    return ownStatus(this, address, this.hidden)
  }
}
