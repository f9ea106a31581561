/**
 * Subring: how do bytes flow between two of a ring that lives within another? As messages of the outer ring from node to
 * node, which are acknowledged, in order and sealed on their way: slower than a link of their own, and there at once.
 *
 *   open --close, the far end's close, a message that does not arrive, a limit--> closed
 *
 *   message = name 20 bytes, kind u8 (0 frame, 1 piece of a frame: more follows, 2 close; + 128: from who dialled;
 *             + 64: the first of its channel), session u32, bytes
 *
 * There is nothing to wait for before the first frame, so a channel is open from the start. Where the far end does not run
 * the inner ring, its close says so.
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { type Address, parseAddress } from '../overlay/address.ts'
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import {
  type Channel,
  type ChannelEvents,
  type InnerMessages,
  MAX_FRAME_BYTES,
  type Random,
  type Transport,
} from '../ports.ts'
import { RefusedChannel } from './refused-channel.ts'

const NAME_BYTES = 20
const HEAD_BYTES = NAME_BYTES + 5
const FRAME = 0
const PIECE = 1
const CLOSE = 2
const FROM_DIALLER = 128
const FIRST = 64
/** With its head it is within what an outer ring takes as one message (64 KiB). */
const MAX_PIECE_BYTES = 61_440
const MAX_CHANNELS = 256 // As for relays.
const MAX_CHANNELS_OF_NODE = 8
/** Guesses: what may be on its way through a ring at once, and half of what its own queues take. */
const CONGESTED_ABOVE_BYTES = 262_144
const WRITABLE_AT_BYTES = 65_536
const MAX_UNSENT_BYTES = 2_097_152

export type SubringOptions = { name: string; messages: InnerMessages; random: Random }

export class SubringTransport implements Transport {
  readonly scheme = 'ring'
  readonly dropped = new Map<string, number>()
  private readonly messages: InnerMessages
  private readonly name: Uint8Array
  private readonly random: Random
  private readonly channels = new Map<string, SubringChannel>()
  private readonly stop: () => void
  private incoming: ((channel: Channel) => void) | undefined
  private isClosed = false

  /** `name`: 40 hex digits. */
  constructor({ name, messages, random }: SubringOptions) {
    this.name = hexToBytes(name)
    this.messages = messages
    this.random = random
    this.stop = messages.onMessage(name, (from, bytes) => this.receive(from as Address, bytes))
  }

  get endpoint(): Endpoint | undefined {
    const { address } = this.messages
    return address === undefined ? undefined : endpointOf(this.scheme, address)
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    const far = parseAddress(targetOf(endpoint))
    const refusal = this.refusalFor(far)
    if (far === undefined || refusal !== undefined) return new RefusedChannel(endpoint, refusal ?? 'no such endpoint')
    const session = Math.floor(this.random() * 2 ** 32)
    const channel = new SubringChannel(this, endpoint, far, session, true, this.own)
    this.channels.set(keyOf(channel), channel)
    queueMicrotask(() => channel.opened())
    return channel
  }

  close(): void {
    this.isClosed = true
    this.incoming = undefined
    for (const channel of [...this.channels.values()]) channel.close('transport closed')
    this.stop()
  }

  /** Resolves to the reason why it does not arrive. */
  say(channel: SubringChannel, kind: number, bytes: Uint8Array): Promise<string | undefined> {
    const { far, session, ours } = channel
    const flags = ours ? FROM_DIALLER | (channel.isNew ? FIRST : 0) : 0
    channel.isNew = false
    return this.messages.send(far, this.messageOf(kind | flags, session, bytes))
  }

