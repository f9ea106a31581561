import { describe, expect, it, vi } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { MAX_DIALS_PER_MINUTE, MAX_OFFERS_PER_SENDER } from './attempt-budget.ts'
import { FakeSession, fakeSignalling, OFFER, recording } from './fake-rtc.ts'
import { MAX_LIVE_CONNECTIONS, type Rtc, WebrtcTransport } from './webrtc.ts'

const TO_B = endpointOf('webrtc', 'b@example.org/1')

describe('the WebRTC transport', () => {
  it('cannot be dialled and dials nobody where there is no WebRTC', async () => {
    expect(WebrtcTransport.supported).toBe(false)
    const { signalling } = fakeSignalling()
    const transport = new WebrtcTransport({ signalling, reflection: { iceServers: () => [] }, clock: timerClock })
    expect(transport.endpoint).toBeUndefined()
    const events: string[] = []
    transport.dial(TO_B).bind(recording(events))
    expect(events).toEqual([])
    await vi.waitFor(() => expect(events).toEqual(['closed no webrtc']))
  })

  it('declines an offer that it cannot take up', () => {
    const { signalling, arrive } = fakeSignalling()
    const transport = new WebrtcTransport({ signalling, reflection: { iceServers: () => [] }, clock: timerClock })
    transport.listen(() => {})
    const session = new FakeSession(TO_B)
    arrive(session, OFFER)
    expect(session.ends).toEqual(['unsupported-transports'])
    expect([...transport.dropped]).toEqual([['unwanted offer', 1]])
  })
})

describe('credentials that a TURN server refuses', () => {
  it('are told of to who gave them, other trouble with a server is not', () => {
    const { transport, tell, refusals } = withSilentRtc()
    transport.dial(TO_B).bind(recording([]))
    for (const errorCode of [701, 300, 486, 600]) tell('icecandidateerror', { errorCode })
    expect(refusals()).toBe(0)
    tell('icecandidateerror', { errorCode: 401 })
    expect(refusals()).toBe(1)
    expect([...transport.dropped]).toEqual([['credentials refused', 1]])
  })
})

describe('the number of RTCPeerConnections', () => {
  it('made by dialling is bounded in any minute, and who is refused is told why and counted', async () => {
    const { clock, made, transport } = withSilentRtc()
    for (let i = 0; i < MAX_DIALS_PER_MINUTE; i += 1) dialAndGiveUp(transport)
    expect(made()).toBe(MAX_DIALS_PER_MINUTE)
    const events: string[] = []
    transport.dial(TO_B).bind(recording(events))
    await vi.waitFor(() => expect(events).toEqual(['closed too many attempts']))
    expect(made()).toBe(MAX_DIALS_PER_MINUTE)
    expect([...transport.dropped]).toEqual([['dial refused: too many attempts', 1]])
    clock.run(60_000)
    dialAndGiveUp(transport)
    expect(made()).toBe(MAX_DIALS_PER_MINUTE + 1)
  })

  it('that live at once is bounded, and who is refused is told why and counted', async () => {
    const { made, transport, offer } = withSilentRtc()
    const half = MAX_LIVE_CONNECTIONS / 2
    for (let i = 0; i < half; i += 1) transport.dial(TO_B).bind(recording([]))
    for (let i = 0; i < half; i += 1) expect(offer(`${i}@example.org/1`)).toEqual([])
    expect(transport.live).toBe(MAX_LIVE_CONNECTIONS)
    expect(offer('late@example.org/1')).toEqual(['busy'])
    const events: string[] = []
    transport.dial(TO_B).bind(recording(events))
    await vi.waitFor(() => expect(events).toEqual(['closed too many connections']))
    expect(made()).toBe(MAX_LIVE_CONNECTIONS)
    expect([...transport.dropped]).toEqual([
      ['too many connections', 1],
      ['dial refused: too many connections', 1],
    ])
  })

  it('that one sender brings about by offers is bounded, and others are still answered', () => {
    const { made, transport, offer } = withSilentRtc()
    const refused: string[][] = []
    for (let i = 0; i < MAX_OFFERS_PER_SENDER + 3; i += 1) refused.push(offer('mallory@example.org/1'))
    expect(made()).toBe(MAX_OFFERS_PER_SENDER)
    expect(refused.slice(-3)).toEqual([['busy'], ['busy'], ['busy']])
    expect([...transport.dropped]).toEqual([['too many offers of one sender', 3]])
    expect(offer('juliet@example.org/1')).toEqual([])
    expect(made()).toBe(MAX_OFFERS_PER_SENDER + 1)
  })
})

/** Connections that are made and nothing comes of. */
function withSilentRtc() {
  const clock = new VirtualClock()
  let made = 0
  let refusals = 0
  const told = new EventTarget()
  class SilentConnection {
    constructor() {
      made += 1
    }
    createDataChannel() {
      return { addEventListener() {}, close() {} }
    }
    createOffer() {
      return new Promise(() => {})
    }
    setRemoteDescription() {
      return new Promise(() => {})
    }
    addEventListener = told.addEventListener.bind(told)
    close() {}
  }
  const rtc = { RTCPeerConnection: SilentConnection, RTCSessionDescription: Object, RTCIceCandidate: Object }
  const { signalling, arrive } = fakeSignalling()
  const reflection = { iceServers: () => [], refused: () => void refusals++ }
  const transport = new WebrtcTransport({ signalling, reflection, clock, rtc: rtc as unknown as Rtc })
  transport.listen(() => {})
  /** Returns how the session was ended, if it was. */
  const offer = (jid: string) => {
    const session = new FakeSession(endpointOf('webrtc', jid))
    arrive(session, OFFER)
    return session.ends
  }
  /** What a connection tells of itself. */
  const tell = (type: string, facts: object) => told.dispatchEvent(Object.assign(new Event(type), facts))
  return { clock, made: () => made, refusals: () => refusals, transport, offer, tell }
}

function dialAndGiveUp(transport: WebrtcTransport): void {
  const channel = transport.dial(TO_B)
  channel.bind(recording([]))
  channel.close('enough')
}
