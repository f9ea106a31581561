/**
 * Relay sender: the sending half of one lane of a relay channel. Cuts what it is given into pieces, keeps a few of them
 * on their way, and sends again what was lost: XMPP is reliable while a stream lives, but a service that is overrun drops
 * stanzas, or answers that it has enough of them.
 *
 *   waiting --window--> on its way --result--> acknowledged
 *                         |   ^
 *                         |   +-- sent again: overtaken, no answer in time, or an error that passes
 *                         +-- an error that does not pass, or no answer for too long --> failed
 *
 * What is less than a piece gathers for a moment while others are on their way: a service, and a page, minds how many
 * stanzas there are. Losses make the window narrow, and what is lost and lies outside it waits until it lies inside: who sends all of it
 * again at once loses it again.
 */
import { type Clock, StanzaError } from '../ports.ts'
import { FramePacker } from './frame-stream.ts'
import type { PacedSender, RelayPace } from './relay-pace.ts'
import { relayRefusal } from './relay-refusal.ts'
import type { RelayPiece } from './relay-xml.ts'

export const WINDOW_PIECES = 4 // A guess: enough to fill a round trip, few enough to stay a guest.
/** Guesses: the first is less than a link is given to answer a ping, all are many times what a throttled answer takes. */
const ANSWER_TIMEOUTS_MS = [6_000, 12_000, 12_000] as const
export const GIVEN_UP_AFTER_MS = 30_000 // The sum.
/** XMPP keeps order between two JIDs (RFC 6120 §10.1): a later piece was answered, so this one will not be. A guess. */
const OVERTAKEN_MS = 250
/** A guess: what nobody notices, and about as long as an answer takes over a service that is near or busy. */
const GATHERING_MS = 25
const REFUSED_MS = [1_000, 2_000, 4_000] as const // A guess: then it is not a passing burst.

/** What a lane needs of the one who keeps its channel. */
export interface RelaySenderKeeper {
  readonly clock: Clock
  readonly pace: RelayPace
  /** How much a piece to this JID may carry at the moment. */
  maxPayloadBytes(jid: string): number
  request(jid: string, piece: RelayPiece, timeoutMs: number): Promise<unknown>
  drop(reason: string): void
}

export interface RelaySenderEvents {
  acknowledged(): void
  failed(reason: string): void
}

type Flight = {
  piece: RelayPiece
  firstSentAtMs: number
  timeouts: number
  /** Counts what the lane has sent, so that it shows who was sent before whom. */
  order: number
  /** How often it was sent, and how many of these requests have no outcome. */
  sent: number
  open: number
  refused: number
  /** Lost, and to be sent again when the window has room for it. */
  parked: boolean
  /** Whether it takes its part of the session's pace. */
  paced: boolean
  cancelAgain: (() => void) | undefined
}

export class RelaySender implements PacedSender {
  nextSeq = 0
  /** Whether the last piece has left. */
  ended = false
  private readonly keeper: RelaySenderKeeper
  private readonly events: RelaySenderEvents
  private readonly facts: { jid: string; sid: string; bulk: boolean }
  private readonly packer = new FramePacker()
  private readonly flights = new Map<number, Flight>()
  private flyingBytes = 0
  private ordered = 0
  private cancelGathering: (() => void) | undefined
  /** Pieces that may be on their way; fewer after a loss. */
  private window: number = WINDOW_PIECES

  constructor(
    keeper: RelaySenderKeeper,
    facts: { jid: string; sid: string; bulk: boolean },
    events: RelaySenderEvents,
  ) {
    this.keeper = keeper
    this.facts = facts
    this.events = events
  }

  /** What waits or is not acknowledged. */
  get unsentBytes(): number {
    return this.packer.byteLength + this.flyingBytes
  }

  get idle(): boolean {
    return this.packer.byteLength === 0 && this.flights.size === 0
  }

  push(frame: Uint8Array): void {
    this.packer.push(frame)
  }

  /**
   * Sends what may go. With `last`, the piece that leaves nothing behind says that it is the last one. `gathered`: what is
   * less than a piece has waited.
   */
  pump(last = false, gathered = false): void {
    if (this.ended) return
    if (this.facts.bulk) {
      if (this.packer.byteLength > 0 && !this.windowIsFull) this.keeper.pace.ask(this)
      return
    }
    while (!this.windowIsFull && (this.packer.byteLength > 0 || last)) {
      if (!last && !gathered && this.gathers()) return
      const close = last && this.packer.byteLength <= this.keeper.maxPayloadBytes(this.facts.jid)
      this.launch(close)
      this.ended = close
      if (close) return
    }
  }

  sendOne(): void {
    if (this.packer.byteLength === 0 || this.windowIsFull) return
    this.launch(false)
    this.pump()
  }

  /** Nothing more is sent or told. */
  stop(): void {
    this.stopGathering()
    this.packer.clear()
    this.keeper.pace.forget(this)
    for (const flight of this.flights.values()) {
      flight.cancelAgain?.()
      this.release(flight)
    }
    this.flights.clear()
    this.flyingBytes = 0
  }

