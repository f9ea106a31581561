/**
 * TunnelOverlord: who must be reached through others?
 *
 *   wanted --AFTER, no link yet--> overlap? --yes--> dialling --linked--> standing --direct link--> retired
 *      ^                            |                   |
 *      |                            no: link to a forwarder of the far end's (overlap link)
 *      +--------- delay ------------+-------------------+ failed, up to MAX_FAILURES
 *
 * Wanted is whoever asked to be connected to, or was asked, and has no link after a moment; and whoever has only a relay
 * and no hope of better. Both ends want each other, so the greater address comes first and the lesser waits longer.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { Connector } from './connector.ts'
import type { Linker } from './linker.ts'
import type { NodeCore } from './node-core.ts'
import { forwardersFor, type Hops, MAX_OVERLAP, overlapOf } from './overlap.ts'
import { hasRole, OVERLAP, type RoleBits, withoutRole, withRole } from './role.ts'
import { TUNNEL, tunnelTo } from './tunnel-channels.ts'
import { MAX_ADDRESSES } from './wire.ts'

/** Named with a request; with a tunnel that stands, MAX_ADDRESSES. */
const NAMED_IN_REQUEST = 8
const RETRY_DELAY_MS = 1_000
const MAX_FAILURES = 6
const MAX_WANTED = 64
/** Changes of links come in bursts. A guess. */
const TELL_DELAY_MS = 1_000
/** Brunet trims an unused overlap link after 5 min; a tab has fewer links to spare. */
const OVERLAP_KEPT_MS = 60_000

type Want = {
  role: RoleBits
  named: readonly Address[]
  atMs: number
  failures: number
  /** Whom we have asked to become a neighbour in common. */
  asked: Set<Address>
}

export class TunnelOverlord {
  private readonly core: NodeCore
  private readonly linker: Linker
  private readonly connector: Connector
  /** Whether a relay is all that this connection will have. */
  private readonly isHopeless: (connection: Connection) => boolean
  private readonly wants = new Map<Address, Want>()
  private readonly told = new WeakMap<Connection, string>()
  private tellAtMs: number | undefined
  private readonly overlapSinceMs = new Map<Address, number>()
  private reviewedVersion = -1

  constructor(core: NodeCore, linker: Linker, connector: Connector, isHopeless: (connection: Connection) => boolean) {
    this.core = core
    this.linker = linker
    this.connector = connector
    this.isHopeless = isHopeless
  }

  get deadlineMs(): number | undefined {
    let earliest = this.tellAtMs ?? Number.POSITIVE_INFINITY
    for (const { atMs } of this.wants.values()) earliest = Math.min(earliest, atMs)
    for (const sinceMs of this.overlapSinceMs.values()) earliest = Math.min(earliest, sinceMs + OVERLAP_KEPT_MS)
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
  }

  /** Through whom this node can reach us; to be sent along with a request to connect or its answer. */
  namedTo(far: Address): Address[] {
    return this.core.config.tunnels ? forwardersFor(this.core.table, far, NAMED_IN_REQUEST) : []
  }

  /** Whom this node has named, before there is a link to it. */
  namedBy(far: Address): readonly Address[] {
    return this.wants.get(far)?.named ?? []
  }

  /** A connection to this node has been asked for, by either end. */
  want(address: Address, role: RoleBits, named: readonly Address[]): void {
    if (!this.core.config.tunnels || role === OVERLAP || this.core.table.get(address)) return
    const known = this.wants.get(address)
    if (known) {
      known.named = named.length > 0 ? named : known.named
      return
    }
    this.add(address, role, named)
  }

  review(): void {
    const { table, config } = this.core
    if (!config.tunnels || this.reviewedVersion === table.version) return
    this.reviewedVersion = table.version
    for (const address of [...this.wants.keys()]) {
      const connection = table.get(address)
      if (connection && !this.needsBetter(connection)) this.wants.delete(address)
    }
    const { forwardersInUse } = this.core
    for (const connection of table.all()) {
      if (this.needsBetter(connection) && !this.wants.has(connection.address)) {
        if (connection.forwarders.length === 0) this.tell(connection, true)
        this.add(connection.address, connection.roles, [])
      }
      this.watchOverlap(connection, forwardersInUse)
    }
    for (const address of this.overlapSinceMs.keys()) if (!table.get(address)) this.overlapSinceMs.delete(address)
    if (this.hasTunnels) this.tellAtMs ??= this.core.nowMs + TELL_DELAY_MS
  }

