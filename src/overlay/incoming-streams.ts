/**
 * IncomingStreams: what comes from whom, each sender's messages in order. Whoever can reach us can begin a stream, in
 * whatever name, and say its messages in any order; so there are so many streams, and so much waits in them.
 */
import type { Address } from './address.ts'
import { IncomingStream } from './incoming-stream.ts'
import type { NodeCore } from './node-core.ts'
import type { Content, StreamData } from './wire.ts'

/** Each costs some hundred bytes. A guess: more nodes than one talks to. */
export const MAX_STREAMS = 4_096
/** Received out of order, of all streams together. Beyond it the stream that has the most waits for it to be sent again. */
export const MAX_WAITING_TOTAL_BYTES = 16_777_216

const NOTHING: readonly Content[] = []

export interface IncomingStreamsEvents {
  /** Nobody has told us how this stream begins. */
  unbegun(from: Address, stream: IncomingStream): void
  /** What has come is to be acknowledged now. */
  due(from: Address, stream: IncomingStream): void
}

export class IncomingStreams {
  private readonly core: Pick<NodeCore, 'nowMs' | 'count' | 'table'>
  private readonly events: IncomingStreamsEvents
  private readonly streams = new Map<Address, IncomingStream>()
  private waitingBytes = 0

  constructor(core: Pick<NodeCore, 'nowMs' | 'count' | 'table'>, events: IncomingStreamsEvents) {
    this.core = core
    this.events = events
  }

  get size(): number {
    return this.streams.size
  }

  /** Infinite while nothing is due. */
  get deadlineMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { ackAtMs, resetAtMs } of this.streams.values()) {
      earliest = Math.min(earliest, ackAtMs ?? earliest, resetAtMs ?? earliest)
    }
    return earliest
  }

  get(from: Address): IncomingStream | undefined {
    return this.streams.get(from)
  }

  /** What can be handed on now. */
  receive(from: Address, data: StreamData, relayed: boolean): readonly Content[] {
    let stream = this.streams.get(from)
    if (!stream?.accepts(data.stream)) {
      if (stream?.supersedes(data.stream)) {
        this.core.count('stream: data of an earlier stream')
        return NOTHING
      }
      if (stream) this.forget(from, stream)
      else if (this.streams.size >= MAX_STREAMS) this.makeRoom()
      stream = new IncomingStream(data.stream, this.core.nowMs, stream?.id)
      this.streams.set(from, stream)
    }
    const waitingBytes = stream.waitingBytes
    const verdict = stream.handle(data.sequence, data.content, this.core.nowMs, relayed)
    this.waitingBytes += stream.waitingBytes - waitingBytes
    if (this.waitingBytes > MAX_WAITING_TOTAL_BYTES) this.forgetLargest()
    if (verdict.dropped) this.core.count(`stream: ${verdict.dropped}`)
    return verdict.ready
  }

  wake(): void {
    const { nowMs } = this.core
    for (const [from, stream] of this.streams) {
      if (stream.resetAtMs !== undefined && stream.resetAtMs <= nowMs) {
        this.forget(from, stream)
        this.events.unbegun(from, stream)
      } else if (stream.ackAtMs !== undefined && stream.ackAtMs <= nowMs) this.events.due(from, stream)
    }
  }

  private forget(from: Address, stream: IncomingStream): void {
    this.waitingBytes -= stream.waitingBytes
    this.streams.delete(from)
  }

  /** Of those that there is no link to, one that has not begun goes first, then the oldest. */
  private makeRoom(): void {
    this.core.count('stream: too many')
    let least: [Address, IncomingStream] | undefined
    for (const entry of this.streams) {
      least ??= entry
      if (this.core.table.get(entry[0])) continue
      if (!entry[1].hasBegun) {
        least = entry
        break
      }
      if (this.core.table.get(least[0])) least = entry
    }
    if (least) this.forget(...least)
  }

  private forgetLargest(): void {
    this.core.count('stream: too much out of order')
    let largest: IncomingStream | undefined
    for (const stream of this.streams.values()) {
      if (!largest || stream.waitingBytes > largest.waitingBytes) largest = stream
    }
    if (!largest) return
    this.waitingBytes -= largest.waitingBytes
    largest.forgetWaiting()
  }
}
