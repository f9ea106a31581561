/**
 * OnDemandOverlord: whom is it worth to have a link with, because we talk to each other?
 *
 *   counting --enough sent in a while--> asking --linked--> held --idle--> given up
 *      ^                                   |
 *      +---- delay <--- full, no answer, no link in time
 *
 * Who sends asks, and who is asked dials: were both to ask, two channels would be made for one. Both ends hold the link
 * while messages go either way, and see the same traffic, so they give it up about together. Meanwhile messages are
 * routed, and go on over the link from where they were (Brunet, OnDemandConnectionOverlord). Broadcasts go over
 * whatever links there are and make none. What overlays within this one hold is asked for at once, and kept while they do.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { Connector } from './connector.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, NO_ROLES, ON_DEMAND, withoutRole, withRole } from './role.ts'

/** More than so much within the window is a conversation: it costs more hops than a link costs frames. Guesses. */
const ENOUGH_MESSAGES = 8
const ENOUGH_BYTES = 16_384
const WINDOW_MS = 5_000
/** Links held at once; each may be an RTCPeerConnection. A guess. */
export const MAX_ON_DEMAND = 16
/** Held by overlays within this one, besides; more than a page has RTCPeerConnections for. */
const MAX_HELD = 64
/** Nodes whose traffic is counted at once; the one not heard of for longest is forgotten. A guess. */
const MAX_COUNTED = 256
/** From the request to the link: a request, a dial by the other end, one by ourselves. A guess. */
const LINK_TIMEOUT_MS = 20_000
const RETRY_MS = 15_000 // Brunet, OnDemandConnectionOverlord.
/** A link that nobody needs any more is taken over, if so lately a message went over it. A guess. */
const RECENT_MS = 5_000

type Demand =
  | { name: 'counting'; sinceMs: number; messages: number; bytes: number }
  | { name: 'asking'; untilMs: number }
  | { name: 'failed'; untilMs: number }

export class OnDemandOverlord {
  private readonly core: NodeCore
  private readonly connector: Connector
  private readonly demands = new Map<Address, Demand>()
  private readonly heldFor = new Set<Address>()
  private giveUpAtMs: number | undefined

  constructor(core: NodeCore, connector: Connector) {
    this.core = core
    this.connector = connector
  }

  get deadlineMs(): number | undefined {
    let earliest = this.giveUpAtMs ?? Number.POSITIVE_INFINITY
    for (const demand of this.demands.values()) {
      if (demand.name === 'asking') earliest = Math.min(earliest, demand.untilMs)
    }
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
  }

  /** Whether this node, which asks, may have a link for its traffic: whoever we hold, too, and some others. */
  admits(from: Address): boolean {
    return this.heldFor.has(from) || this.hasRoom
  }

  /** An overlay within this one needs a link to this node, or needs it no more. */
  hold(to: Address, held: boolean): void {
    const { core } = this
    if (to === core.config.address) return
    if (!held) this.heldFor.delete(to)
    else if (this.heldFor.has(to) || this.heldFor.size < MAX_HELD) this.heldFor.add(to)
    else core.count('on demand: holds too many')
    const connection = core.table.get(to)
    if (connection) {
      // From now on it may be idle for as long as any.
      connection.usedAtMs = core.nowMs
      core.table.changed()
    } else if (this.heldFor.has(to) && this.demands.get(to)?.name !== 'asking') this.ask(to)
  }

  /** A message went to this node. Returns whether a link was asked for. */
  sent(to: Address, bytes: number): boolean {
    const { core } = this
    const connection = core.table.get(to)
    if (connection) {
      connection.usedAtMs = core.nowMs
      return false
    }
    if (!core.config.onDemand) return false
    const demand = this.counted(to)
    if (demand?.name !== 'counting') return false
    demand.messages++
    demand.bytes += bytes
    if (demand.messages < ENOUGH_MESSAGES && demand.bytes < ENOUGH_BYTES) return false
    if (!this.hasRoom) {
      core.count('on demand: has enough')
      this.fail(to)
      return false
    }
    this.ask(to)
    return true
  }

