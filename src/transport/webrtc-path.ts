/**
 * WebRTC path: an RTCDataChannel beside the first of an RTCPeerConnection, for an overlay of its own.
 *
 *   we open it:  asking --accepted--> open --close(), the far end, a limit, the connection--> closed
 *                   |                                                                          ^
 *   it arrives:  waiting --taken, accepted is said--> open                                     |
 *                   +-- refused, the deadline, what is no answer, a frame too early -----------+
 *
 * The first message is the answer, one byte of who was asked: a data channel that is announced in-band is open for who
 * opens it before the other end has heard of it (RFC 8832 §6). Frames follow, each a message, with nothing around it.
 *
 * SCTP has one congestion window for all paths, and takes their messages in turn. So what waits in one delays another by
 * little more than what is under way, as long as no path fills the buffer that they share.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Endpoint } from '../overlay/endpoint.ts'
import {
  type CandidatePair,
  type Channel,
  type ChannelEvents,
  type ChannelKind,
  type Clock,
  MAX_FRAME_BYTES,
} from '../ports.ts'

const ANSWER_DEADLINE_MS = 10_000 // As the handshake of nodes: who is asked has to prove itself to us meanwhile.
const CONGESTED_ABOVE_BYTES = 262_144 // measured
const WRITABLE_AT_BYTES = 65_536
const MAX_UNSENT_BYTES = 8_388_608 // As the first data channel has it.

const ANSWERS = { refused: 0, accepted: 1, busy: 2 } as const
type Answer = keyof typeof ANSWERS

/** What a path needs of the connection that carries it. */
export interface WebrtcPathKeeper {
  readonly clock: Clock
  /** The channel for which the connection was made. */
  readonly first: Channel
  /** Who takes a path of this name: undefined while nobody can say, `nobody` where it is to be refused. */
  takerOf(name: string): ((path: WebrtcPath) => void) | 'nobody' | undefined
  forget(path: WebrtcPath): void
  drop(reason: string): void
}

export class WebrtcPath implements Channel {
  congested = false
  private state: 'asking' | 'waiting' | 'open' | 'closed'
  private readonly keeper: WebrtcPathKeeper
  private readonly name: string
  private readonly dataChannel: RTCDataChannel
  private events: ChannelEvents | undefined
  private unsent: Uint8Array[] = []
  private unsentBytes = 0
  private failing = false
  private readonly cancelDeadline: () => void

  constructor(keeper: WebrtcPathKeeper, name: string, dataChannel: RTCDataChannel, opener: 'us' | 'far end') {
    this.keeper = keeper
    this.name = name
    this.dataChannel = dataChannel
    this.state = opener === 'us' ? 'asking' : 'waiting'
    dataChannel.binaryType = 'arraybuffer'
    dataChannel.bufferedAmountLowThreshold = WRITABLE_AT_BYTES
    dataChannel.onbufferedamountlow = () => this.handleDrained()
    dataChannel.onmessage = ({ data }) => this.receive(data)
    dataChannel.onclose = () => this.fail('closed by the far end')
    dataChannel.addEventListener('open', () => this.decide())
    this.cancelDeadline = keeper.clock.wakeAt(keeper.clock.now() + ANSWER_DEADLINE_MS, () => this.expire())
  }

  get kind(): ChannelKind {
    return this.keeper.first.kind
  }

  get endpoint(): Endpoint {
    return this.keeper.first.endpoint
  }

  get candidatePair(): CandidatePair | undefined {
    return this.keeper.first.candidatePair
  }

  get binding(): Uint8Array | undefined {
    const { binding } = this.keeper.first
    if (binding === undefined) return undefined
    const ofPath = utf8ToBytes(` path ${this.name}`)
    const whole = new Uint8Array(binding.length + ofPath.length)
    whole.set(binding)
    whole.set(ofPath, binding.length)
    return whole
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    if (this.state === 'open') {
      this.transmit(bytes)
      return
    }
    if (this.state === 'closed' || this.failing) return
    this.unsentBytes += bytes.byteLength
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
    if (this.unsentBytes > MAX_UNSENT_BYTES) this.failSoon('too much unsent')
    else this.unsent.push(bytes.slice())
  }

