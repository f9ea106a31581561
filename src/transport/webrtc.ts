/**
 * WebRTC: how do bytes flow from tab to tab? Keeps the data channels of one tab, each on an RTCPeerConnection of
 * simple-peer's, and bounds how many live and how many are tried. An offer arrives through the signalling that it is
 * given; STUN and TURN servers come from reflection at the moment of each attempt, and it is told of credentials that
 * one of them refuses.
 */
import type SimplePeerTypes from 'simple-peer'
import SimplePeer from 'simple-peer/simplepeer.min.js'
import type { Endpoint } from '../overlay/endpoint.ts'
import type {
  Channel,
  Clock,
  Reflection,
  SessionDescription,
  Signalling,
  SignallingSession,
  Transport,
} from '../ports.ts'
import { AttemptBudget } from './attempt-budget.ts'
import { RefusedChannel } from './refused-channel.ts'
import {
  type RtcPeer,
  type RtcPeerEvents,
  type RtcSignal,
  WebrtcChannel,
  type WebrtcChannelKeeper,
} from './webrtc-channel.ts'

export const MAX_LIVE_CONNECTIONS = 64 // A guess: Chromium stops at 500 for a page, and each costs threads and ports.

/** Both sides know of the channel, so that nobody waits for the other to announce it (RFC 8832 §1). */
const CHANNEL: RTCDataChannelInit = { negotiated: true, id: 0, ordered: true }

/** RFC 8489 §14.8: a TURN server takes neither what we said first, as is usual, nor the credentials that we said then. */
const UNAUTHORIZED = 401

/** Causes of simple-peer's that have a plainer name; of the rest its code is told. */
const CAUSES: Record<string, string | undefined> = {
  ERR_ICE_CONNECTION_FAILURE: 'ice failed',
  ERR_CONNECTION_FAILURE: 'ice failed',
  // What Chromium says when the far end closes its connection while the channel is open.
  ERR_DATA_CHANNEL: 'closed by the far end',
}

/** An implementation of WebRTC where the platform has none. */
export type Rtc = {
  RTCPeerConnection: typeof RTCPeerConnection
  RTCSessionDescription: typeof RTCSessionDescription
  RTCIceCandidate: typeof RTCIceCandidate
}

export type WebrtcTransportOptions = {
  signalling: Signalling
  reflection: Reflection
  clock: Clock
  rtc?: Rtc
}

export class WebrtcTransport implements Transport, WebrtcChannelKeeper {
  readonly scheme = 'webrtc'
  readonly clock: Clock
  readonly signalling: Signalling
  readonly dropped = new Map<string, number>()
  private readonly reflection: Reflection
  private readonly rtc: Rtc | undefined
  private readonly budget: AttemptBudget
  private readonly channels = new Set<WebrtcChannel>()
  private incoming: ((channel: Channel) => void) | undefined
  private closed = false

  constructor({ signalling, reflection, clock, rtc }: WebrtcTransportOptions) {
    this.signalling = signalling
    this.reflection = reflection
    this.clock = clock
    this.rtc = rtc
    this.budget = new AttemptBudget(clock)
    signalling.listen((session, offer) => this.handleOffer(session, offer))
  }

  /** Whether this platform has WebRTC. */
  static get supported(): boolean {
    return typeof RTCPeerConnection === 'function'
  }

  get endpoint(): Endpoint | undefined {
    return this.canConnect ? this.signalling.endpoint : undefined
  }

  /** RTCPeerConnections that are not closed yet. */
  get live(): number {
    return this.channels.size
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    if (!this.canConnect) return new RefusedChannel(endpoint, 'no webrtc')
    const refusal = this.isFull ? 'too many connections' : this.budget.takeDial()
    if (refusal !== undefined) {
      this.drop(`dial refused: ${refusal}`)
      return new RefusedChannel(endpoint, refusal)
    }
    const peer = this.createPeer(true)
    if (peer === undefined) return new RefusedChannel(endpoint, 'no webrtc')
    const channel = new WebrtcChannel(this, endpoint, peer)
    this.channels.add(channel)
    return channel
  }

