/**
 * Pacer: which waiting stanza may go now? A token bucket over stanzas and bytes, so that a busy page stays a guest that a
 * server does not throttle. First in, first out within each of two classes: bulk goes when nothing else waits, so that
 * data never delays what keeps the ring together. Pure: time is passed in.
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

/** Of the queue: bulk can fill no more, so that there is room for what goes first. */
const BULK_SHARE = 0.5
const ROUNDING = 1e-6 // Sums of fractions fall short by less; a deadline must not.

type Waiting<T> = { item: T; bytes: number }

export class Pacer<T> {
  private readonly limits: PacerLimits
  private readonly urgent = new Line<T>()
  private readonly bulk = new Line<T>()
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
    return this.urgent.waiting.length + this.bulk.waiting.length
  }

  /** Queues one stanza; false when the queue is full. */
  offer(item: T, bytes: number, bulk = false): boolean {
    const { queuedStanzas, queuedBytes } = this.limits
    const bytesWaiting = this.urgent.bytes + this.bulk.bytes
    if (this.length >= queuedStanzas || bytesWaiting + bytes > queuedBytes) return false
    const isBulkFull =
      this.bulk.waiting.length >= BULK_SHARE * queuedStanzas || this.bulk.bytes + bytes > BULK_SHARE * queuedBytes
    if (bulk && isBulkFull) return false
    const line = bulk ? this.bulk : this.urgent
    line.push({ item, bytes })
    return true
  }

  /** Takes what may go now: bulk last, else oldest first. */
  take(now: number): T[] {
    this.refill(now)
    const taken: T[] = []
    for (let line = this.next; line !== undefined; line = this.next) {
      if (!this.affords(line.first.bytes)) break
      const { item, bytes } = line.shift()
      this.pay(bytes)
      taken.push(item)
    }
    return taken
  }

  /** Accounts for a stanza that did not wait: an answer goes before all questions, and they make up for it. */
  spend(bytes: number, now: number): void {
    this.refill(now)
    this.pay(bytes)
  }

  /** When `take` has something to give; undefined while nothing waits. */
  get deadline(): number | undefined {
    const first = this.next?.first
    if (first === undefined) return undefined
    const { stanzasPerS, bytesPerS } = this.limits
    const lackS = Math.max((1 - this.stanzas) / stanzasPerS, (this.price(first.bytes) - this.bytes) / bytesPerS, 0)
    return this.filledAt + Math.ceil(lackS * 1_000)
  }

  /** Empties the queue and returns what was in it. The bucket stays as it is. */
  clear(): T[] {
    return [...this.urgent.clear(), ...this.bulk.clear()]
  }

  /** Where the stanza waits that goes next. */
  private get next(): Line<T> | undefined {
    return [this.urgent, this.bulk].find(({ waiting }) => waiting.length > 0)
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

/** Stanzas of one class, oldest first. */
class Line<T> {
  readonly waiting: Waiting<T>[] = []
  bytes = 0

  get first(): Waiting<T> {
    return this.waiting[0] as Waiting<T>
  }

  push(one: Waiting<T>): void {
    this.waiting.push(one)
    this.bytes += one.bytes
  }

  shift(): Waiting<T> {
    const one = this.waiting.shift() as Waiting<T>
    this.bytes -= one.bytes
    return one
  }

  clear(): T[] {
    this.bytes = 0
    return this.waiting.splice(0).map(({ item }) => item)
  }
}