  /** The window counts from the oldest piece that is not acknowledged, as the receiver's does. */
  private get windowIsFull(): boolean {
    const [oldest] = this.flights.keys()
    return oldest !== undefined && this.nextSeq >= oldest + Math.floor(this.window)
  }

  private gathers(): boolean {
    const isWhole = this.packer.byteLength >= this.keeper.maxPayloadBytes(this.facts.jid)
    if (isWhole || this.flights.size === 0) return false
    this.cancelGathering ??= this.later(GATHERING_MS, () => this.pump(false, true))
    return true
  }

  private launch(close: boolean): void {
    this.stopGathering()
    const { jid, sid, bulk } = this.facts
    const payload = this.packer.shift(this.keeper.maxPayloadBytes(jid))
    const piece = { sid, seq: this.nextSeq, payload, bulk, close }
    this.nextSeq += 1
    this.flyingBytes += payload.byteLength
    const firstSentAtMs = this.keeper.clock.now()
    const unsent = { timeouts: 0, order: 0, sent: 0, open: 0, refused: 0, parked: false, cancelAgain: undefined }
    const flight: Flight = { piece, firstSentAtMs, paced: bulk, ...unsent }
    this.flights.set(piece.seq, flight)
    if (bulk) this.keeper.pace.left(payload.byteLength)
    this.transmit(flight)
  }

  private transmit(flight: Flight): void {
    flight.cancelAgain?.()
    flight.cancelAgain = undefined
    flight.parked = false
    flight.order = ++this.ordered
    flight.open += 1
    flight.sent += 1
    const timeoutMs = ANSWER_TIMEOUTS_MS[flight.timeouts] as number
    this.keeper.request(this.facts.jid, flight.piece, timeoutMs).then(
      () => this.acknowledge(flight),
      (error: unknown) => {
        if (!(error instanceof StanzaError)) throw error
        this.refuse(flight, error.condition)
      },
    )
  }

  private acknowledge(flight: Flight): void {
    const { piece, order, sent, firstSentAtMs, cancelAgain } = flight
    if (!this.flights.delete(piece.seq)) return
    cancelAgain?.()
    this.flyingBytes -= piece.payload.byteLength
    const nowMs = this.keeper.clock.now()
    if (sent === 1) {
      this.window = Math.min(WINDOW_PIECES, this.window + 1 / this.window)
      for (const other of this.flights.values()) if (other.order < order) this.overtaken(other)
    }
    this.sendParked()
    this.pump()
    // After `pump`, so that whoever asks already counts as waiting.
    if (flight.paced) {
      this.keeper.pace.answered(piece.payload.byteLength, sent === 1 ? nowMs - firstSentAtMs : undefined, nowMs)
    }
    this.events.acknowledged()
  }

  private overtaken(flight: Flight): void {
    flight.cancelAgain ??= this.later(OVERTAKEN_MS, () => {
      this.lost(flight, 'piece lost')
      this.transmit(flight)
    })
  }

  private refuse(flight: Flight, condition: string): void {
    flight.open -= 1
    if (this.flights.get(flight.piece.seq) !== flight) return
    // An error that passes says nothing while the same piece is on its way once more, or about to be.
    const isPassing = relayRefusal(condition) === 'again'
    if (isPassing && (flight.open > 0 || flight.cancelAgain !== undefined)) return
    if (condition === 'timeout') {
      flight.timeouts += 1
      if (flight.timeouts < ANSWER_TIMEOUTS_MS.length) this.timeOut(flight)
      else this.events.failed(condition)
      return
    }
    const waitMs = REFUSED_MS[flight.refused++]
    if (!isPassing || waitMs === undefined) {
      this.events.failed(condition)
      return
    }
    this.lost(flight, `refused for now: ${condition}`)
    flight.cancelAgain = this.later(waitMs, () => this.transmit(flight))
  }

  private timeOut(flight: Flight): void {
    this.lost(flight, 'piece lost')
    flight.parked = true
    this.release(flight)
    this.sendParked()
  }

  private sendParked(): void {
    for (const flight of [...this.flights.values()].slice(0, Math.floor(this.window))) {
      if (flight.parked) this.transmit(flight)
    }
  }

  private lost({ piece }: Flight, reason: string): void {
    this.keeper.drop(reason)
    this.window = Math.max(1, this.window / 2)
    if (piece.bulk) this.keeper.pace.lost(this.keeper.clock.now())
  }

  private release(flight: Flight): void {
    if (!flight.paced) return
    flight.paced = false
    this.keeper.pace.abandoned(flight.piece.payload.byteLength)
  }

  private stopGathering(): void {
    this.cancelGathering?.()
    this.cancelGathering = undefined
  }

  private later(waitMs: number, wake: () => void): () => void {
    return this.keeper.clock.wakeAt(this.keeper.clock.now() + waitMs, wake)
  }
}
