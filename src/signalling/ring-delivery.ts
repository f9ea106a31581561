/**
 * Ring delivery: what is said in one session arrives, though the ring loses a signal now and then.
 *
 *   said --> under way --its bit in any signal of the far end--> arrived
 *               |  ^
 *               +--+ sent again, another way, after growing delays; after the last: given up
 *
 * Signals are few and do not depend on each other's order, so each is numbered, and whatever the far end says tells
 * which of ours have arrived. Only when it has nothing to say does it send a signal just for that.
 */
import type { Clock } from '../ports.ts'
import { MAX_NUMBERED, type RingSignal, type Saying } from './ring-signal.ts'

/** A guess: longer than a busy relay's round trip, shorter than the time in which one notices. */
const RESEND_DELAYS_MS = [700, 1_400, 2_800, 5_600] as const
/** A guess: an answer follows an offer within tens of milliseconds, and says as much. */
const ACKNOWLEDGE_AFTER_MS = 100

export interface RingDeliveryEvents {
  transmit(signal: RingSignal, attempt: number): void
  /** The far end acknowledges nothing. */
  unanswered(): void
  drop(reason: string): void
}

export class RingDelivery {
  private readonly clock: Clock
  private readonly session: string
  private readonly events: RingDeliveryEvents
  private readonly underWay = new Map<number, Saying>()
  private said = 0
  private received = 0
  private attempt = 0
  private cancelResend: (() => void) | undefined
  private cancelAcknowledge: (() => void) | undefined

  constructor(clock: Clock, session: string, events: RingDeliveryEvents) {
    this.clock = clock
    this.session = session
    this.events = events
  }

  say(saying: Saying): void {
    if (saying.action === 'session-terminate') {
      this.transmit(undefined, saying, this.attempt)
      return
    }
    if (this.said >= MAX_NUMBERED) {
      this.events.drop('too much to say')
      return
    }
    const number = this.said++
    this.underWay.set(number, saying)
    this.transmit(number, saying, this.attempt)
    this.resendLater()
  }

  /** Returns what the signal says, if it is new. */
  receive(signal: RingSignal): Saying | undefined {
    const wasUnderWay = this.underWay.size
    for (const number of this.underWay.keys()) if (hasBit(signal.received, number)) this.underWay.delete(number)
    if (this.underWay.size < wasUnderWay) this.progress()
    const { number, saying } = signal
    if (number === undefined) return saying
    if (hasBit(this.received, number)) {
      this.events.drop('repeated signal')
      this.acknowledge()
      return undefined
    }
    this.received = (this.received | (1 << number)) >>> 0
    this.cancelAcknowledge ??= this.clock.wakeAt(this.clock.now() + ACKNOWLEDGE_AFTER_MS, () => this.acknowledge())
    return saying
  }

  close(): void {
    this.underWay.clear()
    this.cancelResend?.()
    this.cancelResend = undefined
    this.cancelAcknowledge?.()
    this.cancelAcknowledge = undefined
  }

  private progress(): void {
    this.cancelResend?.()
    this.cancelResend = undefined
    this.attempt = 0
    if (this.underWay.size > 0) this.resendLater()
  }

  private resendLater(): void {
    const delayMs = RESEND_DELAYS_MS[this.attempt]
    if (this.cancelResend || delayMs === undefined) return
    this.cancelResend = this.clock.wakeAt(this.clock.now() + delayMs, () => this.resend())
  }

  private resend(): void {
    this.cancelResend = undefined
    this.attempt++
    if (RESEND_DELAYS_MS[this.attempt] === undefined) {
      this.close()
      this.events.unanswered()
      return
    }
    for (const [number, saying] of this.underWay) this.transmit(number, saying, this.attempt)
    this.resendLater()
  }

  private acknowledge(): void {
    this.transmit(undefined, undefined, this.attempt)
  }

  private transmit(number: number | undefined, saying: Saying | undefined, attempt: number): void {
    this.cancelAcknowledge?.()
    this.cancelAcknowledge = undefined
    this.events.transmit({ session: this.session, number, received: this.received, saying }, attempt)
  }
}

function hasBit(bits: number, number: number): boolean {
  return ((bits >>> number) & 1) === 1
}