  failed(address: Address): void {
    const want = this.wants.get(address)
    if (!want) return
    want.failures++
    want.atMs = this.core.nowMs + RETRY_DELAY_MS * 2 ** want.failures * (0.5 + this.core.random())
    if (want.failures >= MAX_FAILURES) this.wants.delete(address)
  }

  /** The other end names those who can forward to it. */
  onForwarders(connection: Connection, addresses: Address[], wanted: boolean): void {
    connection.forwarders = addresses
    if (wanted) this.tell(connection, false)
    const want = this.wants.get(connection.address)
    if (want) want.named = addresses
  }

  wake(): void {
    const { nowMs, table } = this.core
    for (const [address, want] of [...this.wants]) {
      if (want.atMs > nowMs) continue
      want.atMs = nowMs + RETRY_DELAY_MS
      if (!this.linker.isDialling(tunnelTo(address))) this.attempt(address, want)
    }
    for (const [address, sinceMs] of [...this.overlapSinceMs]) {
      if (sinceMs + OVERLAP_KEPT_MS > nowMs) continue
      this.overlapSinceMs.delete(address)
      const connection = table.get(address)
      if (!connection) continue
      table.setRoles(connection, withoutRole(connection.roles, OVERLAP))
    }
    if (this.tellAtMs === undefined || this.tellAtMs > nowMs) return
    this.tellAtMs = undefined
    for (const connection of table.all()) if (hasTunnel(connection)) this.tell(connection, false)
  }

  private get hasTunnels(): boolean {
    for (const connection of this.core.table.all()) if (hasTunnel(connection)) return true
    return false
  }

  private add(address: Address, role: RoleBits, named: readonly Address[]): void {
    if (this.wants.size >= MAX_WANTED) return
    const { profile, address: self } = this.core.config
    const delay = profile.tunnelAfterMs * (self > address ? 1 : 2)
    this.wants.set(address, { role, named, atMs: this.core.nowMs + delay, failures: 0, asked: new Set() })
  }

  private needsBetter(connection: Connection): boolean {
    return connection.structured && connection.active?.kind === 'relay' && this.isHopeless(connection)
  }

  private attempt(address: Address, want: Want): void {
    const connection = this.core.table.get(address)
    const hops: Hops = connection ? 'direct' : 'any'
    const [forwarder] = overlapOf(this.core.table, want.named, hops)
    if (forwarder) {
      this.linker.dial(tunnelTo(address), address, want.role)
      return
    }
    // With a relay of their own the two can talk; links to more nodes would be a high price for a better way.
    if (!connection) this.askForOverlap(want)
    this.failed(address)
  }

  /** A neighbour of theirs becomes one of ours. */
  private askForOverlap(want: Want): void {
    const open = want.named.filter((address) => !want.asked.has(address) && !this.core.table.get(address))
    for (const address of open.slice(0, MAX_OVERLAP / 2)) {
      want.asked.add(address)
      this.connector.connect(address, OVERLAP)
    }
  }

  /** What a tunnel goes over is kept, and given up some time after the last tunnel. */
  private watchOverlap(connection: Connection, inUse: ReadonlySet<Address>): void {
    const { address } = connection
    const isOverlap = hasRole(connection.roles, OVERLAP)
    if (inUse.has(address)) {
      this.overlapSinceMs.delete(address)
      if (isOverlap || connection.structured) return
      this.core.table.setRoles(connection, withRole(connection.roles, OVERLAP))
    } else if (!isOverlap) this.overlapSinceMs.delete(address)
    else if (!this.overlapSinceMs.has(address)) this.overlapSinceMs.set(address, this.core.nowMs)
  }

  private tell(connection: Connection, wanted: boolean): void {
    const { table, forwardersInUse } = this.core
    const nearest = forwardersFor(table, connection.address, MAX_ADDRESSES)
    const addresses = [...new Set([...forwardersInUse, ...nearest])].slice(0, MAX_ADDRESSES)
    const told = addresses.join()
    if (this.told.get(connection) === told && !wanted) return
    this.told.set(connection, told)
    this.core.sendTo(connection, { type: 'forwarders', wanted, addresses })
  }
}

function hasTunnel(connection: Connection): boolean {
  return connection.channels.some(({ kind }) => kind === TUNNEL)
}
