/**
 * FairShare: how much may one link ask of us? A member that floods slows itself, not the ring: each link has an allowance
 * for each kind of work, and what is over it is dropped and counted.
 *
 *   within --burst used up--> dropping --second after second far beyond--> barred: the link is dropped, and no new one made
 *     ^                          |                                           |
 *     +---------- time ----------+<------------------------------------------+ after BARRED_MS
 *
 * A link to an honest node may bring what a flooder further away has sent. So what travels on behalf of others is split by
 * whom it claims to come from, once half of a link's allowance is in use: a flood takes a part of the way only. And only
 * what the far end must have sent itself can cost it the link.
 *
 * Data for ourselves over a link of their own have no limit here: their streams pace them.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'

export type FloodKind =
  | 'packet'
  | 'request'
  | 'report'
  | 'probe'
  | 'tunnel'
  | 'refusal'
  | 'session'
  | 'broadcast'
  | 'own broadcast'
  | 'signal'
  | 'dht'

type Allowance = { perSecond: number; burst: number }

/**
 * The most that any link of an honest world asked in one second stands behind each: worlds of 300 that form at once, of 150
 * that lose a third and their service, of 100 with three of ten pairs in tunnels, and bulk at 20 ms a hop. What people do
 * is several times less even there.
 */
const ALLOWANCES: Record<FloodKind, Allowance> = {
  /** In units of `unitsOf`: 4 MB/s of what we pass on, or some percent of a page's time. Seen: 300. */
  packet: { perSecond: 4_000, burst: 8_000 },
  /** To be answered, and perhaps dialled. Seen: 71. */
  request: { perSecond: 100, burst: 800 },
  /** Statuses, links, endpoints, forwarders and the like, each of which makes us look at the ring anew. Seen: 14. */
  report: { perSecond: 20, burst: 200 },
  /** A ping is answered with a pong. Seen: 2. */
  probe: { perSecond: 20, burst: 200 },
  /** As packets: for some pairs a tunnel is all that they will have. Seen: 299. */
  tunnel: { perSecond: 4_000, burst: 8_000 },
  /** What could not be passed on for us: of a window under way each frame is refused, and the first says it all. */
  refusal: { perSecond: 20, burst: 200 },
  /** Tunnels to us that begin, each of which takes up room for 10 s at least. Seen: 2. */
  session: { perSecond: 1, burst: 16 },
  /** In units of `unitsOf`. Twice what a node may broadcast itself goes through one lane, so nothing honest is lost. Seen: 216. */
  broadcast: { perSecond: 4_000, burst: 64_000 },
  /** Our own: all the ring works for them. Over it, who asks is told. */
  'own broadcast': { perSecond: 500, burst: 8_000 },
  /** A dozen for each attempt at a link, and a page makes dozens while it joins. Seen: 5. */
  signal: { perSecond: 200, burst: 2_000 },
  /** In units of `unitsOf`: who comes is handed all that it is to hold. Seen: 210. */
  dht: { perSecond: 500, burst: 8_000 },
}

/** One kilobyte costs about as much as one small packet. A guess. */
const UNIT_BYTES = 1_024
/** Those who claim one origin have so much of a link's allowance once half of it is in use. A guess. */
const LANE_SHARE = 1 / 4
/** Origins fall into so many lanes of a link: a flooder shares its lane with one honest node of as many. */
const LANES = 32
const HALF = 1 / 2
/** Ten times over, for three seconds in a row: no burst of an honest node. Guesses. */
const FAR_BEYOND = 10
const PATIENCE_SECONDS = 3
/** As long as a page that hangs in a loop may take until somebody reloads it. A guess. */
export const BARRED_MS = 60_000
/** Addresses barred, or owing, kept in mind at once; the oldest are let off. */
const MAX_REMEMBERED = 256

/** What only the far end itself can have sent. */
const OWN: ReadonlySet<FloodKind> = new Set(['report', 'probe', 'tunnel'])

type Bucket = { allowance: Allowance; fullAtMs: number; lanes: Float64Array | undefined }

/** What one link has used. */
export type Share = {
  buckets: Partial<Record<FloodKind, Bucket>>
  /** Whether anything was ever refused. */
  hasOverdrawn: boolean
  /** The second in which drops are summed up, and the seconds in a row that were far beyond. */
  secondEndsMs: number
  overdrawn: number
  secondsBeyond: number
}

/** Whoever may ask something of us. */
export type Sharer = Pick<Connection, 'address' | 'share'>

