/**
 * WebRTC channel: one attempt at an RTCDataChannel, and the channel that comes of it.
 *
 *   connecting --data channel open--> identifying --candidate pair known--> open --close()--> closing
 *       |                                  |                                  |                  |
 *       +-- signalling ended, ICE failed, the deadline, the far end, a limit --+-----------------+--> closed
 *
 * Frames take the shortest way: straight into the RTCDataChannel, and straight out of its `message` events.
 */
import type { Endpoint } from '../overlay/endpoint.ts'
import {
  type CandidatePair,
  type Channel,
  type ChannelEvents,
  type ChannelKind,
  type Clock,
  type IceCandidate,
  MAX_FRAME_BYTES,
  type PathCarrier,
  type SessionDescription,
  type Signalling,
  type SignallingSession,
} from '../ports.ts'
import { followSelectedPair, kindOf, readSelectedPair } from './candidate-pair.ts'
import { bindingOf } from './dtls-binding.ts'
import { buildCandidate, buildSdp, parseCandidate, parseSdp } from './session-description.ts'
import { SHARED_CONGESTED_ABOVE_BYTES } from './webrtc-path.ts'
import { WebrtcPaths } from './webrtc-paths.ts'

const OPEN_DEADLINE_MS = 15_000 // A guess: ICE gives up at about the same time.
const CLOSE_DEADLINE_MS = 5_000 // A guess: by then what was sent has left or will not.
const CONGESTED_ABOVE_BYTES = 1_048_576 // A guess: milliseconds of a fast path, so that it never idles.
const WRITABLE_AT_BYTES = CONGESTED_ABOVE_BYTES / 4
const MAX_UNSENT_BYTES = 8_388_608 // Half of the 16 MiB at which Chromium closes a data channel by itself.
const MAX_HELD_BYTES = 1_048_576 // A guess: what can come in while one look at the statistics takes.
const RELAYED_AFTER_MS = 1_500 // A guess: two who can reach each other have done so within, also on a busy machine; the relay carries meanwhile.
const MAX_REMOTE_CANDIDATES = 64 // A guess: eight interfaces, with a candidate of each type, twice.

/** A description, a candidate or something else that two simple-peers tell each other. */
export type RtcSignal = { type?: string; sdp?: string; candidate?: RTCIceCandidateInit }

export interface RtcPeerEvents {
  signal(signal: RtcSignal): void
  /** At most once, when the RTCPeerConnection is closed. Without a cause we, or the far end, wanted it. */
  closed(cause: string | undefined): void
}

/** An RTCPeerConnection with one data channel that both sides know of beforehand. */
export interface RtcPeer {
  readonly dataChannel: RTCDataChannel
  readonly connection: RTCPeerConnection
  bind(events: RtcPeerEvents): void
  signal(signal: RtcSignal): void
  destroy(): void
}

/** What a channel needs of the one who keeps it. */
export interface WebrtcChannelKeeper {
  readonly clock: Clock
  readonly signalling: Signalling
  /** A channel that the far end asked for is open. */
  arrived(channel: WebrtcChannel): void
  forget(channel: WebrtcChannel): void
  drop(reason: string): void
}

export class WebrtcChannel implements Channel {
  readonly endpoint: Endpoint
  kind: ChannelKind = 'direct'
  candidatePair: CandidatePair | undefined
  binding: Uint8Array | undefined
  congested = false
  private state: 'connecting' | 'identifying' | 'open' | 'closing' | 'closed' = 'connecting'
  private readonly keeper: WebrtcChannelKeeper
  private readonly peer: RtcPeer
  private readonly dataChannel: RTCDataChannel
  private readonly carried: WebrtcPaths
  private readonly incoming: boolean
  private session: SignallingSession | undefined
  private events: ChannelEvents | undefined
  private offer: SessionDescription | undefined
  private answer: SessionDescription | undefined
  private remoteCandidates = 0
  /** Our own that lead through a TURN server, until the far end is told of them. */
  private readonly relayed: IceCandidate[] = []
  private unsent: Uint8Array<ArrayBuffer>[] = []
  private unsentBytes = 0
  private held: Uint8Array[] = []
  private heldBytes = 0
  private failing = false
  private cancelDeadline: () => void

