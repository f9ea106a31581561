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
  onclose: (() => void) | undefined
  label = ''
  /** The other end, where there is one: what is sent gets there in a later turn, unless it is held up. */
  far: FakeDataChannel | undefined
  isHeldUp = false
  private readonly underWay: ArrayBuffer[] = []
  readonly sent: Uint8Array[] = []
  refuses = false
  private readonly openListeners: (() => void)[] = []

  addEventListener(_: 'open', listener: () => void) {
    this.openListeners.push(listener)
  }

  send(bytes: Uint8Array) {
    if (this.refuses) throw new TypeError('too large')
    if (this.far !== undefined && this.readyState !== 'open') throw new TypeError('not open')
    this.bufferedAmount += bytes.byteLength
    if (this.far === undefined) {
      this.sent.push(bytes)
      return
    }
    this.underWay.push(bytes.slice().buffer as ArrayBuffer)
    queueMicrotask(() => this.deliver())
  }

  close() {
    if (this.readyState === 'closed') return
    this.readyState = 'closing'
    if (this.far !== undefined) queueMicrotask(() => this.deliver())
  }

  /** What was held up goes on. */
  release() {
    this.isHeldUp = false
    this.deliver()
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

  private deliver() {
    while (!this.isHeldUp && this.underWay.length > 0) {
      const data = this.underWay.shift() as ArrayBuffer
      const before = this.bufferedAmount
      this.bufferedAmount -= data.byteLength
      const threshold = this.bufferedAmountLowThreshold
      this.far?.receive(data)
      if (before > threshold && this.bufferedAmount <= threshold) this.onbufferedamountlow?.()
    }
    if (this.readyState !== 'closing' || this.underWay.length > 0) return
    for (const end of [this, this.far]) end?.shut()
  }

  private shut() {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.onclose?.()
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
  /** The peer at the far end, where data channels that are announced in-band arrive. */
  far: FakePeer | undefined
  /** Those that this end has announced, and those that have arrived. */
  readonly announced: FakeDataChannel[] = []
  readonly arrived: FakeDataChannel[] = []
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
      createDataChannel: (label: string) => this.announce(label),
      iceConnectionState,
    } as unknown as RTCPeerConnection
  }

  meet(far: FakePeer) {
    this.far = far
    far.far = this
  }

  /** Open at this end before the other end has heard of it, where it is open then, or later. */
  announce(label: string, isOpenThere = true): FakeDataChannel {
    const { far } = this
    if (far === undefined) throw new Error('closed')
    const [near, there] = [new FakeDataChannel(), new FakeDataChannel()]
    Object.assign(near, { label, far: there })
    Object.assign(there, { label, far: near })
    this.announced.push(near)
    far.arrived.push(there)
    queueMicrotask(() => {
      near.open()
      if (isOpenThere) there.readyState = 'open'
      far.tell('datachannel', { channel: there })
    })
    return near
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