  close(_reason: string): void {
    this.end()
  }

  /** Takes or refuses what the far end has opened, as soon as there is somebody who can say. */
  decide(): void {
    if (this.state !== 'waiting' || this.dataChannel.readyState !== 'open') return
    const taker = this.keeper.takerOf(this.name)
    if (taker === 'nobody') this.refuse('refused')
    else if (taker !== undefined) {
      answer(this.dataChannel, 'accepted')
      this.open()
      taker(this)
    }
  }

  kindChanged(): void {
    if (this.state === 'open') this.events?.kindChanged?.()
  }

  /** Fails in a later turn, so that nothing is called from within a call of ours; until then nothing is sent. */
  failSoon(reason: string): void {
    this.failing = true
    queueMicrotask(() => this.fail(reason))
  }

  private open(): void {
    this.state = 'open'
    this.cancelDeadline()
  }

  private refuse(refusal: Answer): void {
    this.keeper.drop(`path ${refusal}`)
    refusePath(this.dataChannel, refusal)
    this.end()
  }

  private expire(): void {
    if (this.state === 'waiting') this.refuse('refused')
    else this.fail('timeout')
  }

  private receive(data: unknown): void {
    if (this.state === 'open') this.receiveFrame(data)
    else if (this.state === 'asking') this.receiveAnswer(data)
    else if (this.state === 'waiting') this.giveUp('frame before its answer')
  }

  private receiveAnswer(data: unknown): void {
    const code = data instanceof ArrayBuffer && data.byteLength === 1 ? new Uint8Array(data)[0] : undefined
    if (code === ANSWERS.accepted) {
      this.open()
      for (const frame of this.unsent.splice(0)) this.transmit(frame)
      this.events?.opened()
      if (this.congested && this.dataChannel.bufferedAmount <= WRITABLE_AT_BYTES) this.handleDrained()
    } else if (code === ANSWERS.refused) this.fail('refused')
    else if (code === ANSWERS.busy) this.fail('busy')
    else this.giveUp('unusable answer')
  }

  private receiveFrame(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) this.keeper.drop('text frame')
    else if (data.byteLength > MAX_FRAME_BYTES) this.giveUp('frame too large')
    else this.events?.message(new Uint8Array(data))
  }

  private transmit(bytes: Uint8Array): void {
    if (this.failing) return
    try {
      this.dataChannel.send(bytes as Uint8Array<ArrayBuffer>)
    } catch (error) {
      // The far end takes no message of this size, or the data channel is closing and will say so.
      if (this.dataChannel.readyState === 'open') this.failSoon(`send failed: ${(error as Error).name}`)
      return
    }
    const buffered = this.dataChannel.bufferedAmount
    if (buffered <= CONGESTED_ABOVE_BYTES) return
    this.congested = true
    if (buffered > MAX_UNSENT_BYTES) this.failSoon('too much unsent')
  }

  private handleDrained(): void {
    if (this.state !== 'open' || !this.congested) return
    this.congested = false
    this.events?.writable()
  }

  /** The far end does not keep to what paths are. */
  private giveUp(reason: string): void {
    this.keeper.drop(reason)
    this.fail(reason)
  }

  private fail(reason: string): void {
    if (this.state === 'closed') return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  private end(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.events = undefined
    this.unsent = []
    this.cancelDeadline()
    // W3C WebRTC §6.2: what is buffered is sent first.
    this.dataChannel.close()
    this.keeper.forget(this)
  }
}

/** Says so as soon as the data channel can carry it, and ends it. */
export function refusePath(dataChannel: RTCDataChannel, refusal: Answer): void {
  if (dataChannel.readyState === 'connecting') dataChannel.addEventListener('open', () => refuse(dataChannel, refusal))
  else refuse(dataChannel, refusal)
}

function refuse(dataChannel: RTCDataChannel, refusal: Answer): void {
  answer(dataChannel, refusal)
  dataChannel.close()
}

function answer(dataChannel: RTCDataChannel, said: Answer): void {
  try {
    dataChannel.send(Uint8Array.of(ANSWERS[said]))
  } catch {
    // It is closing, and says so itself.
  }
}
