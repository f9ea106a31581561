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
import type { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import type { Dht } from './dht.ts'
import type { ChannelId, Effect, Input, NodeState } from './effects.ts'
import { type Endpoint, schemeOf } from './endpoint.ts'
import type { Visibility } from './greeters.ts'
import type { Loss } from './link-keeper.ts'
import type { LinkFailure } from './linker.ts'
import { type NodeConfig, type NodeFacts, nodeConfig } from './node-config.ts'
import type { NodeCore, Random } from './node-core.ts'
import { NodeParts } from './node-parts.ts'
import { ownStatus } from './own-status.ts'
import { ringEndpoints } from './ring-endpoint.ts'
import { TUNNEL } from './tunnel-channels.ts'
import { encodeFrame, type Frame, type Outbound, type Packet, type Status } from './wire.ts'

/** Others may name a node that fell silent until they notice it, too; yet it may have slept and be back. */
const SILENT_SHUNNED_MS = 2_500
/** Reasons counted; what transports report as the reason of a failure is in part what others say. A guess. */
export const MAX_REASONS = 256
/** The parts settle within a step or two of each other; more would be two parts in dispute. */
const MAX_REVIEWS = 8

export class Node implements NodeCore {
  readonly config: NodeConfig
  readonly random: Random
  readonly table: ConnectionTable
  /** What was dropped or went wrong, by reason. */
  readonly counters = new Map<string, number>()
  nowMs = 0
  endpoints: readonly Endpoint[]
  leaving = false
  state: NodeState = 'alone'
  hidden = false
  private effects: Effect[] = []
  private channels = 0
  private reviewedVersion = -1
  private namesChanged = false
  private readonly parts: NodeParts

  constructor(facts: NodeFacts, random: Random) {
    const config = nodeConfig(facts)
    this.config = config
    this.random = random
    this.table = new ConnectionTable(config.address)
    this.endpoints = ringEndpoints(config)
    this.parts = new NodeParts(this, {
      joined: (connection) => this.onJoined(connection),
      rerouted: (connection) => this.onRerouted(connection),
      lost: (connection, loss) => this.onLost(connection, loss),
      linkFailed: (failure) => this.onLinkFailed(failure),
      named: (connection, before) => {
        if (this.parts.nearOverlord.named(connection, before)) this.namesChanged = true
      },
    })
  }

  /** The linked ones of the nodes next to us, nearest first. */
  get near(): { left: Address[]; right: Address[] } {
    const linked = (address: Address) => this.table.get(address)?.structured === true
    return { left: this.parts.nearOverlord.left.filter(linked), right: this.parts.nearOverlord.right.filter(linked) }
  }

  get forwardersInUse(): ReadonlySet<Address> {
    return this.parts.tunnels.inUse
  }

  /** Whether the ring is whole as seen from here and each of its links has the best channel that it can have. */
  get settled(): boolean {
    return this.state === 'connected' && this.parts.upgrader.settled
  }

  /** What of the DHT is held here. */
  get dht(): Dht {
    return this.parts.dht
  }

  /** What goes with the proof of who we are to whoever dials us, where channels prove such things (`Proof.accept`). */
  acceptance(): Uint8Array {
    return this.parts.linker.acceptance()
  }

  /** When to call `handle({ type: 'wake' })`; undefined while nothing is due. */
  get deadlineMs(): number | undefined {
    if (this.leaving) return this.table.size > 0 ? this.nowMs : undefined
    const deadlineMs = Math.min(
      this.parts.schedule.earliestMs,
      this.parts.streams.deadlineMs ?? Number.POSITIVE_INFINITY,
    )
    return deadlineMs === Number.POSITIVE_INFINITY ? undefined : deadlineMs
  }

  handle(input: Input, nowMs: number): Effect[] {
    this.nowMs = Math.max(nowMs, this.nowMs)
    this.effects = []
    if (!this.leaving) {
      let onlyStreams = this.dispatch(input)
      if (this.keepInStep()) onlyStreams = false
      if (!onlyStreams) this.parts.schedule.forget()
    } else this.dispatchLast(input)
    return this.effects
  }

  /** Returns whether it concerned the message streams only, as most inputs do: the other parts wait for the same. */
  private dispatch(input: Input): boolean {
    switch (input.type) {
      case 'wake':
        this.parts.streams.wake()
        if (this.parts.schedule.earliestMs > this.nowMs) return true
        this.wake()
        break
      case 'candidate-appeared':
        this.parts.leafOverlord.appeared(input.endpoint, input.elder, input.greeter)
        break
      case 'candidate-vanished': {
        this.parts.leafOverlord.vanished(input.endpoint)
        const connection = this.table.ofEndpoint(input.endpoint)
        if (connection) this.parts.keepalive.doubt(connection)
        break
      }
      case 'endpoints-changed':
        this.endpoints = [...input.endpoints, ...ringEndpoints(this.config)]
        for (const connection of this.table.all()) {
          this.sendTo(connection, { type: 'endpoints', endpoints: [...this.endpoints] })
        }
        break
      case 'channel-arrived':
        this.parts.linker.handleArrived(input.channel, input.endpoint, input.kind, input.proved)
        break
      case 'channel-opened':
        this.parts.linker.handleOpened(input.channel, input.kind, input.proved)
        break
      case 'channel-rerouted': {
        const { channel, kind } = input
        const connection = this.table.ofChannel(channel)
        if (connection) this.parts.linkKeeper.onChannelRerouted(connection, channel, kind)
        else this.parts.linker.handleRerouted(channel, kind)
        break
      }
      case 'channel-congested':
        this.setCongested(input.channel, true)
        break
      case 'channel-writable':
        this.setCongested(input.channel, false)
        break
      case 'channel-closed': {
        const connection = this.table.ofChannel(input.channel)
        if (connection) this.parts.linkKeeper.onChannelLost(connection, input.channel)
        else this.parts.linker.handleClosed(input.channel, input.reason)
        break
      }
      case 'frame':
        return this.parts.intake.handle(input.channel, input.bytes) === 'passing'
      case 'send':
        if (input.to !== this.config.address) {
          this.parts.streams.send(input.to, { type: input.inner ? 'inner' : 'message', data: input.data }, input.ticket)
        } else {
          this.emit({ type: 'settle', ticket: input.ticket, failure: 'unreachable' })
        }
        return true
      case 'broadcast':
        this.parts.broadcast.start(input.data, input.ticket)
        return true
      case 'find': {
        const { ticket, key, careful } = input
        const found = (address: Address | undefined) => this.emit({ type: 'found', ticket, address })
        if (careful) this.parts.carefulFinder.find(key, found)
        else this.parts.finder.find(key, found)
        break
      }
      case 'dht-put':
        this.parts.dht.put(input.ticket, input.record, input.create)
        break
      case 'dht-get':
        this.parts.dht.get(input.ticket, input.key, input.after)
        break
      case 'dht-checked':
        this.parts.dht.proofs.checked(input.check, input.proved)
        break
      case 'signal':
        this.parts.signals.send(input.to, input.data, input.attempt)
        break
      case 'introduced':
        this.parts.streams.introduced(input.to)
        return true
      case 'hold':
        this.parts.onDemandOverlord.hold(input.to, input.held)
        break
      case 'visibility-changed':
        this.hidden = input.hidden
        this.table.changed()
        break
      case 'doubt':
        for (const connection of this.table.all()) this.parts.keepalive.doubt(connection)
        this.parts.upgrader.retryNow()
        break
      case 'tunnel-dial':
      case 'tunnel-send':
      case 'tunnel-close':
        this.parts.tunnels.handle(input)
        return true
      case 'leave':
        this.leave()
        break
    }
    return false
  }

  /** What there is to do for who has said goodbye. */
  private dispatchLast(input: Input): void {
    switch (input.type) {
      case 'send':
      case 'broadcast':
        this.emit({ type: 'settle', ticket: input.ticket, failure: 'left' })
        break
      case 'find':
        this.emit({ type: 'found', ticket: input.ticket, address: undefined })
        break
      case 'dht-put':
        this.emit({ type: 'dht-settled', ticket: input.ticket, failure: 'unreachable' })
        break
      case 'dht-get':
        this.emit({ type: 'dht-found', ticket: input.ticket, records: undefined, more: false })
        break
      case 'tunnel-send':
      case 'tunnel-close':
        this.parts.tunnels.handle(input)
        break
      case 'wake':
        this.parts.linkKeeper.sayGoodbye((kind) => kind !== TUNNEL)
        this.dropAll()
        break
      default:
        break
    }
  }

  private wake(): void {
    const wasConnected = this.parts.nearOverlord.connected
    this.parts.schedule.wake(this.nowMs)
    this.namesChanged ||= wasConnected !== this.parts.nearOverlord.connected
  }

  /** After each input: the overlords look at what has changed until nothing changes any more. False if nothing had. */
  private keepInStep(): boolean {
    // Most frames carry data and change nothing that an overlord could care about.
    if (!this.namesChanged && this.reviewedVersion === this.table.version) return false
    if (this.namesChanged) this.reviewRing()
    for (let reviews = 0; this.reviewedVersion !== this.table.version && reviews < MAX_REVIEWS; reviews++) {
      this.reviewedVersion = this.table.version
      this.reviewRing()
      this.parts.tunnels.review()
      this.parts.upkeep.note(this.parts.nearOverlord.connected)
      this.parts.reporter.review(this.parts.nearOverlord.connected)
      this.parts.linkReporter.review()
    }
    this.namesChanged = false
    this.parts.leafOverlord.review(this.parts.nearOverlord.connected)
    this.parts.greeters.review(this.parts.nearOverlord.connected)
    this.parts.dht.review(this.parts.nearOverlord.connected)
    const state = this.parts.nearOverlord.connected ? 'connected' : this.table.size > 0 ? 'joining' : 'alone'
    if (state !== this.state) {
      this.state = state
      this.emit({ type: 'state', state })
      this.parts.streams.pumpAll()
    }
    return true
  }

  private reviewRing(): void {
    this.parts.nearOverlord.review()
    this.parts.shortcutOverlord.review(this.parts.nearOverlord.connected)
    this.parts.onDemandOverlord.review()
  }

  private leave(): void {
    // Who hears that we go forwards nothing more for us: what is said through others comes first.
    const isAtOnce = this.parts.tunnels.isEmpty
    this.parts.linkKeeper.sayGoodbye((kind) => isAtOnce || kind === TUNNEL)
    this.parts.streams.failEverything('left')
    this.parts.linker.abandonAll('left')
    this.leaving = true
    // It has yet to come back as what is sent over other links.
    if (isAtOnce) this.dropAll()
  }

  private dropAll(): void {
    for (const connection of [...this.table.all()]) this.parts.linkKeeper.drop(connection, 'left', 'left')
  }

  // ---------------------------------------------------------------------------------------- what the parts tell

  private onJoined(connection: Connection): void {
    this.parts.connector.linked(connection.address)
    this.emit({ type: 'peer', change: 'joined', address: connection.address })
    this.parts.streams.pathChanged(connection.address)
  }

  private onRerouted(connection: Connection): void {
    this.emit({ type: 'peer', change: 'changed', address: connection.address })
    this.parts.streams.pathChanged(connection.address)
  }

  private onLost(connection: Connection, loss: Loss): void {
    this.parts.keepalive.forget(connection)
    this.parts.reporter.forget(connection)
    this.parts.connector.lost(connection)
    if (loss === 'left') {
      this.parts.dht.keeper.lost(connection.address)
      this.parts.reporter.hurry()
      this.parts.connector.shun(connection.address, SILENT_SHUNNED_MS)
      this.parts.leafOverlord.suspect(connection.endpoints)
    }
    this.emit({ type: 'peer', change: loss, address: connection.address })
    if (this.leaving) return
    this.parts.streams.pathChanged(connection.address)
    for (const content of this.parts.streams.unsettledBroadcasts(connection.address)) {
      this.parts.broadcast.handAround(connection.address, content)
    }
  }

  private onLinkFailed(failure: LinkFailure): void {
    this.count(`link failed: ${failure.reason}`)
    if (!failure.ours) return
    if (failure.to && schemeOf(failure.endpoint) === TUNNEL) this.parts.tunnelOverlord.failed(failure.to)
    else if (failure.to) this.parts.upgrader.failed(failure.to)
    this.parts.leafOverlord.failed(failure.endpoint)
    if (failure.to) this.parts.connector.dialFailed(failure.to)
  }

  private setCongested(channel: ChannelId, congested: boolean): void {
    const connection = this.table.ofChannel(channel)
    const found = connection?.channels.find(({ id }) => id === channel)
    if (!connection || !found) return
    found.congested = congested
    if (!congested) this.parts.streams.writable(connection.address)
  }

  // ---------------------------------------------------------------------------------------- what the parts may do

  emit(effect: Effect): void {
    this.effects.push(effect)
  }

  count(reason: string): void {
    const known = this.counters.get(reason)
    const kept = known !== undefined || this.counters.size < MAX_REASONS ? reason : 'other reasons'
    this.counters.set(kept, (known ?? this.counters.get(kept) ?? 0) + 1)
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
    return this.parts.packets.send(packet)
  }

  sendEncoded(packet: Pick<Packet, 'mode' | 'body' | 'destination'>, bytes: Uint8Array): boolean {
    return this.parts.packets.sendEncoded(packet, bytes)
  }

  get visibility(): Visibility {
    return this.parts.greeters.visibility
  }

  get sparesService(): boolean {
    return this.parts.greeters.sparesService
  }

  shows(endpoint: Endpoint): boolean {
    return this.parts.leafOverlord.shows(endpoint)
  }

  statusFor(address: Address): Status {
    return ownStatus(this, address, this.hidden)
  }
}