  forget(channel: SubringChannel): void {
    if (this.channels.get(keyOf(channel)) === channel) this.channels.delete(keyOf(channel))
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private get own(): string {
    return this.messages.address ?? ''
  }

  private refusalFor(far: Address | undefined): string | undefined {
    if (this.isClosed) return 'transport closed'
    if (this.messages.address === undefined) return 'not in the outer ring'
    return far !== undefined && this.isFullFor(far) ? 'too many channels' : undefined
  }

  private isFullFor(far: Address): boolean {
    let ofNode = 0
    for (const channel of this.channels.values()) if (channel.far === far) ofNode++
    return this.channels.size >= MAX_CHANNELS || ofNode >= MAX_CHANNELS_OF_NODE
  }

  private receive(from: Address, message: Uint8Array): void {
    if (message.length < HEAD_BYTES) {
      this.drop('unreadable')
      return
    }
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
    const flags = view.getUint8(NAME_BYTES)
    const session = view.getUint32(NAME_BYTES + 1)
    const [kind, ours] = [flags & ~(FROM_DIALLER | FIRST), (flags & FROM_DIALLER) === 0]
    const bytes = message.subarray(HEAD_BYTES)
    const isFirst = (flags & FIRST) !== 0
    const known = this.channels.get(keyOf({ far: from, session, ours }))
    const channel = known ?? this.arrive(from, session, kind, ours, isFirst)
    if (kind === CLOSE) channel?.fail(ours ? 'refused' : 'closed by the far end')
    else if (kind === FRAME || kind === PIECE) channel?.receive(bytes, kind === FRAME)
    else this.drop('unreadable')
  }

  private arrive(
    from: Address,
    session: number,
    kind: number,
    ours: boolean,
    isFirst: boolean,
  ): SubringChannel | undefined {
    if (kind === CLOSE) return undefined
    // What was still on its way when we closed a channel is not one anew.
    const isUnknown = ours || !isFirst
    const refusal = isUnknown
      ? 'unknown channel'
      : !this.incoming
        ? 'nobody listens'
        : this.isFullFor(from) && 'too many'
    if (refusal) {
      this.drop(refusal)
      void this.messages.send(from, this.messageOf(CLOSE | (ours ? FROM_DIALLER : 0), session, new Uint8Array()))
      return undefined
    }
    const channel = new SubringChannel(this, endpointOf(this.scheme, from), from, session, false, this.own)
    this.channels.set(keyOf(channel), channel)
    this.incoming?.(channel)
    return channel
  }

  private messageOf(flags: number, session: number, bytes: Uint8Array): Uint8Array {
    const message = new Uint8Array(HEAD_BYTES + bytes.length)
    message.set(this.name)
    const view = new DataView(message.buffer)
    view.setUint8(NAME_BYTES, flags)
    view.setUint32(NAME_BYTES + 1, session)
    message.set(bytes, HEAD_BYTES)
    return message
  }
}

class SubringChannel implements Channel {
  readonly kind = 'subring'
  readonly endpoint: Endpoint
  readonly far: Address
  readonly session: number
  readonly ours: boolean
  readonly binding: Uint8Array
  congested = false
  /** Nothing was said on it. */
  isNew = true
  private readonly transport: SubringTransport
  private events: ChannelEvents | undefined
  private isClosed = false
  private unsentBytes = 0
  private pieces: Uint8Array[] = []
  private pieceBytes = 0

  constructor(
    transport: SubringTransport,
    endpoint: Endpoint,
    far: Address,
    session: number,
    ours: boolean,
    own: string,
  ) {
    this.transport = transport
    this.endpoint = endpoint
    this.far = far
    this.session = session
    this.ours = ours
    const [dialler, dialled] = ours ? [own, far] : [far, own]
    this.binding = new TextEncoder().encode(`subring|${session}|${dialler}|${dialled}`)
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  opened(): void {
    if (!this.isClosed) this.events?.opened()
  }

  send(bytes: Uint8Array): void {
    if (this.isClosed) return
    if (this.unsentBytes + bytes.length > MAX_UNSENT_BYTES) {
      queueMicrotask(() => this.abort('too much unsent'))
      return
    }
    let start = 0
    do {
      const piece = bytes.subarray(start, start + MAX_PIECE_BYTES)
      start += MAX_PIECE_BYTES
      this.sendPiece(piece, start >= bytes.length)
    } while (start < bytes.length)
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
  }

  close(_reason: string): void {
    if (this.isClosed) return
    this.end()
    void this.transport.say(this, CLOSE, new Uint8Array())
  }

  receive(bytes: Uint8Array, isLast: boolean): void {
    this.pieceBytes += bytes.length
    if (this.pieceBytes > MAX_FRAME_BYTES) {
      this.transport.drop('frame too large')
      this.abort('frame too large')
      return
    }
    if (isLast && this.pieces.length === 0) {
      this.pieceBytes = 0
      this.events?.message(bytes)
      return
    }
    this.pieces.push(bytes)
    if (!isLast) return
    const frame = new Uint8Array(this.pieceBytes)
    let offset = 0
    for (const piece of this.pieces) {
      frame.set(piece, offset)
      offset += piece.length
    }
    this.pieces = []
    this.pieceBytes = 0
    this.events?.message(frame)
  }

  fail(reason: string): void {
    if (this.isClosed) return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  private sendPiece(piece: Uint8Array, isLast: boolean): void {
    this.unsentBytes += piece.length
    void this.transport.say(this, isLast ? FRAME : PIECE, piece).then((failure) => {
      this.unsentBytes -= piece.length
      if (failure !== undefined) this.abort(failure)
      else if (this.congested && this.unsentBytes <= WRITABLE_AT_BYTES) {
        this.congested = false
        if (!this.isClosed) this.events?.writable()
      }
    })
  }

  /** Fails for a reason that the far end cannot see, and tells it to close. */
  private abort(reason: string): void {
    if (this.isClosed) return
    void this.transport.say(this, CLOSE, new Uint8Array())
    this.fail(reason)
  }

  private end(): void {
    this.isClosed = true
    this.events = undefined
    this.pieces = []
    this.transport.forget(this)
  }
}

function keyOf({ far, session, ours }: { far: Address; session: number; ours: boolean }): string {
  return `${far} ${session} ${ours}`
}

/** The name that a message is for; undefined for what is no such message. */
export function nameIn(message: Uint8Array): string | undefined {
  return message.length < HEAD_BYTES ? undefined : bytesToHex(message.subarray(0, NAME_BYTES))
}