  /** A message came from this node. */
  received(from: Address): void {
    const connection = this.core.table.get(from)
    if (connection) connection.usedAtMs = this.core.nowMs
  }

  /** To be called whenever the table has changed. */
  review(): void {
    const { core } = this
    this.giveUpAtMs = undefined
    if (!core.config.onDemand) return
    for (const connection of core.table.all()) {
      const demand = this.demands.get(connection.address)
      const isAsked = demand?.name === 'asking' || this.heldFor.has(connection.address)
      if (isAsked || this.isInUse(connection)) this.take(connection)
      if (demand) this.demands.delete(connection.address)
      if (!hasRole(connection.roles, ON_DEMAND)) continue
      const atMs = this.idleAtMs(connection)
      this.giveUpAtMs = Math.min(atMs, this.giveUpAtMs ?? atMs)
    }
  }

  wake(): void {
    const { nowMs, table } = this.core
    for (const [address, demand] of [...this.demands]) {
      if (demand.name === 'asking' && demand.untilMs <= nowMs) this.fail(address)
    }
    if (this.giveUpAtMs === undefined || this.giveUpAtMs > nowMs) return
    for (const connection of table.all()) {
      if (!hasRole(connection.roles, ON_DEMAND) || this.idleAtMs(connection) > nowMs) continue
      table.setRoles(connection, withoutRole(connection.roles, ON_DEMAND))
    }
    this.review()
  }

  private get hasRoom(): boolean {
    return this.core.config.onDemand && this.held < MAX_ON_DEMAND
  }

  private get held(): number {
    let held = 0
    for (const { roles } of this.core.table.all()) if (hasRole(roles, ON_DEMAND)) held++
    for (const { name } of this.demands.values()) if (name === 'asking') held++
    return held
  }

  private counted(address: Address): Demand | undefined {
    const { nowMs } = this.core
    const known = this.demands.get(address)
    if (known?.name === 'asking') return known
    if (known && (known.name === 'failed' ? known.untilMs : known.sinceMs + WINDOW_MS) > nowMs) return known
    const demand: Demand = { name: 'counting', sinceMs: nowMs, messages: 0, bytes: 0 }
    this.set(address, demand)
    return demand
  }

  private set(address: Address, demand: Demand): void {
    this.demands.delete(address)
    this.demands.set(address, demand)
    if (this.demands.size <= MAX_COUNTED) return
    for (const [oldest, { name }] of this.demands) {
      if (name === 'asking') continue
      this.demands.delete(oldest)
      return
    }
  }

  private ask(address: Address): void {
    const asking: Demand = { name: 'asking', untilMs: this.core.nowMs + LINK_TIMEOUT_MS }
    this.set(address, asking)
    this.connector.seek(address, 'exact', ON_DEMAND, (answer) => {
      if (this.demands.get(address) === asking && (!answer || answer.full)) this.fail(address)
    })
  }

  private fail(address: Address): void {
    this.core.count('on demand: no link')
    this.set(address, { name: 'failed', untilMs: this.core.nowMs + RETRY_MS })
  }

  private isInUse(connection: Connection): boolean {
    const { usedAtMs, allRoles } = connection
    return allRoles === NO_ROLES && usedAtMs !== undefined && usedAtMs + RECENT_MS > this.core.nowMs && this.hasRoom
  }

  private take(connection: Connection): void {
    if (hasRole(connection.roles, ON_DEMAND)) return
    this.core.table.setRoles(connection, withRole(connection.roles, ON_DEMAND))
  }

  private idleAtMs({ usedAtMs, sinceMs, address }: Connection): number {
    if (this.heldFor.has(address)) return Number.POSITIVE_INFINITY
    return (usedAtMs ?? sinceMs) + this.core.config.profile.onDemandIdleMs
  }
}
