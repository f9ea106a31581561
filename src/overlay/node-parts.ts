/**
 * NodeParts: the parts of a node, and which of them tells which other what. What concerns the node as a whole is told to
 * the node.
 */
import type { Address } from './address.ts'
import { Broadcast, type BroadcastContent } from './broadcast.ts'
import { CarefulFinder } from './careful-finder.ts'
import type { Connection } from './connection.ts'
import { Connector } from './connector.ts'
import { Dht } from './dht.ts'
import { BARRED_MS, FairShare, type Sharer, unitsOf } from './fair-share.ts'
import { Finder } from './finder.ts'
import { FrameIntake } from './frame-intake.ts'
import { Greeters } from './greeters.ts'
import { Keepalive } from './keepalive.ts'
import { LeafOverlord } from './leaf-overlord.ts'
import { LinkKeeper, type LinkKeeperEvents } from './link-keeper.ts'
import { LinkReporter } from './link-reporter.ts'
import { Linker, type LinkFailure } from './linker.ts'
import { firstLink, pathTo } from './message-path.ts'
import { MessageStreams } from './message-streams.ts'
import { NearOverlord } from './near-overlord.ts'
import type { NodeCore } from './node-core.ts'
import { OnDemandOverlord } from './on-demand-overlord.ts'
import { PacketSwitch } from './packet-switch.ts'
import { PartSchedule } from './part-schedule.ts'
import { Requests } from './requests.ts'
import { hasRole, ON_DEMAND, type RoleBits, SHORTCUT } from './role.ts'
import { SealedPackets } from './sealed-packets.ts'
import { ShortcutOverlord } from './shortcut-overlord.ts'
import { Signals } from './signals.ts'
import { StatusReporter } from './status-reporter.ts'
import { TunnelChannels } from './tunnel-channels.ts'
import { TunnelOverlord } from './tunnel-overlord.ts'
import { Upgrader } from './upgrader.ts'
import { Upkeep } from './upkeep.ts'
import { NOBODY } from './wire-fields.ts'

export interface NodePartsEvents extends Omit<LinkKeeperEvents, 'linked'> {
  linkFailed(failure: LinkFailure): void
  /** Somebody names other neighbours than before. */
  named(connection: Connection, before: readonly Address[]): void
}

export class NodeParts {
  readonly fairShare: FairShare
  readonly linker: Linker
  readonly linkKeeper: LinkKeeper
  readonly keepalive: Keepalive
  readonly packets: PacketSwitch
  readonly intake: FrameIntake
  readonly requests: Requests
  readonly connector: Connector
  readonly finder: Finder
  readonly carefulFinder: CarefulFinder
  readonly leafOverlord: LeafOverlord
  readonly greeters: Greeters
  readonly nearOverlord: NearOverlord
  readonly shortcutOverlord: ShortcutOverlord
  readonly onDemandOverlord: OnDemandOverlord
  readonly upgrader: Upgrader
  readonly tunnels: TunnelChannels
  readonly tunnelOverlord: TunnelOverlord
  readonly reporter: StatusReporter
  readonly linkReporter: LinkReporter
  readonly upkeep: Upkeep
  readonly sealed: SealedPackets
  readonly streams: MessageStreams
  readonly broadcast: Broadcast
  readonly signals: Signals
  readonly dht: Dht
  /** Of all parts but the streams, which most inputs concern. */
  readonly schedule: PartSchedule

  private readonly core: NodeCore
  private readonly ourselves: Sharer
  /** All those together whose broadcasts come by way of others, as a link to them was lost. */
  private readonly unlinked: Sharer = { address: NOBODY, share: undefined }