  /** With a session of the far end and its offer, or with neither to make an offer. */
  constructor(
    keeper: WebrtcChannelKeeper,
    endpoint: Endpoint,
    peer: RtcPeer,
    offered?: { session: SignallingSession; offer: SessionDescription },
  ) {
    this.keeper = keeper
    this.endpoint = endpoint
    this.peer = peer
    this.dataChannel = peer.dataChannel
    this.carried = new WebrtcPaths(keeper, this, peer.connection)
    this.incoming = offered !== undefined
    const deadline = keeper.clock.now() + OPEN_DEADLINE_MS
    this.cancelDeadline = keeper.clock.wakeAt(deadline, () =>
      // ICE may still be at it, or have found no path to try: what it has come to is the cause.
      this.fail('timeout', `timeout, ice ${this.peer.connection.iceConnectionState}`),
    )
    peer.bind({ signal: (signal) => this.tell(signal), closed: (cause) => this.handleClosed(cause) })
    this.dataChannel.bufferedAmountLowThreshold = WRITABLE_AT_BYTES
    this.dataChannel.onbufferedamountlow = () => this.handleDrained()
    this.dataChannel.onmessage = (event) => this.receive(event.data)
    this.dataChannel.addEventListener('open', () => this.identify())
    if (offered !== undefined) {
      this.join(offered.session)
      this.describe('offer', offered.offer)
    }
  }

  get paths(): PathCarrier | undefined {
    return this.state === 'open' ? this.carried : undefined
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    if (this.state === 'open') {
      this.transmit(bytes as Uint8Array<ArrayBuffer>)
      return
    }
    if (this.state === 'closing' || this.state === 'closed' || this.failing) return
    this.unsentBytes += bytes.byteLength
    if (this.unsentBytes > CONGESTED_ABOVE_BYTES) this.congested = true
    if (this.unsentBytes > MAX_UNSENT_BYTES) this.failSoon('too much unsent')
    else this.unsent.push(bytes.slice())
  }

  close(reason: string): void {
    if (this.state === 'closing' || this.state === 'closed') return
    this.events = undefined
    this.cancelDeadline()
    if (this.state !== 'open') {
      this.finish(reason)
      return
    }
    this.session?.end('success')
    this.session = undefined
    this.state = 'closing'
    this.carried.close(reason)
    // W3C WebRTC §6.2: closing a data channel sends what is buffered first; closing the connection would not.
    this.dataChannel.close()
    const deadline = this.keeper.clock.now() + CLOSE_DEADLINE_MS
    this.cancelDeadline = this.keeper.clock.wakeAt(deadline, () => this.finish(reason))
  }

  private join(session: SignallingSession): void {
    this.session = session
    session.bind({
      accepted: (answer) => this.describe('answer', answer),
      candidates: (candidates) => this.addCandidates(candidates),
      ended: (reason) => {
        this.session = undefined
        // An open channel lives on without its signalling: the XMPP service may go away.
        if (this.state === 'connecting') this.fail(reason)
      },
    })
  }

  /** Something for the far end. */
  private tell(signal: RtcSignal): void {
    if (this.state === 'closing' || this.state === 'closed') return
    if (signal.candidate !== undefined) {
      const candidate = parseCandidate(signal.candidate.candidate ?? '')
      if (candidate?.type === 'relay') this.holdBack(candidate)
      else if (candidate !== undefined) this.session?.addCandidate(candidate)
    } else if (signal.type === 'offer' || signal.type === 'answer') {
      const description = parseSdp(signal.sdp ?? '')
      if (description !== undefined) this.note(signal.type, description)
      if (description === undefined) this.fail('no usable description')
      else if (signal.type === 'answer') this.session?.accept(description)
      else this.join(this.keeper.signalling.offer(this.endpoint, description))
    }
  }

  /** Where a pair can do without TURN, ICE may take what it has tried first, and stay with it. */
  private holdBack(candidate: IceCandidate): void {
    const { clock } = this.keeper
    this.relayed.push(candidate)
    if (this.relayed.length > 1) return
    clock.wakeAt(clock.now() + RELAYED_AFTER_MS, () => {
      const held = this.relayed.splice(0)
      if (this.state === 'connecting') for (const each of held) this.session?.addCandidate(each)
    })
  }

  private describe(type: 'offer' | 'answer', description: SessionDescription): void {
    const sdp = buildSdp(description)
    if (sdp !== undefined) {
      this.note(type, description)
      this.signal({ type, sdp })
    } else {
      this.keeper.drop('unusable description')
      this.failSoon('no usable description')
    }
  }

  /** The first of each is what DTLS goes by. */
  private note(type: 'offer' | 'answer', description: SessionDescription): void {
    if (type === 'offer') this.offer ??= description
    else this.answer ??= description
  }

