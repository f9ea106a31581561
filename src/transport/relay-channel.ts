/**
 * Relay channel: one two-way path over IQs. The result of an IQ acknowledges its piece.
 *
 *   open --close()--> closing (what waits leaves, the last piece says so) --> closed
 *     |                                                                         ^
 *     +--- an error that does not pass, the far end's last piece, a gap, -------+
 *          a limit, offline
 *
 * There is nothing to wait for before the first frame, so a channel is open from the start; that nobody is there shows
 * when the first IQ comes back as an error. Bulk has a lane of its own and waits behind all else, here and in the
 * session: on a service that throttles, a ping would otherwise come after what an application sends, and so too late.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Endpoint } from '../overlay/endpoint.ts'
import { type Channel, type ChannelEvents, StanzaError } from '../ports.ts'
import { RelayReceiver } from './relay-receiver.ts'
import { GIVEN_UP_AFTER_MS, RelaySender, type RelaySenderKeeper } from './relay-sender.ts'
import type { RelayPiece } from './relay-xml.ts'

const CONGESTED_ABOVE_BYTES = 65_536 // A guess: some seconds of a default Prosody's 10 kB/s.
const WRITABLE_AT_BYTES = 16_384 // A quarter, so that a burst fits before it fills again.
const MAX_UNSENT_BYTES = 524_288 // A guess: eight congested windows. Beyond it the sender does not listen.

/** What a channel needs of the one who keeps it. */
export interface RelayChannelKeeper extends RelaySenderKeeper {
  forget(channel: RelayChannel): void
}

type Lane = { readonly sender: RelaySender; readonly receiver: RelayReceiver }

export class RelayChannel implements Channel {
  readonly kind = 'relay'
  readonly endpoint: Endpoint
  readonly jid: string
  readonly sid: string
  readonly binding: Uint8Array
  congested = false
  private state: 'open' | 'closing' | 'closed' = 'open'
  private readonly keeper: RelayChannelKeeper
  private readonly first: Lane
  private readonly bulk: Lane
  private events: ChannelEvents | undefined
  private overflowed = false
  private pumping = false

  /** `path`: both ends' full JIDs, the dialler's first. */
  constructor(keeper: RelayChannelKeeper, endpoint: Endpoint, jid: string, sid: string, path: string) {
    this.keeper = keeper
    this.endpoint = endpoint
    this.jid = jid
    this.sid = sid
    this.binding = utf8ToBytes(`${sid} ${path}`)
    this.first = this.newLane(false)
    this.bulk = this.newLane(true)
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

  send(bytes: Uint8Array, bulk = false): void {
    if (this.state !== 'open' || this.overflowed) return
    if (this.unsentBytes + bytes.byteLength > MAX_UNSENT_BYTES) {
      this.overflowed = true
      queueMicrotask(() => this.abort('too much unsent'))
      return
    }
    const { sender } = bulk ? this.bulk : this.first
    sender.push(bytes)
    this.pumpSoon()
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
  }

  close(_reason: string): void {
    if (this.state !== 'open') return
    this.events = undefined
    this.state = 'closing'
    if (this.isUnheardOf) this.finish()
    else this.pump()
  }

  /** A piece of the far end. Throws what its IQ is answered with. */
  handle(piece: RelayPiece): void {
    const lane = piece.bulk ? this.bulk : this.first
    const { frames, closes, fault, isRepeated } = lane.receiver.take(piece)
    if (isRepeated) this.keeper.drop('repeated piece')
    for (const frame of frames) this.events?.message(frame)
    if (fault !== undefined) {
      this.keeper.drop(fault)
      this.fail(fault)
      throw new StanzaError(fault === 'frame too large' ? 'not-acceptable' : 'unexpected-request')
    }
    if (closes) this.fail('closed by the far end')
  }

  fail(reason: string): void {
    if (this.state === 'closed') return
    const { events } = this
    this.finish()
    events?.closed(reason)
  }

  private newLane(bulk: boolean): Lane {
    const { keeper, jid, sid } = this
    const sender = new RelaySender(
      keeper,
      { jid, sid, bulk },
      { acknowledged: () => this.acknowledged(), failed: (condition) => this.failed(condition) },
    )
    const receiver = new RelayReceiver(keeper.clock, () => {
      keeper.drop('gap')
      this.abort('gap')
    })
    return { sender, receiver }
  }

  /** Nobody needs to hear the end of what nobody has heard of. */
  private get isUnheardOf(): boolean {
    return [this.first, this.bulk].every(
      ({ sender, receiver }) => sender.nextSeq === 0 && sender.unsentBytes === 0 && !receiver.hasReceived,
    )
  }

  private get unsentBytes(): number {
    return this.first.sender.unsentBytes + this.bulk.sender.unsentBytes
  }

  /** Fails for a reason that the far end cannot see, and tells it to close. */
  private abort(reason: string): void {
    if (this.state === 'closed') return
    const goodbye = {
      sid: this.sid,
      seq: this.first.sender.nextSeq,
      payload: new Uint8Array(0),
      bulk: false,
      close: true,
    }
    this.fail(reason)
    this.keeper.request(this.jid, goodbye, GIVEN_UP_AFTER_MS).catch(() => {})
  }

  /** Who does not answer may yet hear. */
  private failed(condition: string): void {
    if (condition === 'timeout') this.abort(condition)
    else this.fail(condition)
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
    if (this.state === 'closed') return
    // The last piece ends both lanes at the far end.
    const last = this.state === 'closing' && this.bulk.sender.idle
    this.first.sender.pump(last)
    this.bulk.sender.pump()
  }

  private acknowledged(): void {
    if (this.state === 'closed') return
    this.pump()
    if (this.first.sender.ended && this.first.sender.idle) this.finish()
    else if (this.congested && this.unsentBytes <= WRITABLE_AT_BYTES) {
      this.congested = false
      this.events?.writable()
    }
  }

  private finish(): void {
    this.state = 'closed'
    this.events = undefined
    for (const { sender, receiver } of [this.first, this.bulk]) {
      sender.stop()
      receiver.stop()
    }
    this.keeper.forget(this)
  }
}
