/**
 * LinkKeeper: what becomes of a link once it is made.
 *
 *   linked --first to this node--> connection --further channels join, twins retire--> ... --last channel gone--> lost
 *
 *   retiring a channel: we send `retire` and nothing after it, but go on receiving until the other end has sent its own;
 *   so nothing that is under way is lost. A connection that neither end gives a role is retired as a whole.
 */
import { type ChannelKind, rankOf } from './channel-kind.ts'
import { Connection, type ConnectionChannel, connectionChannel } from './connection.ts'
import { MAX_CONNECTIONS } from './connection-table.ts'
import type { ChannelId } from './effects.ts'
import type { FairShare } from './fair-share.ts'
import type { Linked } from './linker.ts'
import { isCrowded } from './newcomers.ts'
import type { NodeCore } from './node-core.ts'
import { NO_ROLES, withRole } from './role.ts'
import { Soonest } from './soonest.ts'
import type { Status } from './wire.ts'

/** A connection that neither end needs is kept for a moment, in case that the ring has second thoughts. */
const USELESS_KEPT_MS = 3_000

/**
 * Between two nodes: one for each transport and tunnels, each with a twin that is retiring. Who never says that it retires
 * one could have ever more.
 */
export const MAX_CHANNELS = 8

/** `left`: said goodbye or fell silent; `unlinked`: is there, but the link was given up. */
export type Loss = 'left' | 'unlinked'

export interface LinkKeeperEvents {
  joined(connection: Connection): void
  /** One more channel to it stands; so much was told of us with it. */
  linked(connection: Connection, told: Status | undefined): void
  /** The connection's traffic goes over another channel than before. */
  rerouted(connection: Connection): void
  lost(connection: Connection, loss: Loss): void
}

export class LinkKeeper {
  private readonly core: NodeCore
  private readonly fairShare: FairShare
  private readonly events: LinkKeeperEvents
  /** When a connection will have been useless for too long. */
  private readonly soonest = new Soonest()

  constructor(core: NodeCore, fairShare: FairShare, events: LinkKeeperEvents) {
    this.core = core
    this.fairShare = fairShare
    this.events = events
  }

  get deadlineMs(): number | undefined {
    return this.soonest.deadlineMs
  }

  onLinked(link: Linked): void {
    const { table, config } = this.core
    if (this.fairShare.bars(link.address)) {
      this.core.count('link: with one who flooded us')
      this.core.emit({ type: 'close', channel: link.channel, reason: 'flooded' })
      return
    }
    let connection = table.get(link.address)
    if (connection && connection.incarnation !== link.incarnation) {
      this.core.count('link: new incarnation')
      this.drop(connection, 'new incarnation', 'left')
      connection = undefined
    }
    if (!connection && isCrowded(table, link.address, this.core.nowMs)) {
      this.core.count('link: too many newcomers beside us')
      this.core.emit({ type: 'close', channel: link.channel, reason: 'crowded' })
      return
    }
    const isFull = connection ? connection.channels.length >= MAX_CHANNELS : table.size >= MAX_CONNECTIONS
    if (isFull) {
      this.core.count(connection ? 'link: too many channels' : 'link: too many connections')
      this.core.emit({ type: 'close', channel: link.channel, reason: 'full' })
      return
    }
    const isNew = connection === undefined
    connection ??= this.addConnection(link)
    if (!isNew) table.setEndpoints(connection, link.endpoints)
    if (isNew || !link.isForAnybody) connection.status = link.status
    table.setRoles(connection, withRole(connection.roles, link.role))
    const before = connection.active
    const { channel: id, kind, endpoint, ours, attempt } = link
    const channel = connectionChannel({ id, kind, endpoint, ours, attempt, nowMs: this.core.nowMs })
    const superfluous = connection.attach(channel, config.address)
    table.indexChannel(id, connection)
    if (superfluous) this.retire(connection, superfluous)
    this.retireTunnels(connection)
    // The other end may have retired a channel in favour of this one.
    for (const other of [...connection.channels]) {
      if (other.farRetired && !other.retired && this.hasOther(connection, other)) this.retire(connection, other)
    }
    table.changed()
    this.events.linked(connection, link.told)
    if (isNew) this.events.joined(connection)
    else if (connection.active !== before) this.events.rerouted(connection)
  }