  constructor(core: NodeCore, events: NodePartsEvents) {
    this.core = core
    this.ourselves = { address: core.config.address, share: undefined }
    this.fairShare = new FairShare(core, (address) => {
      this.connector.shun(address, BARRED_MS)
      const connection = core.table.get(address)
      if (connection) this.linkKeeper.drop(connection, 'flooding', 'unlinked')
    })
    this.linkKeeper = new LinkKeeper(core, this.fairShare, {
      joined: events.joined,
      linked: (connection, told) => {
        this.reporter.told(connection, told)
        this.nearOverlord.named(connection, [])
      },
      rerouted: events.rerouted,
      lost: events.lost,
    })
    this.linker = new Linker(core, {
      linked: (link) => {
        this.linkKeeper.onLinked(link)
        this.leafOverlord.linked(link.role)
      },
      failed: events.linkFailed,
    })
    this.keepalive = new Keepalive(core, {
      silent: (connection, channel) => {
        core.count('link: fell silent')
        core.emit({ type: 'close', channel, reason: 'silent' })
        this.linkKeeper.onChannelLost(connection, channel)
      },
      isBest: (connection) => this.upgrader.isHopeless(connection),
    })
    this.packets = new PacketSwitch(core, this.fairShare, {
      delivered: (packet, bringer) => this.intake.onPacket(packet, bringer),
      used: (connection) => this.keepalive.used(connection),
    })
    this.requests = new Requests(core.config.profile.request, (reason) => core.count(reason))
    this.connector = new Connector(core, this.linker, this.requests, {
      forwardersFor: (far) => this.tunnelOverlord.namedTo(far),
      wanted: (address, role, forwarders) => this.tunnelOverlord.want(address, role, forwarders),
      expectsFirstContact: () => this.leafOverlord.expectsSomebody,
      bars: (address) => this.fairShare.bars(address),
      admits: (role, from) => this.admits(role, from),
    })
    this.finder = new Finder(core, this.requests)
    this.carefulFinder = new CarefulFinder(core, this.requests)
    const leaves = () => this.leafOverlord
    this.greeters = new Greeters(core, () => [this.nearOverlord.left[0], this.nearOverlord.right[0]], {
      get known() {
        return leaves().known
      },
      get unanswered() {
        return leaves().unanswered
      },
    })
    this.leafOverlord = new LeafOverlord(core, this.linker, this.greeters)
    this.nearOverlord = new NearOverlord(core, this.connector, () => this.leafOverlord.known)
    this.shortcutOverlord = new ShortcutOverlord(core, this.connector)
    this.onDemandOverlord = new OnDemandOverlord(core, this.connector)
    this.upgrader = new Upgrader(core, this.linker)
    this.tunnels = new TunnelChannels(core, {
      admits: (connection) => this.fairShare.admits(connection, 'session'),
      named: (far) => this.tunnelOverlord.namedBy(far),
      rerouted: (far) => this.streams.pathChanged(far),
    })
    this.tunnelOverlord = new TunnelOverlord(core, this.linker, this.connector, (connection) =>
      this.upgrader.isHopeless(connection),
    )
    this.reporter = new StatusReporter(core)
    this.linkReporter = new LinkReporter(core)
    this.sealed = new SealedPackets(core, (to) => pathTo(core.table, to)?.kind === 'routed')
    this.streams = new MessageStreams(core, this.sealed, {
      pathTo: (address) => pathTo(core.table, address),
      isRelayed: (address) => {
        const link = firstLink(core.table, address, (far) => this.tunnels.forwarderTo(far))
        return link?.active?.kind === 'relay' && this.upgrader.isHopeless(link)
      },
      received: (from, content) => {
        if (content.type === 'broadcast') this.onBroadcast(from, content)
        else {
          this.onDemandOverlord.received(from)
          if (content.type === 'inner') core.emit({ type: 'inner', from, data: content.data })
          else core.emit({ type: 'deliver', from, data: content.data, broadcast: false })
        }
      },
      sent: (to, bytes) => {
        const connection = core.table.get(to)
        const isProbed = connection !== undefined && this.keepalive.used(connection)
        if (this.onDemandOverlord.sent(to, bytes) || isProbed) this.schedule.forget()
      },
      settled: (to, broadcast, ticket, failure) => {
        if (broadcast) this.broadcast.settled(to, broadcast, failure !== undefined)
        else if (ticket !== undefined) core.emit({ type: 'settle', ticket, failure })
      },
    })
    this.broadcast = new Broadcast(core, {
      hand: (to, content) => this.streams.send(to, content, undefined),
      deliver: (from, data) => core.emit({ type: 'deliver', from, data, broadcast: true }),
      exceedsShare: (bytes) => !this.fairShare.admits(this.ourselves, 'own broadcast', unitsOf(bytes)),
      exceedsRelays: (links, bytes) => this.streams.exceedsRelays(links, bytes),
      refused: (ticket, failure) => core.emit({ type: 'settle', ticket, failure }),
      done: (ticket) => core.emit({ type: 'settle', ticket, failure: undefined }),
    })
    this.signals = new Signals(core, (far) => this.tunnelOverlord.namedBy(far))
    this.dht = new Dht(core, (address) => this.connector.shunnedUntilMs(address) !== undefined)
    const { fairShare, linker, linkKeeper, keepalive, packets, connector, requests, sealed, streams, signals, dht } =
      this
    const { tunnels, tunnelOverlord } = this
    this.intake = new FrameIntake(
      core,
      {
        fairShare,
        linker,
        linkKeeper,
        keepalive,
        packets,
        connector,
        requests,
        sealed,
        streams,
        signals,
        tunnels,
        tunnelOverlord,
        dht,
      },
      { named: events.named },
    )
    this.upkeep = new Upkeep(core, [
      // Who is given up need not be told of anything.
      () => this.linkKeeper.review(),
      () => this.reporter.report(),
      () => this.keepalive.review(),
      () => this.upgrader.review(),
      () => this.tunnelOverlord.review(),
      () => this.nearOverlord.tidy(),
    ])
    this.schedule = new PartSchedule([
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
      this.tunnelOverlord,
      this.reporter,
      this.linkReporter,
      this.upkeep,
      this.greeters,
      this.dht,
    ])
  }

  private onBroadcast(from: Address, content: BroadcastContent): void {
    const link = this.core.table.get(from) ?? this.unlinked
    const units = unitsOf(content.data.length)
    if (this.fairShare.admits(link, 'broadcast', units, content.origin)) this.broadcast.received(content)
  }

  private admits(role: RoleBits, from: Address): boolean {
    if (hasRole(role, SHORTCUT)) return this.shortcutOverlord.admits()
    return !hasRole(role, ON_DEMAND) || this.onDemandOverlord.admits(from)
  }
}
