import { describe, expect, it, vi } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { FakeSession, fakeSignalling, OFFER, recording } from './fake-rtc.ts'
import { WebrtcTransport } from './webrtc.ts'

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
