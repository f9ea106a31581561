/**
 * Pacer: which waiting stanza may go now? A token bucket over stanzas and bytes, first in, first out, so that a busy
 * page stays a guest that a server does not throttle. Pure: time is passed in.
 *
 * Servers differ widely: Prosody's shipped limit is 10 kB/s of reading (it slows, it does not cut), others have none.
 */

export type PacerLimits = {
  burstStanzas: number
  burstBytes: number
  stanzasPerS: number
  bytesPerS: number
  queuedStanzas: number
  queuedBytes: number
}

export const PACER_LIMITS: PacerLimits = {
  burstStanzas: 400, // A guess: ten candidates met at once, forty stanzas each.
  burstBytes: 524_288, // A guess: forty stanzas of 1 KiB to each of ten candidates, and some.
  stanzasPerS: 100, // A guess.
  bytesPerS: 131_072, // A guess.
  queuedStanzas: 2_000, // A guess: 20 s at the sustained rate.
  queuedBytes: 2_097_152, // A guess: 16 s at the sustained rate.
}

const ROUNDING = 1e-6 // Sums of fractions fall short by less; a deadline must not.

type Waiting<T> = { item: T; bytes: number }

export class Pacer<T> {
  private readonly limits: PacerLimits
  private readonly queue: Waiting<T>[] = []
  private queuedBytes = 0
  private stanzas: number
  private bytes: number
  private filledAt: number

  constructor(now: number, limits: PacerLimits = PACER_LIMITS) {
    this.limits = limits
    this.stanzas = limits.burstStanzas
    this.bytes = limits.burstBytes
    this.filledAt = now
  }

  get length(): number {
    return this.queue.length
  }

  /** Queues one stanza; false when the queue is full. */
  offer(item: T, bytes: number): boolean {
    const { queuedStanzas, queuedBytes } = this.limits
    if (this.queue.length >= queuedStanzas || this.queuedBytes + bytes > queuedBytes) return false
    this.queue.push({ item, bytes })
    this.queuedBytes += bytes
    return true
  }

  /** Takes what may go now, oldest first. */
  take(now: number): T[] {
    this.refill(now)
    let count = 0
    for (const { bytes } of this.queue) {
      if (!this.affords(bytes)) break
      this.pay(bytes)
      count++
    }
    return this.queue.splice(0, count).map(({ item, bytes }) => {
      this.queuedBytes -= bytes
      return item
    })
  }

  /** Accounts for a stanza that did not wait: an answer goes before all questions, and they make up for it. */
  spend(bytes: number, now: number): void {
    this.refill(now)
    this.pay(bytes)
  }

  /** When `take` has something to give; undefined while nothing waits. */
  get deadline(): number | undefined {
    const first = this.queue[0]
    if (first === undefined) return undefined
    const { stanzasPerS, bytesPerS } = this.limits
    const lackS = Math.max((1 - this.stanzas) / stanzasPerS, (this.price(first.bytes) - this.bytes) / bytesPerS, 0)
    return this.filledAt + Math.ceil(lackS * 1_000)
  }

  /** Empties the queue and returns what was in it. The bucket stays as it is. */
  clear(): T[] {
    this.queuedBytes = 0
    return this.queue.splice(0).map(({ item }) => item)
  }

  private affords(bytes: number): boolean {
    return this.stanzas + ROUNDING >= 1 && this.bytes + ROUNDING >= this.price(bytes)
  }

  /** What must be in the bucket: a stanza larger than the bucket goes when that is full, and leaves a debt. */
  private price(bytes: number): number {
    return Math.min(bytes, this.limits.burstBytes)
  }

  /** Debts are at most one bucket, so that a flood of answers cannot silence us for long. */
  private pay(bytes: number): void {
    this.stanzas = Math.max(this.stanzas - 1, -this.limits.burstStanzas)
    this.bytes = Math.max(this.bytes - bytes, -this.limits.burstBytes)
  }

  private refill(now: number): void {
    const elapsedS = Math.max(0, now - this.filledAt) / 1_000
    const { burstStanzas, burstBytes, stanzasPerS, bytesPerS } = this.limits
    this.stanzas = Math.min(burstStanzas, this.stanzas + elapsedS * stanzasPerS)
    this.bytes = Math.min(burstBytes, this.bytes + elapsedS * bytesPerS)
    this.filledAt = Math.max(this.filledAt, now)
  }
}
