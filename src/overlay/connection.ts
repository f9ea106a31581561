/**
 * Connection: all that we share with one other node. It has one or more channels, of which the best carries the
 * traffic and the others stand by, and the roles that either end gives it in the ring.
 */
import { type Address, fractionOf } from './address.ts'
import { type ChannelKind, rankOf } from './channel-kind.ts'
import type { ChannelId } from './effects.ts'
import { type Endpoint, schemeOf } from './endpoint.ts'
import type { Share } from './fair-share.ts'
import { hasRole, NO_ROLES, type RoleBits, STRUCTURED } from './role.ts'
import type { Status } from './wire.ts'

export type ConnectionChannel = {
  readonly id: ChannelId
  /** Set by `Connection.reroute` only. */
  readonly kind: ChannelKind
  readonly scheme: string
  /** Whether we dialled it. */
  readonly ours: boolean
  /** Counts the dialler's attempts: of two by the same dialler the later stays. */
  readonly attempt: number
  congested: boolean
  heardAtMs: number
  /** We have said that we send nothing more on it. Like the next, set by `Connection.retire` only. */
  readonly retired: boolean
  readonly farRetired: boolean
}

type Changeable = { -readonly [Field in keyof ConnectionChannel]: ConnectionChannel[Field] }

export class Connection {
  readonly address: Address
  readonly incarnation: number
  /** Whether the other end made the first contact. */
  readonly incoming: boolean
  readonly sinceMs: number
  endpoints: Endpoint[]
  /** The roles that we give it; the other end's are in its status. */
  roles: RoleBits = NO_ROLES
  status: Status
  /** Through whom the other end can be reached, as it has told. */
  forwarders: Address[] = []
  /** Ring links of the other end beyond those that its status names: where it can take a packet. */
  links: Address[] = []
  channels: ConnectionChannel[] = []
  /** What carries the traffic: the best channel that neither end has retired, else the best that is left. */
  active: ConnectionChannel | undefined
  rttMs: number | undefined
  /** When the probe left that is overdue. */
  suspectedAtMs: number | undefined
  /** When a message last went over it, either way. */
  usedAtMs: number | undefined
  /** When nobody needed it any more. */
  uselessSinceMs: number | undefined
  /** What the far end has asked of us; undefined while it has asked nothing. */
  share: Share | undefined
  private named: { neighbours: readonly Address[]; links: readonly Address[]; places: number[] } | undefined

  constructor(facts: {
    address: Address
    incarnation: number
    incoming: boolean
    sinceMs: number
    endpoints: Endpoint[]
    status: Status
  }) {
    this.address = facts.address
    this.incarnation = facts.incarnation
    this.incoming = facts.incoming
    this.sinceMs = facts.sinceMs
    this.endpoints = facts.endpoints
    this.status = facts.status
  }

  /** Both ends route over a connection that either of them gives a ring role, so they agree without negotiating. */
  get allRoles(): RoleBits {
    return (this.roles | this.status.roles) as RoleBits
  }

  /** Whether a probe is overdue: it may be gone, and packets go round it while there is another way. */
  get suspected(): boolean {
    return this.suspectedAtMs !== undefined && this.heardAtMs < this.suspectedAtMs
  }

  get structured(): boolean {
    return hasRole(this.allRoles, STRUCTURED)
  }

  /** Where those lie whom the far end names: of its status first, then of its other links. */
  get namedPlaces(): readonly number[] {
    const { status, links, named } = this
    if (named && named.neighbours === status.neighbours && named.links === links) return named.places
    const places = [...status.neighbours.map(fractionOf), ...links.map(fractionOf)]
    this.named = { neighbours: status.neighbours, links, places }
    return places
  }

  get heardAtMs(): number {
    let latest = 0
    for (const channel of this.channels) latest = Math.max(latest, channel.heardAtMs)
    return latest
  }

  /**
   * Adds a channel; returns the one that it makes superfluous, which may be itself. Both ends see the same two
   * channels and must choose alike whatever order they see them in: of two dialled by one end the later stays, of two
   * dialled by different ends that of the greater address (Brunet's "downhill" rule).
   */
  attach(channel: ConnectionChannel, self: Address): ConnectionChannel | undefined {
    const twin = this.channels.find((other) => other.scheme === channel.scheme && !other.retired)
    this.channels.push(channel)
    this.choose()
    if (!twin) return undefined
    if (twin.ours === channel.ours) return twin.attempt < channel.attempt ? twin : channel
    return channel.ours === self > this.address ? twin : channel
  }

  detach(id: ChannelId): void {
    this.channels = this.channels.filter((channel) => channel.id !== id)
    this.choose()
  }

  reroute(channel: ConnectionChannel, kind: ChannelKind): void {
    const rerouted: Changeable = channel
    rerouted.kind = kind
    this.choose()
  }

  /** `by`: which end has said that it sends nothing more on the channel. */
  retire(channel: ConnectionChannel, by: 'us' | 'them'): void {
    const retired: Changeable = channel
    if (by === 'us') retired.retired = true
    else retired.farRetired = true
    this.choose()
  }

  private choose(): void {
    let best: ConnectionChannel | undefined
    for (const channel of this.channels) {
      if (channel.retired) continue
      if (!best || isBetterChannel(channel, best)) best = channel
    }
    this.active = best
  }
}

function isBetterChannel(a: ConnectionChannel, b: ConnectionChannel): boolean {
  if (a.farRetired !== b.farRetired) return b.farRetired
  return rankOf(a.kind) < rankOf(b.kind)
}

export function connectionChannel(facts: {
  id: ChannelId
  kind: ChannelKind
  endpoint: Endpoint
  ours: boolean
  attempt: number
  nowMs: number
}): ConnectionChannel {
  const { id, kind, endpoint, ours, attempt, nowMs } = facts
  return {
    id,
    kind,
    scheme: schemeOf(endpoint),
    ours,
    attempt,
    congested: false,
    heardAtMs: nowMs,
    retired: false,
    farRetired: false,
  }
}
