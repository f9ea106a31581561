/**
 * Relay pace: how much bulk may be on its way through the XMPP service at once, over all channels of this tab? A service
 * that throttles reads slowly what we have written already, and whatever we write next stands behind it: so bulk is let
 * out only as fast as answers come back, and the window follows the time that they take.
 *
 *   answered soon --> wider        answered late, lost --> half as wide        in between: as it is
 */
import { MAX_PAYLOAD_BYTES } from './relay-xml.ts'

/** A guess: a ping may wait so long behind what has been written, and its answer as long at the other end. */
const SOON_MS = 500
const LATE_MS = 1_000
const MIN_WINDOW_BYTES = MAX_PAYLOAD_BYTES // At Prosody's 10 kB/s one piece takes 0.6 s (measured).
const FIRST_WINDOW_BYTES = 2 * MAX_PAYLOAD_BYTES // A guess: more is had after a few round trips, where it is to be had.
const MAX_WINDOW_BYTES = 32 * MAX_PAYLOAD_BYTES // A guess: the pace of a session is spent on a round trip of one second.
const ASSUMED_BYTES_PER_S = 7_000 // Measured: what Prosody's default of 10 kB/s leaves to payloads in base64 and XML.
const MEASURED_FOR_MS = 1_000 // A guess: less would be a measure of bursts.
const NEW_SHARE = 0.3 // A guess: of a new measure in the estimate.

export interface PacedSender {
  /** Sends one piece, if there is one; says so by `left`, and asks again if there is more. */
  sendOne(): void
}

export class RelayPace {
  /** Who has bulk to send, in the order in which they have their turn. */
  private readonly waiting = new Set<PacedSender>()
  private serving = false
  private windowBytes = FIRST_WINDOW_BYTES
  private onTheWayBytes = 0
  private narrowedAtMs = Number.NEGATIVE_INFINITY
  /** Since bulk has been on its way without a pause. */
  private busy: { sinceMs: number; bytes: number } | undefined
  private estimate = ASSUMED_BYTES_PER_S

  /** What the service carries for us, as far as known. */
  get bytesPerS(): number {
    return this.estimate
  }

  /** To be called by whoever has bulk to send; each gets its turn for one piece. */
  ask(sender: PacedSender): void {
    this.waiting.add(sender)
    this.serve()
  }

  forget(sender: PacedSender): void {
    this.waiting.delete(sender)
  }

  left(bytes: number): void {
    this.onTheWayBytes += bytes
  }

  /** `elapsedMs` is undefined for a piece that was sent more than once: nobody knows which of them was answered. */
  answered(bytes: number, elapsedMs: number | undefined, nowMs: number): void {
    this.onTheWayBytes -= bytes
    this.measure(bytes, nowMs)
    if (elapsedMs !== undefined && elapsedMs <= SOON_MS) {
      this.windowBytes = Math.min(MAX_WINDOW_BYTES, this.windowBytes + (bytes * bytes) / this.windowBytes)
    } else if (elapsedMs !== undefined && elapsedMs > LATE_MS) this.narrow(elapsedMs, nowMs)
    this.serve()
  }

  lost(nowMs: number): void {
    this.narrow(LATE_MS, nowMs)
  }

  /** It is no longer waited for: who does not answer must not keep bulk from others. */
  abandoned(bytes: number): void {
    this.onTheWayBytes -= bytes
    this.serve()
  }

  /** Once in a round trip: what was on its way already says nothing new. */
  private narrow(roundTripMs: number, nowMs: number): void {
    if (nowMs < this.narrowedAtMs + roundTripMs) return
    this.narrowedAtMs = nowMs
    this.windowBytes = Math.max(MIN_WINDOW_BYTES, this.windowBytes / 2)
  }

  private measure(bytes: number, nowMs: number): void {
    this.busy ??= { sinceMs: nowMs, bytes: -bytes }
    this.busy.bytes += bytes
    const elapsedMs = nowMs - this.busy.sinceMs
    if (elapsedMs >= MEASURED_FOR_MS) {
      const measured = (1_000 * this.busy.bytes) / elapsedMs
      // Where nobody waits for room it could have been more.
      if (this.waiting.size > 0 || measured > this.estimate) this.estimate += NEW_SHARE * (measured - this.estimate)
      this.busy = { sinceMs: nowMs, bytes: 0 }
    }
    if (this.onTheWayBytes === 0 && this.waiting.size === 0) this.busy = undefined
  }

  private serve(): void {
    if (this.serving) return
    this.serving = true
    for (const sender of this.waiting) {
      if (this.onTheWayBytes > 0 && this.onTheWayBytes + MAX_PAYLOAD_BYTES > this.windowBytes) break
      // Whoever asks again stands behind all others, as a set keeps the order of insertion.
      this.waiting.delete(sender)
      sender.sendOne()
    }
    this.serving = false
  }
}
