/** IncomingStream: one sender's messages, put back into order, each handed on once; and when to say so. */
import type { Content } from './wire.ts'

/** Messages that may wait for an earlier one. */
const MAX_WAITING = 1_024
/** Twice what an honest sender has in flight at most. */
export const MAX_WAITING_BYTES = 2_097_152
/** In bulk one acknowledgement for so many bytes, or after so long, is enough. */
const ACK_EVERY_BYTES = 262_144
const ACK_DELAY_MS = 20
/** Where each packet costs others something, an acknowledgement waits for a message that can carry it. A guess. */
const ACK_DELAY_RELAYED_MS = 150
/** A stream whose beginning never comes was begun with somebody else who had our address. */
const BEGINNING_TIMEOUT_MS = 4_000

const NOTHING: readonly Content[] = []

export type Verdict = { ready: readonly Content[]; dropped: 'repeated' | 'too far ahead' | undefined }

export class IncomingStream {
  readonly id: number
  /** When an acknowledgement must leave, if no message carries it before. */
  ackAtMs: number | undefined
  /** When to tell the sender that we know nothing of this stream. */
  resetAtMs: number | undefined
  private readonly previousId: number | undefined
  private expected = 0
  private readonly waiting = new Map<number, Content>()
  /** Of the data of messages that wait for an earlier one. */
  waitingBytes = 0
  private unacknowledgedBytes = 0
  private acknowledgedAtMs = Number.NEGATIVE_INFINITY

  constructor(id: number, nowMs: number, previousId: number | undefined) {
    this.id = id
    this.previousId = previousId
    this.resetAtMs = nowMs + BEGINNING_TIMEOUT_MS
  }

  accepts(stream: number): boolean {
    return stream === this.id
  }

  get hasBegun(): boolean {
    return this.expected > 0
  }

  /** Nothing of it is acknowledged: its sender has it still. */
  forgetWaiting(): void {
    this.waiting.clear()
    this.waitingBytes = 0
  }

  /** Whether this stream took the place of that one. */
  supersedes(stream: number): boolean {
    return stream === this.previousId
  }

  handle(sequence: number, content: Content, nowMs: number, relayed: boolean): Verdict {
    if (sequence < this.expected) {
      this.dueAt(nowMs)
      return { ready: NOTHING, dropped: 'repeated' }
    }
    if (sequence > this.expected) {
      if (this.waiting.has(sequence)) return { ready: NOTHING, dropped: 'repeated' }
      const isFull = this.waiting.size >= MAX_WAITING || this.waitingBytes + content.data.length > MAX_WAITING_BYTES
      if (isFull || sequence > this.expected + 4 * MAX_WAITING) return { ready: NOTHING, dropped: 'too far ahead' }
      this.waiting.set(sequence, content)
      this.waitingBytes += content.data.length
      return { ready: NOTHING, dropped: undefined }
    }
    this.resetAtMs = undefined
    const ready = [content]
    this.expected++
    for (let next = this.waiting.get(this.expected); next; next = this.waiting.get(this.expected)) {
      this.waiting.delete(this.expected)
      this.waitingBytes -= next.data.length
      this.expected++
      ready.push(next)
    }
    for (const { data } of ready) this.unacknowledgedBytes += data.length
    if (this.unacknowledgedBytes >= ACK_EVERY_BYTES) this.dueAt(nowMs)
    else if (relayed) this.dueAt(nowMs + ACK_DELAY_RELAYED_MS)
    else this.dueAt(Math.max(nowMs, this.acknowledgedAtMs + ACK_DELAY_MS))
    return { ready, dropped: undefined }
  }

  /** The number of the next message that we have not got; whoever calls sends it. */
  acknowledge(nowMs: number): number {
    if (this.ackAtMs !== undefined) {
      this.ackAtMs = undefined
      this.acknowledgedAtMs = nowMs
      this.unacknowledgedBytes = 0
    }
    return this.expected
  }

  private dueAt(atMs: number): void {
    if (this.ackAtMs === undefined || atMs < this.ackAtMs) this.ackAtMs = atMs
  }
}
