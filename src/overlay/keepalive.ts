/**
 * Keepalive: is the other end still there?
 *
 *   quiet --silence--> probing (active channel) --suspect--> probing (every channel) --dead--> silent channels close
 *     ^                    |                                    |
 *     +------ heard -------+------------------------------------+
 *
 *   quiet --doubt (presence gone, clock or network jumped)--> probing (every channel), with a shorter deadline
 *
 * A tab that was killed says nothing, and WebRTC notices only after 6 to 16 s (measured), so silence is probed.
 * In a large ring only those beside us are probed that soon; the others when they are used, or when somebody fell silent.
 * The end with the greater address asks first: both hear as much from one ping and its pong as from two of each.
 * The deadline is ours, and our own page may have been asleep: when the node wakes late, probes begin anew.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { ChannelId } from './effects.ts'
import type { NodeCore } from './node-core.ts'
import type { TimerProfile } from './timer-profile.ts'

/**
 * A relay takes milliseconds for a round trip until somebody is busy and the service throttles, and then seconds (measured
 * on Prosody at 10 kB/s): what is known of the past says nothing there.
 */
const SUSPECT_RELAY_MS = 2_000
const DEAD_RELAY_MS = 8_000
/** Of those who are gone the service tells at once. A guess: so this is for who is still there. */
const DOUBT_DEAD_RELAY_MS = 4_000
/** A page may be busy for so long. A guess. */
const SUSPECT_MIN_MS = 300
/** Round trips that an answer may take before it counts as missing. */
const PATIENCE = 4
/** Hidden pages have timers once a minute (Chromium's intensive throttling) and may be frozen for a while. */
const KEEPALIVE_HIDDEN_MS = 20_000
const DEAD_HIDDEN_MS = 50_000

/** How long after the greater end the lesser one asks: a round trip later, if all is well, it has been asked. */
const YIELD_ROUND_TRIPS = 2
const YIELD_MAX_MS = 1_000
/** Who is to be looked at so soon is looked at now: most have been heard by then, and each look saved is a wake. A guess. */
const LOOK_AHEAD_MS = 1_000
/**
 * Who has been silent for all but so much of what it may be is asked along with others: who are asked together answer
 * together, so after a few rounds all are asked in one go. A guess.
 */
const AHEAD = 0.25

/** Of so few, people would miss any. In larger rings only the nodes next to us are watched as closely. A guess. */
const ALL_BESIDE = 25

/** Between two times that we say so. A guess: asking the service, and signing in again, is over by then. */
const ISOLATED_PAUSE_MS = 5_000

type Probe = { sinceMs: number; wide: boolean; wideAtMs: number; deadlineMs: number }

export interface KeepaliveEvents {
  /** Nothing was heard on the channel since the probe began. */
  silent(connection: Connection, channel: ChannelId): void
  /** Whether a better channel than the connection has was tried in vain, or is not to be had. */
  isBest(connection: Connection): boolean
}

export class Keepalive {
  private readonly core: NodeCore
  private readonly events: KeepaliveEvents
  private readonly timers: TimerProfile['keepalive']
  private readonly probes = new Map<Connection, Probe>()
  /** Side by side, so that a look at what is due touches few connections: when to look at each again, at the earliest. */
  private watched: Connection[] = []
  private lookAtMs: number[] = []
  private soonestMs = Number.POSITIVE_INFINITY
  private isolatedAtMs = Number.NEGATIVE_INFINITY
  /** Those whom the ring would miss at once; undefined when all are. */
  private beside: ReadonlySet<Address> | undefined

  constructor(core: NodeCore, events: KeepaliveEvents) {
    this.core = core
    this.events = events
    this.timers = core.config.profile.keepalive
  }

  get deadlineMs(): number | undefined {
    return this.soonestMs === Number.POSITIVE_INFINITY ? undefined : this.soonestMs
  }

  /** To be called some time after the table has changed: nobody new is to be looked at sooner than that. */
  review(): void {
    this.beside = this.besideUs()
    this.watched = [...this.core.table.all()]
    // Who has just come to lie beside us may have been silent for longer than it now may: that is no lateness of ours.
    this.lookAtMs = this.watched.map((connection) => Math.max(this.core.nowMs, this.lookAgainMs(connection)))
    this.soonestMs = Math.min(...this.lookAtMs)
  }