/** What passing on so many bytes counts for. */
export function unitsOf(bytes: number): number {
  return 1 + bytes / UNIT_BYTES
}

export class FairShare {
  private readonly core: Pick<NodeCore, 'nowMs' | 'count'>
  /** A link goes on far beyond its allowance. */
  private readonly flooded: (address: Address) => void
  private readonly barredUntilMs = new Map<Address, number>()
  /** Of links that are gone and had more than their share: who comes back has not got a new one. */
  private readonly owing = new Map<Address, Share>()

  constructor(core: Pick<NodeCore, 'nowMs' | 'count'>, flooded: (address: Address) => void) {
    this.core = core
    this.flooded = flooded
  }

  /**
   * Whether the link may ask this of us. `origin`: on whose behalf, where it may be somebody else's; `isOwn`: whether it
   * must be the far end's all the same.
   */
  admits(connection: Sharer, kind: FloodKind, units = 1, origin?: Address, isOwn = OWN.has(kind)): boolean {
    connection.share ??= this.owing.get(connection.address) ?? newShare()
    const { share } = connection
    let bucket = share.buckets[kind]
    if (!bucket) {
      bucket = { allowance: ALLOWANCES[kind], fullAtMs: 0, lanes: undefined }
      share.buckets[kind] = bucket
    }
    if (this.takes(bucket, units, origin)) return true
    share.hasOverdrawn = true
    this.core.count(`flood: ${kind}`)
    if (isOwn) this.overdraw(connection, share, units / bucket.allowance.perSecond)
    return false
  }

  /** How many who had more than their share, and have no link, are kept in mind. */
  get owingCount(): number {
    return this.owing.size
  }

  /** The link is gone. */
  forget({ address, share }: Sharer): void {
    if (share?.hasOverdrawn) remember(this.owing, address, share)
  }

  /** No link with this node is to be made for a while. */
  bar(address: Address): void {
    remember(this.barredUntilMs, address, this.core.nowMs + BARRED_MS)
  }

  bars(address: Address): boolean {
    const untilMs = this.barredUntilMs.size > 0 ? this.barredUntilMs.get(address) : undefined
    if (untilMs === undefined) return false
    if (untilMs > this.core.nowMs) return true
    this.barredUntilMs.delete(address)
    return false
  }

  /** A bucket is the time at which it will be full again: what is taken puts that off, up to as long as a burst takes. */
  private takes(bucket: Bucket, units: number, origin: Address | undefined): boolean {
    const { nowMs } = this.core
    const { perSecond, burst } = bucket.allowance
    const burstMs = (1_000 * burst) / perSecond
    const costMs = (1_000 * units) / perSecond
    const fullAtMs = Math.max(bucket.fullAtMs, nowMs) + costMs
    if (fullAtMs > nowMs + burstMs) return false
    if (origin !== undefined && fullAtMs > nowMs + HALF * burstMs) {
      bucket.lanes ??= new Float64Array(LANES)
      const lane = laneOf(origin)
      const laneFullAtMs = Math.max(bucket.lanes[lane] as number, nowMs) + costMs / LANE_SHARE
      if (laneFullAtMs > nowMs + burstMs) return false
      bucket.lanes[lane] = laneFullAtMs
    }
    bucket.fullAtMs = fullAtMs
    return true
  }

  /** `seconds`: how long the allowance would have lasted for what was dropped. */
  private overdraw(connection: Sharer, share: Share, seconds: number): void {
    const { nowMs } = this.core
    if (nowMs >= share.secondEndsMs) {
      const isInARow = nowMs < share.secondEndsMs + 1_000
      share.secondsBeyond = isInARow && share.overdrawn >= FAR_BEYOND ? share.secondsBeyond + 1 : 0
      share.secondEndsMs = nowMs + 1_000
      share.overdrawn = 0
    }
    share.overdrawn += seconds
    if (share.secondsBeyond < PATIENCE_SECONDS) return
    share.secondsBeyond = 0
    this.core.count('flood: link dropped')
    this.bar(connection.address)
    this.flooded(connection.address)
  }
}

function newShare(): Share {
  return { buckets: {}, hasOverdrawn: false, secondEndsMs: 0, overdrawn: 0, secondsBeyond: 0 }
}

/** By its last digits but one, which are as random as any. */
function laneOf(origin: Address): number {
  return (7 * origin.charCodeAt(37) + origin.charCodeAt(38)) % LANES
}

function remember<Kept>(map: Map<Address, Kept>, address: Address, kept: Kept): void {
  map.delete(address)
  map.set(address, kept)
  const [oldest] = map.keys()
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest)
}