  private addCandidates(candidates: IceCandidate[]): void {
    for (const each of candidates) {
      this.remoteCandidates += 1
      const candidate = buildCandidate(each)
      if (this.remoteCandidates > MAX_REMOTE_CANDIDATES) this.keeper.drop('too many candidates')
      else if (candidate === undefined) this.keeper.drop('unusable candidate')
      else this.signal({ type: 'candidate', candidate: { candidate, sdpMid: '0', sdpMLineIndex: 0 } })
    }
  }

  private signal(signal: RtcSignal): void {
    if (this.state === 'closing' || this.state === 'closed') return
    try {
      this.peer.signal(signal)
    } catch {
      this.keeper.drop('refused signal')
    }
  }

  private identify(): void {
    if (this.state !== 'connecting') return
    this.state = 'identifying'
    const pair = readSelectedPair(this.peer.connection)
    if (pair instanceof Promise) {
      pair.then(
        (later) => this.open(later),
        () => this.open(undefined),
      )
    } else this.open(pair)
  }

  private open(pair: CandidatePair | undefined): void {
    if (this.state !== 'identifying') return
    const { offer, answer } = this
    if (offer === undefined || answer === undefined)
      throw new Error('A data channel opens when both ends are described.')
    this.state = 'open'
    this.cancelDeadline()
    this.candidatePair = pair
    this.kind = kindOf(pair)
    this.binding = bindingOf(offer, answer)
    followSelectedPair(this.peer.connection, (later) => this.follow(later))
    if (this.incoming) this.keeper.arrived(this)
    else this.events?.opened()
    const { unsent, held } = this
    this.unsent = []
    this.held = []
    for (const frame of unsent) this.transmit(frame)
    for (const frame of held) this.events?.message(frame)
    if (this.congested && this.dataChannel.bufferedAmount <= WRITABLE_AT_BYTES) this.handleDrained()
  }

  private follow(pair: CandidatePair): void {
    if (this.state !== 'open') return
    const before = this.kind
    this.candidatePair = pair
    this.kind = kindOf(pair)
    if (this.kind === before) return
    this.events?.kindChanged?.()
    this.carried.kindChanged()
  }

  private transmit(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.state !== 'open' || this.failing) return
    try {
      this.dataChannel.send(bytes)
    } catch (error) {
      // The far end takes no message of this size, or the channel is closing and will say so.
      if (this.dataChannel.readyState === 'open') this.failSoon(`send failed: ${(error as Error).name}`)
      return
    }
    const buffered = this.dataChannel.bufferedAmount
    const congestedAbove = this.carried.isShared ? SHARED_CONGESTED_ABOVE_BYTES : CONGESTED_ABOVE_BYTES
    if (buffered <= congestedAbove) return
    this.dataChannel.bufferedAmountLowThreshold = congestedAbove / 4
    this.congested = true
    if (buffered > MAX_UNSENT_BYTES) this.failSoon('too much unsent')
  }

  private receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) this.keeper.drop('text frame')
    else if (data.byteLength > MAX_FRAME_BYTES) {
      this.keeper.drop('frame too large')
      this.fail('frame too large')
    } else if (this.state === 'open') this.events?.message(new Uint8Array(data))
    else if (this.state === 'connecting' || this.state === 'identifying') {
      this.heldBytes += data.byteLength
      this.held.push(new Uint8Array(data))
      if (this.heldBytes > MAX_HELD_BYTES) this.fail('too much before the channel was open')
    }
  }

  private handleDrained(): void {
    if (this.state !== 'open' || !this.congested) return
    this.congested = false
    this.events?.writable()
  }

  private handleClosed(cause: string | undefined): void {
    this.fail(cause ?? (this.state === 'connecting' ? 'connection closed' : 'closed by the far end'))
    this.keeper.forget(this)
  }

  /** Fails in a later turn, so that nothing is called from within a call of ours; until then nothing is sent. */
  private failSoon(reason: string): void {
    this.failing = true
    queueMicrotask(() => this.fail(reason))
  }

  private fail(reason: string, cause = reason): void {
    if (this.state === 'closed') return
    const { events } = this
    this.finish(reason, cause)
    events?.closed(cause)
  }

  private finish(reason: string, cause = reason): void {
    this.state = 'closed'
    this.carried.close(cause)
    this.events = undefined
    this.unsent = []
    this.held = []
    this.cancelDeadline()
    this.session?.end(reason)
    this.session = undefined
    this.peer.destroy()
  }
}