  /** Somebody says that it is gone. */
  doubt(connection: Connection): void {
    if (this.isAnswered(connection)) this.probes.delete(connection)
    const probe = this.probes.get(connection)
    const leastMs = connection.active?.kind === 'relay' ? DOUBT_DEAD_RELAY_MS : this.timers.doubtDeadMs
    const deadlineMs = this.core.nowMs + Math.max(leastMs, PATIENCE * (connection.rttMs ?? 0))
    if (probe?.wide && probe.deadlineMs <= deadlineMs) return
    this.probes.set(connection, { sinceMs: this.core.nowMs, wide: true, wideAtMs: this.core.nowMs, deadlineMs })
    this.lookSooner(connection)
    this.ping(connection, true)
  }

  /**
   * Something is sent over it. Links that are seldom asked after are asked after when they are needed: what is sent again
   * after a while finds another way, should this one lead nowhere. Returns whether it was asked.
   */
  used(connection: Connection): boolean {
    const { active, status } = connection
    const quietMs = this.isLastingRelay(connection) ? this.timers.quietLastingRelayMs : this.timers.quietMs
    if (!active || status.hidden || active.heardAtMs + quietMs > this.core.nowMs) return false
    if (this.probes.has(connection)) return false
    this.start(connection)
    this.lookSooner(connection)
    return true
  }

  onPong(connection: Connection, nonce: number): void {
    const sentAtMs = nonce
    const elapsed = (Math.round(this.core.nowMs) - sentAtMs) >>> 0
    if (elapsed < DEAD_HIDDEN_MS) connection.rttMs = elapsed
  }

  forget(connection: Connection): void {
    this.probes.delete(connection)
    const index = this.watched.indexOf(connection)
    if (index < 0) return
    // Somebody may be going through the lists: it was a look that found the connection dead.
    this.watched = this.watched.toSpliced(index, 1)
    this.lookAtMs = this.lookAtMs.toSpliced(index, 1)
  }

  wake(): void {
    const stalled = this.core.nowMs - (this.deadlineMs ?? this.core.nowMs) > this.timers.suspectMs
    if (stalled) this.core.count('keepalive: woken late')
    const { watched, lookAtMs } = this
    this.soonestMs = Number.POSITIVE_INFINITY
    for (let index = 0; index < watched.length; index++) {
      const connection = watched[index] as Connection
      if (stalled || (lookAtMs[index] as number) <= this.core.nowMs + LOOK_AHEAD_MS) {
        this.look(connection, stalled)
        // One that was found dead is not looked at again.
        const isGone = this.core.table.get(connection.address) !== connection
        lookAtMs[index] = isGone ? Number.POSITIVE_INFINITY : this.lookAgainMs(connection)
      }
      this.soonestMs = Math.min(this.soonestMs, lookAtMs[index] as number)
    }
  }

  /** A probe has begun. Who is not watched yet is so before its deadline. */
  private lookSooner(connection: Connection): void {
    const index = this.watched.indexOf(connection)
    if (index < 0) return
    const atMs = this.lookAgainMs(connection)
    this.lookAtMs[index] = atMs
    this.soonestMs = Math.min(this.soonestMs, atMs)
  }

  /** Undefined in a small ring. */
  private besideUs(): ReadonlySet<Address> | undefined {
    const { table, config } = this.core
    // An estimate alone may be twice too large.
    if (!table.knowsMoreThan(ALL_BESIDE) || table.estimateSize(config.perSide) <= ALL_BESIDE) return undefined
    const left = table.neighboursOf(config.address, 'left', config.perSide)
    const right = table.neighboursOf(config.address, 'right', config.perSide)
    return new Set([...left, ...right])
  }

  private lookAgainMs(connection: Connection): number {
    const probe = this.probes.get(connection)
    return probe ? (probe.wide ? probe.deadlineMs : probe.wideAtMs) : this.quietUntilMs(connection)
  }

  /** Whether something was heard since the probe began. */
  private isAnswered(connection: Connection): boolean {
    const probe = this.probes.get(connection)
    const { active } = connection
    return probe !== undefined && active !== undefined && active.heardAtMs >= probe.sinceMs
  }

