/**
 * Relay channel: one two-way path over IQs. The result of an IQ acknowledges its piece.
 *
 *   open --close()--> closing (what waits leaves, the last piece says so) --> closed
 *     |                                                                         ^
 *     +--- an error answer, the far end's last piece, a gap, a limit, offline --+
 *
 * There is nothing to wait for before the first frame, so a channel is open from the start; that nobody is there shows
 * when the first IQ comes back as an error.
 */
import type { Endpoint } from '../overlay/endpoint.ts'
import { type Channel, type ChannelEvents, type Clock, MAX_FRAME_BYTES, StanzaError } from '../ports.ts'
import { FrameJoiner, FramePacker } from './frame-stream.ts'
import { MAX_PAYLOAD_BYTES, type RelayPiece } from './relay-xml.ts'

export const WINDOW_IQS = 4 // A guess: enough to fill a round trip, few enough to stay a guest.
const CONGESTED_ABOVE_BYTES = 65_536 // A guess: some seconds of a default Prosody's 10 kB/s.
const WRITABLE_AT_BYTES = 16_384 // A quarter, so that a burst fits before it fills again.
const MAX_UNSENT_BYTES = 524_288 // A guess: eight congested windows. Beyond it the sender does not listen.
const GAP_DEADLINE_MS = 10_000 // A guess: XMPP keeps order (RFC 6120 §10.1), so a gap is a loss.

/** What a channel needs of the one who keeps it. */
export interface RelayChannelKeeper {
  readonly clock: Clock
  request(jid: string, piece: RelayPiece): Promise<unknown>
  forget(channel: RelayChannel): void
  drop(reason: string): void
}

export class RelayChannel implements Channel {
  readonly kind = 'relay'
  readonly endpoint: Endpoint
  readonly jid: string
  readonly sid: string
  congested = false
  private state: 'open' | 'closing' | 'closed' = 'open'
  private readonly keeper: RelayChannelKeeper
  private events: ChannelEvents | undefined

  private readonly packer = new FramePacker()
  private readonly unacknowledged = new Set<number>()
  private unacknowledgedBytes = 0
  private nextSeq = 0
  private overflowed = false
  private pumping = false
  private saidGoodbye = false

  private readonly joiner = new FrameJoiner(MAX_FRAME_BYTES)
  private readonly early = new Map<number, RelayPiece>()
  private expectedSeq = 0
  private cancelGapDeadline: (() => void) | undefined

  constructor(keeper: RelayChannelKeeper, endpoint: Endpoint, jid: string, sid: string) {
    this.keeper = keeper
    this.endpoint = endpoint
    this.jid = jid
    this.sid = sid
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  opened(): void {
    if (this.state === 'open') this.events?.opened()
  }

  send(bytes: Uint8Array): void {
    if (this.state !== 'open' || this.overflowed) return
    if (this.unsentBytes + bytes.byteLength > MAX_UNSENT_BYTES) {
      this.overflowed = true
      queueMicrotask(() => this.abort('too much unsent'))
      return
    }
    this.packer.push(bytes)
    this.pumpSoon()
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
  }

  close(_reason: string): void {
    if (this.state !== 'open') return
    this.events = undefined
    this.state = 'closing'
    // Nobody has heard of a channel that never sent, and nobody needs to.
    if (this.nextSeq === 0 && this.expectedSeq === 0 && this.packer.byteLength === 0) this.finish()
    else this.pump()
  }

  /** A piece of the far end. Throws what its IQ is answered with. */
  handle(piece: RelayPiece): void {
    if (piece.seq < this.expectedSeq || this.early.has(piece.seq)) {
      this.keeper.drop('repeated piece')
      return
    }
    if (piece.seq >= this.expectedSeq + WINDOW_IQS) {
      this.keeper.drop('piece outside the window')
      this.fail('piece outside the window')
      throw new StanzaError('unexpected-request')
    }
    this.early.set(piece.seq, piece)
    this.cancelGapDeadline?.()
    this.cancelGapDeadline = undefined
    let next = this.early.get(this.expectedSeq)
    while (next !== undefined) {
      this.early.delete(this.expectedSeq)
      this.expectedSeq += 1
      this.receive(next)
      if (this.state === 'closed') return
      next = this.early.get(this.expectedSeq)
    }
    if (this.early.size === 0) return
    this.cancelGapDeadline = this.keeper.clock.wakeAt(this.keeper.clock.now() + GAP_DEADLINE_MS, () => {
      this.keeper.drop('gap')
      this.abort('gap')
    })
  }

  fail(reason: string): void {
    if (this.state === 'closed') return
    const { events } = this
    this.finish()
    events?.closed(reason)
  }

  /** Fails for a reason that the far end cannot see, and tells it to close. */
  private abort(reason: string): void {
    if (this.state === 'closed') return
    const goodbye = { sid: this.sid, seq: this.nextSeq, payload: new Uint8Array(0), close: true }
    this.fail(reason)
    this.keeper.request(this.jid, goodbye).catch(() => {})
  }

  private receive({ payload, close }: RelayPiece): void {
    const frames = this.joiner.push(payload)
    if (frames === undefined) {
      this.keeper.drop('frame too large')
      this.fail('frame too large')
      throw new StanzaError('not-acceptable')
    }
    for (const frame of frames) this.events?.message(frame)
    if (close) this.fail('closed by the far end')
  }

  private get unsentBytes(): number {
    return this.packer.byteLength + this.unacknowledgedBytes
  }

  /** The window counts from the oldest piece that is not acknowledged, as the receiver's does. */
  private get windowIsFull(): boolean {
    const [oldest] = this.unacknowledged
    return oldest !== undefined && this.nextSeq >= oldest + WINDOW_IQS
  }

  /** What is sent within one turn shares a stanza, and still leaves before the next turn. */
  private pumpSoon(): void {
    if (this.pumping) return
    this.pumping = true
    queueMicrotask(() => {
      this.pumping = false
      this.pump()
    })
  }

  private pump(): void {
    while (this.state !== 'closed' && !this.windowIsFull) {
      const closes = this.state === 'closing' && this.packer.byteLength <= MAX_PAYLOAD_BYTES && !this.saidGoodbye
      if (this.packer.byteLength === 0 && !closes) return
      const payload = this.packer.shift()
      this.saidGoodbye ||= closes
      this.transmit({ sid: this.sid, seq: this.nextSeq, payload, close: closes })
    }
  }

  private transmit(piece: RelayPiece): void {
    this.nextSeq += 1
    this.unacknowledged.add(piece.seq)
    this.unacknowledgedBytes += piece.payload.byteLength
    this.keeper.request(this.jid, piece).then(
      () => this.acknowledge(piece),
      (error: unknown) => {
        if (!(error instanceof StanzaError)) throw error
        this.fail(error.condition)
      },
    )
  }

  private acknowledge({ seq, payload }: RelayPiece): void {
    if (this.state === 'closed') return
    this.unacknowledged.delete(seq)
    this.unacknowledgedBytes -= payload.byteLength
    this.pump()
    if (this.state === 'closing' && this.saidGoodbye && this.unacknowledged.size === 0) this.finish()
    else if (this.congested && this.unsentBytes <= WRITABLE_AT_BYTES) {
      this.congested = false
      this.events?.writable()
    }
  }

  private finish(): void {
    this.state = 'closed'
    this.events = undefined
    this.packer.clear()
    this.early.clear()
    this.cancelGapDeadline?.()
    this.keeper.forget(this)
  }
}
