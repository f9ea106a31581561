/**
 * WebRTC path: an RTCDataChannel beside the first of an RTCPeerConnection, for an overlay of its own.
 *
 *   we open it:  asking --accepted--> open --close(), the far end, a limit, the connection--> closed
 *                   |                                                                          ^
 *   it arrives:  waiting --taken, accepted is said--> open                                     |
 *                   +-- refused, the deadline, what is no answer, a frame too early -----------+
 *
 * The first message is the answer of who was asked. Frames follow, each a message, with nothing around it.
 *
 * What waits in one path does not wait in front of another, as SCTP takes the messages of its streams in turn. What is
 * under way does, in sockets and threads that all of a page share: beside a full path another RTCPeerConnection is late by
 * as much. SCTP has the more under way the more it is given.
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
import { acceptPath, type PathRefusal, readAnswer, refusePath } from './path-answer.ts'

const ANSWER_DEADLINE_MS = 10_000 // As the handshake of nodes.
const DECIDE_DEADLINE_MS = 5_000 // A guess: who asks may have to prove itself first; in time for the answer to be heard.
/**
 * Measured in Chromium, on two cores that carry 10 to 15 MiB/s: beside a full path another's round trip takes 8 to 14 ms longer
 * with this, 12 to 30 ms where the cores are busy, 40 to 50 ms with four times as much or a mebibyte; a quarter of this costs a
 * quarter of the throughput.
 */
export const SHARED_CONGESTED_ABOVE_BYTES = 65_536
const WRITABLE_AT_BYTES = SHARED_CONGESTED_ABOVE_BYTES / 4
const MAX_UNSENT_BYTES = 8_388_608 // As the first data channel has it.
const MAX_EARLY_MESSAGES = 32 // A guess: the answer, and what leaves with it.

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
  /** What has come before the data channel was open. */
  private early: unknown[] | undefined
  private failing = false
  private readonly cancelDeadline: () => void

  constructor(keeper: WebrtcPathKeeper, name: string, dataChannel: RTCDataChannel, opener: 'us' | 'far end') {
    this.keeper = keeper
    this.name = name
    this.dataChannel = dataChannel
    this.state = opener === 'us' ? 'asking' : 'waiting'
    this.early = dataChannel.readyState === 'open' ? undefined : []
    dataChannel.binaryType = 'arraybuffer'
    dataChannel.bufferedAmountLowThreshold = WRITABLE_AT_BYTES
    dataChannel.onbufferedamountlow = () => this.handleDrained()
    dataChannel.onmessage = ({ data }) => this.receive(data)
    dataChannel.onclose = () => this.fail('closed by the far end')
    dataChannel.addEventListener('open', () => this.handleDataChannelOpen())
    const deadlineMs = opener === 'us' ? ANSWER_DEADLINE_MS : DECIDE_DEADLINE_MS
    this.cancelDeadline = keeper.clock.wakeAt(keeper.clock.now() + deadlineMs, () => this.expire())
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
    if (this.unsentBytes > SHARED_CONGESTED_ABOVE_BYTES) this.congested = true
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
      acceptPath(this.dataChannel)
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

  private handleDataChannelOpen(): void {
    const early = this.early ?? []
    this.early = undefined
    for (const data of early) this.receive(data)
    this.decide()
  }

  private refuse(refusal: PathRefusal): void {
    this.keeper.drop(`path ${refusal}`)
    refusePath(this.dataChannel, refusal)
    this.end()
  }

  private expire(): void {
    if (this.state === 'waiting') this.refuse('refused')
    else this.fail('timeout')
  }

  private receive(data: unknown): void {
    // Chromium hands over what has come before it says that the data channel is open, and takes nothing until then.
    if (this.early !== undefined) {
      if (this.early.length < MAX_EARLY_MESSAGES) this.early.push(data)
      else this.giveUp('too much before the path was open')
    } else if (this.state === 'open') this.receiveFrame(data)
    else if (this.state === 'asking') this.receiveAnswer(data)
    else if (this.state === 'waiting') this.giveUp('frame before its answer')
  }

  private receiveAnswer(data: unknown): void {
    const answer = readAnswer(data)
    if (answer === 'accepted') {
      this.open()
      for (const frame of this.unsent.splice(0)) this.transmit(frame)
      this.events?.opened()
      if (this.congested && this.dataChannel.bufferedAmount <= WRITABLE_AT_BYTES) this.handleDrained()
    } else if (answer !== undefined) this.fail(answer)
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
    if (buffered <= SHARED_CONGESTED_ABOVE_BYTES) return
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
    this.early = undefined
    this.cancelDeadline()
    // W3C WebRTC §6.2: what is buffered is sent first.
    this.dataChannel.close()
    this.keeper.forget(this)
  }
}
