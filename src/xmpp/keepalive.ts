/**
 * Keepalive: is the service still there, and does it know that we are? Asks it when nothing has come for a while, so that
 * a network which died in silence is noticed; and, where it ends the streams of those who say nothing (XEP-0478), when
 * nothing has gone out for a while.
 */
import { type Clock, StanzaError } from '../ports.ts'

const KEEPALIVE_MS = 30_000 // A guess: below the minute after which many NATs forget a TCP connection.
const MIN_KEEPALIVE_MS = 5_000 // A guess: a service that wants to hear more often is not one for browsers.
const SHARE_OF_LIMIT = 0.5 // A guess: what is said may be on its way for as long again.

export interface KeepaliveEvents {
  /** Asks the service anything; rejects with the StanzaError `timeout` where nothing comes back. */
  ask(timeoutMs: number | undefined): Promise<unknown>
  /** The service has not answered. */
  dead(): void
}

export class Keepalive {
  private readonly clock: Clock
  private readonly events: KeepaliveEvents
  private intervalMs = KEEPALIVE_MS
  private mustSpeak = false
  private heardMs = 0
  private saidMs = 0
  private askedMs = 0
  private cancel: (() => void) | undefined
  private starts = 0

  constructor(clock: Clock, events: KeepaliveEvents) {
    this.clock = clock
    this.events = events
  }

  /** How long the service waits for who says nothing, if it has said so. */
  limit(idleMs: number | undefined): void {
    this.mustSpeak = idleMs !== undefined
    const wantedMs = SHARE_OF_LIMIT * (idleMs ?? Number.POSITIVE_INFINITY)
    this.intervalMs = Math.min(KEEPALIVE_MS, Math.max(MIN_KEEPALIVE_MS, wantedMs))
    if (this.cancel !== undefined) this.wakeWhenDue()
  }

  /** For one stream. */
  start(): void {
    this.stop()
    this.heardMs = this.saidMs = this.askedMs = this.clock.now()
    this.wakeWhenDue()
  }

  stop(): void {
    this.starts++
    this.cancel?.()
    this.cancel = undefined
  }

  heard(): void {
    this.heardMs = this.clock.now()
  }

  said(): void {
    this.saidMs = this.clock.now()
  }

  /** Asks at once. */
  probe(timeoutMs?: number): void {
    const { starts } = this
    this.askedMs = this.clock.now()
    this.events.ask(timeoutMs).catch((error) => {
      const isDead = error instanceof StanzaError && error.condition === 'timeout' && this.starts === starts
      if (isDead) this.events.dead()
    })
  }

  private get dueMs(): number {
    const quietSinceMs = this.mustSpeak ? Math.min(this.heardMs, this.saidMs) : this.heardMs
    return Math.max(quietSinceMs, this.askedMs) + this.intervalMs
  }

  private wakeWhenDue(): void {
    this.cancel?.()
    this.cancel = this.clock.wakeAt(this.dueMs, () => {
      if (this.clock.now() >= this.dueMs) this.probe()
      this.wakeWhenDue()
    })
  }
}