  onRetire(connection: Connection, id: ChannelId, unused: boolean): void {
    const channel = connection.channels.find((candidate) => candidate.id === id)
    if (!channel) return
    if (unused) {
      this.drop(connection, 'retired', 'unlinked')
      return
    }
    const before = connection.active
    connection.retire(channel, 'them')
    // The channel that takes its place may not have reached us yet; until then this one still carries what we send.
    if (channel.retired || this.hasOther(connection, channel)) this.retire(connection, channel)
    if (connection.active === before) return
    this.core.table.changed()
    this.events.rerouted(connection)
  }

  /** The network has found another path for the channel. */
  onChannelRerouted(connection: Connection, id: ChannelId, kind: ChannelKind): void {
    const channel = connection.channels.find((candidate) => candidate.id === id)
    if (!channel || channel.kind === kind) return
    const before = connection.active
    connection.reroute(channel, kind)
    this.retireTunnels(connection)
    this.core.table.changed()
    const { active, address } = connection
    if (active !== before) this.events.rerouted(connection)
    else if (active === channel) this.core.emit({ type: 'peer', change: 'changed', address })
  }

  /** The channel is gone without a word. */
  onChannelLost(connection: Connection, id: ChannelId): void {
    const before = connection.active
    connection.detach(id)
    this.core.table.forgetChannel(id)
    this.core.table.changed()
    if (!connection.active) this.drop(connection, 'no channel left', 'left')
    else if (connection.active !== before) this.events.rerouted(connection)
  }

  /** Closes what is left of the connection and forgets it. */
  drop(connection: Connection, reason: string, loss: Loss): void {
    for (const channel of connection.channels) this.core.emit({ type: 'close', channel: channel.id, reason })
    this.core.table.remove(connection)
    this.fairShare.forget(connection)
    this.events.lost(connection, loss)
  }

  /** Over channels of these kinds. */
  sayGoodbye(over: (kind: ChannelKind) => boolean): void {
    for (const connection of this.core.table.all()) {
      for (const { id, kind, retired } of connection.channels) {
        if (!retired && over(kind)) this.core.transmit(id, { type: 'goodbye' })
      }
    }
  }

  /** Marks connections that nobody needs, and those that are needed again. */
  review(): void {
    this.soonest.restart()
    for (const connection of [...this.core.table.all()]) {
      if (connection.allRoles !== NO_ROLES) connection.uselessSinceMs = undefined
      else if (this.core.sparesService && connection.active?.kind === 'relay') this.giveUp(connection)
      else {
        connection.uselessSinceMs ??= this.core.nowMs
        this.soonest.add(connection.uselessSinceMs + USELESS_KEPT_MS)
      }
    }
  }

  wake(): void {
    for (const connection of [...this.core.table.all()]) {
      const { uselessSinceMs } = connection
      if (uselessSinceMs === undefined || uselessSinceMs + USELESS_KEPT_MS > this.core.nowMs) continue
      this.giveUp(connection)
    }
    this.review()
  }

  private giveUp(connection: Connection): void {
    for (const channel of connection.channels) {
      if (!channel.retired) this.core.transmit(channel.id, { type: 'retire', unused: true })
    }
    this.drop(connection, 'unused', 'unlinked')
  }

  private addConnection(link: Linked): Connection {
    const { address, incarnation, ours, endpoints, status } = link
    const connection = new Connection({
      address,
      incarnation,
      incoming: !ours,
      sinceMs: this.core.nowMs,
      endpoints,
      status,
    })
    this.core.table.add(connection)
    return connection
  }

  private retire(connection: Connection, channel: ConnectionChannel): void {
    if (!channel.retired) {
      connection.retire(channel, 'us')
      this.core.transmit(channel.id, { type: 'retire', unused: false })
    }
    if (!channel.farRetired) return
    connection.detach(channel.id)
    this.core.table.forgetChannel(channel.id)
    this.core.emit({ type: 'close', channel: channel.id, reason: 'retired' })
  }

  /** A tunnel costs others something, and is made again in no time. */
  private retireTunnels(connection: Connection): void {
    const { active } = connection
    if (!active || rankOf(active.kind) >= rankOf('tunnel')) return
    for (const channel of [...connection.channels]) if (channel.kind === 'tunnel') this.retire(connection, channel)
  }

  private hasOther(connection: Connection, channel: ConnectionChannel): boolean {
    return connection.channels.some((other) => other !== channel && !other.retired && !other.farRetired)
  }
}