  close(): void {
    this.closed = true
    this.incoming = undefined
    for (const channel of [...this.channels]) channel.close('gone')
  }

  arrived(channel: WebrtcChannel): void {
    if (this.incoming === undefined) channel.close('gone')
    else this.incoming(channel)
  }

  forget(channel: WebrtcChannel): void {
    this.channels.delete(channel)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private get canConnect(): boolean {
    return !this.closed && (this.rtc !== undefined || WebrtcTransport.supported)
  }

  private get isFull(): boolean {
    return this.channels.size >= MAX_LIVE_CONNECTIONS
  }

  private handleOffer(session: SignallingSession, offer: SessionDescription): void {
    if (this.incoming === undefined || !this.canConnect) {
      this.refuse(session, 'unwanted offer', 'unsupported-transports')
      return
    }
    const refusal = this.isFull ? 'too many connections' : this.budget.takeOffer(session.endpoint)
    const peer = refusal === undefined ? this.createPeer(false) : undefined
    if (refusal !== undefined) this.refuse(session, refusal, 'busy')
    else if (peer === undefined) this.refuse(session, 'unwanted offer', 'unsupported-transports')
    else this.channels.add(new WebrtcChannel(this, session.endpoint, peer, { session, offer }))
  }

  private refuse(session: SignallingSession, reason: string, told: string): void {
    this.drop(reason)
    session.bind({ accepted() {}, candidates() {}, ended() {} })
    session.end(told)
  }

  private createPeer(initiator: boolean): RtcPeer | undefined {
    try {
      const peer = new SimpleRtcPeer(initiator, this.reflection.iceServers(), this.rtc)
      peer.connection.addEventListener('icecandidateerror', ({ errorCode }) => {
        if (errorCode !== UNAUTHORIZED) return
        this.drop('credentials refused')
        this.reflection.refused?.()
      })
      return peer
    } catch {
      this.drop('no connection')
      return undefined
    }
  }
}

class SimpleRtcPeer implements RtcPeer {
  readonly dataChannel: RTCDataChannel
  readonly connection: RTCPeerConnection
  private readonly peer: SimplePeerTypes.Instance

  /** Throws where the platform refuses a connection. */
  constructor(initiator: boolean, iceServers: RTCIceServer[], rtc: Rtc | undefined) {
    this.peer = new SimplePeer({
      initiator,
      trickle: true,
      config: { iceServers },
      channelName: 'overture',
      channelConfig: CHANNEL,
      ...(rtc === undefined ? {} : { wrtc: rtc }),
    })
    // An `error` that nobody listens to would be thrown.
    this.peer.on('error', () => {})
    const { _channel, _pc } = internalsOf(this.peer)
    if (!_channel || !_pc) throw new Error('The platform refuses an RTCPeerConnection.')
    this.dataChannel = _channel
    this.connection = _pc
  }

  bind(events: RtcPeerEvents): void {
    let cause: string | undefined
    this.peer.on('signal', (signal) => events.signal(signal as RtcSignal))
    this.peer.on('error', (error: Error & { code?: string }) => {
      cause = CAUSES[error.code ?? ''] ?? error.code ?? error.message
    })
    this.peer.on('close', () => events.closed(cause))
  }

  signal(signal: RtcSignal): void {
    this.peer.signal(signal as SimplePeerTypes.SignalData)
  }

  destroy(): void {
    this.peer.destroy()
  }
}

/** The only place that looks under simple-peer's cover: for the path of frames and the statistics of ICE. */
function internalsOf(peer: SimplePeerTypes.Instance) {
  return peer as unknown as { _channel: RTCDataChannel | null; _pc: RTCPeerConnection | null }
}