  private look(connection: Connection, stalled: boolean): void {
    const { nowMs } = this.core
    const probe = this.probes.get(connection)
    if (!probe) {
      const aheadMs = this.asksFirst(connection) ? AHEAD * this.quietMs(connection) : 0
      if (this.quietUntilMs(connection) <= nowMs + aheadMs) this.start(connection)
      return
    }
    if (this.isAnswered(connection)) {
      this.probes.delete(connection)
    } else if (stalled) {
      this.start(connection)
    } else if (probe.wide && probe.deadlineMs <= nowMs) {
      // Who was doubted was asked on every channel from the beginning.
      this.noteIsolation()
      this.probes.delete(connection)
      for (const channel of [...connection.channels]) {
        if (channel.heardAtMs < probe.sinceMs) this.events.silent(connection, channel.id)
      }
    } else if (!probe.wide && probe.wideAtMs <= nowMs) {
      probe.wide = true
      this.core.table.suspect(connection, probe.sinceMs)
      this.ping(connection, true)
      this.askOthers()
      this.noteIsolation()
    }
  }

  /** One that is gone is gone; half of all are not gone at once. */
  private noteIsolation(): void {
    const { nowMs, table } = this.core
    if (nowMs < this.isolatedAtMs + ISOLATED_PAUSE_MS) return
    let [silent, all] = [0, 0]
    for (const connection of table.all()) {
      // A service that throttles makes relays silent, and would not be quicker to answer us.
      if (connection.active?.kind === 'relay') continue
      all++
      if (this.probes.get(connection)?.wide && !this.isAnswered(connection)) silent++
    }
    if (silent === 0 || 2 * silent < all) return
    this.isolatedAtMs = nowMs
    this.core.emit({ type: 'isolated' })
  }

  /** What took one may have taken more of those who are seldom asked. */
  private askOthers(): void {
    if (!this.beside) return
    for (const connection of this.core.table.all()) this.used(connection)
  }

  private start(connection: Connection): void {
    const { nowMs } = this.core
    const deadMs = connection.status.hidden ? DEAD_HIDDEN_MS : this.patienceMs(connection)
    const wideAtMs = nowMs + this.suspectMs(connection)
    this.probes.set(connection, { sinceMs: nowMs, wide: false, wideAtMs, deadlineMs: nowMs + deadMs })
    this.ping(connection, false)
  }

  private suspectMs({ rttMs, active }: Connection): number {
    const { suspectMs } = this.timers
    if (active?.kind === 'relay') return Math.max(suspectMs, SUSPECT_RELAY_MS)
    return rttMs === undefined ? suspectMs : Math.min(suspectMs, Math.max(SUSPECT_MIN_MS, PATIENCE * rttMs))
  }

  private patienceMs({ rttMs, active }: Connection): number {
    const leastMs = active?.kind === 'relay' ? Math.max(this.timers.deadMs, DEAD_RELAY_MS) : this.timers.deadMs
    return Math.max(leastMs, PATIENCE * (rttMs ?? 0))
  }

  private ping(connection: Connection, wide: boolean): void {
    const nonce = Math.round(this.core.nowMs) >>> 0
    const { active, channels } = connection
    for (const channel of channels) {
      if (!channel.retired && (wide || channel === active)) this.core.transmit(channel.id, { type: 'ping', nonce })
    }
  }

  private quietUntilMs(connection: Connection): number {
    const { active } = connection
    return (active?.heardAtMs ?? connection.sinceMs) + this.quietMs(connection) + this.yieldMs(connection)
  }

  private quietMs(connection: Connection): number {
    const { address, status, active } = connection
    if (status.hidden) return KEEPALIVE_HIDDEN_MS
    if (this.isLastingRelay(connection)) return this.timers.quietLastingRelayMs
    if (this.beside && !this.beside.has(address)) return this.timers.quietFarMs
    return active?.kind === 'relay' || active?.kind === 'tunnel' ? this.timers.quietRelayMs : this.timers.quietMs
  }

  private isLastingRelay(connection: Connection): boolean {
    return connection.active?.kind === 'relay' && this.events.isBest(connection)
  }

  /** Who knows no round trip asks without delay, to know how long an answer may take. */
  private yieldMs(connection: Connection): number {
    return this.asksFirst(connection) ? 0 : Math.min(YIELD_ROUND_TRIPS * (connection.rttMs ?? 0), YIELD_MAX_MS)
  }

  private asksFirst({ address, rttMs }: Connection): boolean {
    return this.core.config.address > address || rttMs === undefined
  }
}
