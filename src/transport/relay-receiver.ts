/**
 * Relay receiver: the receiving half of one lane of a relay channel. Puts pieces back in order, takes each once, and
 * joins them to frames.
 */
import { type Clock, MAX_FRAME_BYTES } from '../ports.ts'
import { FrameJoiner } from './frame-stream.ts'
import { GIVEN_UP_AFTER_MS, WINDOW_PIECES } from './relay-sender.ts'
import type { RelayPiece } from './relay-xml.ts'

/** What is missing is sent again, until its sender gives it up. */
const GAP_DEADLINE_MS = GIVEN_UP_AFTER_MS + 1_000

export type RelayFault = 'piece outside the window' | 'frame too large'
export type RelayArrival = { frames: Uint8Array[]; closes: boolean; fault: RelayFault | undefined; isRepeated: boolean }

export class RelayReceiver {
  private readonly clock: Clock
  private readonly onGap: () => void
  private readonly joiner = new FrameJoiner(MAX_FRAME_BYTES)
  private readonly early = new Map<number, RelayPiece>()
  private expectedSeq = 0
  private cancelGapDeadline: (() => void) | undefined

  constructor(clock: Clock, onGap: () => void) {
    this.clock = clock
    this.onGap = onGap
  }

  get hasReceived(): boolean {
    return this.expectedSeq > 0
  }

  /** The frames that it completes; those before a fault were whole. */
  take(piece: RelayPiece): RelayArrival {
    const arrival: RelayArrival = { frames: [], closes: false, fault: undefined, isRepeated: false }
    if (piece.seq < this.expectedSeq || this.early.has(piece.seq)) return { ...arrival, isRepeated: true }
    if (piece.seq >= this.expectedSeq + WINDOW_PIECES) return { ...arrival, fault: 'piece outside the window' }
    this.early.set(piece.seq, piece)
    this.stop()
    for (let next = this.early.get(this.expectedSeq); next; next = this.early.get(this.expectedSeq)) {
      this.early.delete(this.expectedSeq)
      this.expectedSeq += 1
      const frames = this.joiner.push(next.payload)
      if (frames === undefined) return { ...arrival, fault: 'frame too large' }
      arrival.frames.push(...frames)
      arrival.closes ||= next.close
    }
    if (this.early.size > 0) this.cancelGapDeadline = this.clock.wakeAt(this.clock.now() + GAP_DEADLINE_MS, this.onGap)
    return arrival
  }

  stop(): void {
    this.cancelGapDeadline?.()
    this.cancelGapDeadline = undefined
  }
}
