/** Fake RTC: what a WebRTC channel works with, in the hands of a test. For tests only. */
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type {
  ChannelEvents,
  IceCandidate,
  SessionDescription,
  Signalling,
  SignallingEvents,
  SignallingSession,
} from '../ports.ts'
import type { RtcPeer, RtcPeerEvents, RtcSignal } from './webrtc-channel.ts'

export const OFFER: SessionDescription = {
  ufrag: 'abcd',
  pwd: 'asd88fgpdd777uzjYhagZg00',
  fingerprint: { hash: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') },
  setup: 'actpass',
  sctpPort: 5000,
  maxMessageSize: 262_144,
}
export class FakeDataChannel {
  readyState = 'connecting'
  bufferedAmount = 0
  bufferedAmountLowThreshold = 0
  onmessage: ((event: { data: unknown }) => void) | undefined
  onbufferedamountlow: (() => void) | undefined
  readonly sent: Uint8Array[] = []
  refuses = false
  private readonly openListeners: (() => void)[] = []

  addEventListener(_: 'open', listener: () => void) {
    this.openListeners.push(listener)
  }

  send(bytes: Uint8Array) {
    if (this.refuses) throw new TypeError('too large')
    this.sent.push(bytes)
    this.bufferedAmount += bytes.byteLength
  }

  close() {
    this.readyState = 'closing'
  }

  open() {
    this.readyState = 'open'
    for (const listener of this.openListeners) listener()
  }

  receive(data: unknown) {
    this.onmessage?.({ data })
  }

  drain() {
    this.bufferedAmount = 0
    this.onbufferedamountlow?.()
  }
}

export class FakePeer implements RtcPeer {
  readonly dataChannel = new FakeDataChannel() as FakeDataChannel & RTCDataChannel
  readonly signals: RtcSignal[] = []
  events: RtcPeerEvents | undefined
  destroyed = false
  refuses = false
  looks = 0
  iceConnectionState: RTCIceConnectionState = 'new'
  private pair: unknown = null
  private readonly reports = new Map<string, Record<string, unknown>>()
  private readonly target = new EventTarget()

  get connection(): RTCPeerConnection {
    const addEventListener = this.target.addEventListener.bind(this.target)
    const iceTransport = { getSelectedCandidatePair: () => this.pair, addEventListener }
    const getStats = async () => {
      this.looks += 1
      return this.reports
    }
    const { iceConnectionState } = this
    return {
      sctp: { transport: { iceTransport } },
      getStats,
      addEventListener,
      iceConnectionState,
    } as unknown as RTCPeerConnection
  }

  choose(local: string, remote: string) {
    this.pair = { local: { type: local, protocol: 'udp' }, remote: { type: remote, protocol: 'udp' } }
  }

  chooseInStatistics(local: string, remote: string, more: Record<string, unknown> = {}) {
    this.pair = null
    this.reports.set('T', { type: 'transport', selectedCandidatePairId: 'P' })
    this.reports.set('P', { type: 'candidate-pair', localCandidateId: 'L', remoteCandidateId: 'R' })
    this.reports.set('L', { type: 'local-candidate', candidateType: local, protocol: 'udp', ...more })
    this.reports.set('R', { type: 'remote-candidate', candidateType: remote, protocol: 'udp' })
  }

  /** What an RTCPeerConnection, or its ICE transport, tells of itself. */
  tell(type: string, facts: Record<string, unknown> = {}) {
    this.target.dispatchEvent(Object.assign(new Event(type), facts))
  }

  bind(events: RtcPeerEvents) {
    this.events = events
  }

  signal(signal: RtcSignal) {
    if (this.refuses) throw new Error('refused')
    this.signals.push(signal)
  }

  destroy() {
    this.destroyed = true
  }
}

export class FakeSession implements SignallingSession {
  readonly id = 's'
  readonly endpoint: Endpoint
  events: SignallingEvents | undefined
  readonly local: IceCandidate[] = []
  readonly ends: string[] = []

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint
  }

  bind(events: SignallingEvents) {
    this.events = events
  }

  accept() {}

  addCandidate(candidate: IceCandidate) {
    this.local.push(candidate)
  }

  end(reason: string) {
    this.ends.push(reason)
  }
}

export type Offered = { to: Endpoint; offer: SessionDescription; session: FakeSession }

export function fakeSignalling() {
  const offers: Offered[] = []
  let incoming: ((session: SignallingSession, offer: SessionDescription) => void) | undefined
  const signalling: Signalling = {
    endpoint: endpointOf('webrtc', 'a@example.org/1'),
    listen(listener) {
      incoming = listener
    },
    offer(to, offer) {
      const session = new FakeSession(to)
      offers.push({ to, offer, session })
      return session
    },
    close() {},
    dropped: new Map(),
  }
  const arrive = (session: SignallingSession, offer: SessionDescription) => incoming?.(session, offer)
  return { signalling, offers, arrive }
}

/** Writes down what a channel is told. */
export function recording(events: string[]): ChannelEvents {
  return {
    opened: () => events.push('opened'),
    message: (bytes: Uint8Array) => events.push(`message ${bytes}`),
    writable: () => events.push('writable'),
    kindChanged: () => events.push('kind changed'),
    closed: (reason: string) => events.push(`closed ${reason}`),
  }
}
