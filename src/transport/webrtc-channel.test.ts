import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { type IceCandidate, MAX_FRAME_BYTES, type SessionDescription } from '../ports.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { bindingOf } from './dtls-binding.ts'
import { FakePeer, fakeSignalling, OFFER, type Offered, recording } from './fake-rtc.ts'
import { buildSdp } from './session-description.ts'
import { WebrtcChannel } from './webrtc-channel.ts'

const TO_B = endpointOf('webrtc', 'b@example.org/1')
const MIB = 1_048_576

const ANSWER: SessionDescription = { ...OFFER, setup: 'active' }
const CANDIDATE: IceCandidate = {
  foundation: '1',
  component: 1,
  protocol: 'udp',
  priority: 100,
  ip: '192.0.2.1',
  port: 1_000,
  type: 'host',
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a WebRTC channel that we dial', () => {
  it('offers what its connection describes, and hands over the answer and the candidates', () => {
    const { peer, offers } = dialled()
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    expect(offers.map(({ to, offer }) => ({ to, offer }))).toEqual([{ to: TO_B, offer: OFFER }])
    const { session } = offered(offers)
    peer.events?.signal({
      type: 'candidate',
      candidate: { candidate: 'candidate:1 1 udp 100 192.0.2.1 1000 typ host' },
    })
    peer.events?.signal({ type: 'candidate', candidate: { candidate: '' } })
    expect(session.local).toEqual([CANDIDATE])
    session.events?.accepted(ANSWER)
    session.events?.candidates([CANDIDATE])
    expect(peer.signals).toEqual([
      { type: 'answer', sdp: buildSdp(ANSWER) },
      {
        type: 'candidate',
        candidate: { candidate: 'candidate:1 1 UDP 100 192.0.2.1 1000 typ host', sdpMid: '0', sdpMLineIndex: 0 },
      },
    ])
  })

  it('is bound to the offer and the answer, also while its connection does not tell the far one yet', () => {
    const { channel } = opened()
    const far = dialled()
    const other = {
      ...ANSWER,
      fingerprint: { ...ANSWER.fingerprint, value: ANSWER.fingerprint.value.replace('AB', 'CD') },
    }
    far.peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    offered(far.offers).session.events?.accepted(other)
    far.peer.dataChannel.open()
    expect(channel.binding).toEqual(bindingOf(OFFER, ANSWER))
    expect(far.channel.binding).toEqual(bindingOf(OFFER, other))
    expect(far.channel.binding).not.toEqual(channel.binding)
  })

  it('tells of its way through a TURN server only when no other has been found for a while', () => {
    const relayed = { ...CANDIDATE, type: 'relay' as const, relatedAddress: '0.0.0.0', relatedPort: 9 }
    const line = 'candidate:1 1 udp 100 192.0.2.1 1000 typ relay raddr 0.0.0.0 rport 9'
    for (const opensMeanwhile of [false, true]) {
      const { peer, offers } = dialled()
      peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
      const { session } = offered(offers)
      for (let count = 0; count < 2; count++) peer.events?.signal({ type: 'candidate', candidate: { candidate: line } })
      expect(session.local).toEqual([])
      if (opensMeanwhile) open({ peer, offers })
      vi.advanceTimersByTime(2_000)
      expect(session.local).toEqual(opensMeanwhile ? [] : [relayed, relayed])
    }
  })

  it('closes with the reason of its signalling, and with its connection', () => {
    const { peer, offers, events } = dialled()
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    offered(offers).session.events?.ended('service-unavailable')
    expect(events).toEqual(['closed service-unavailable'])
    expect(peer.destroyed).toBe(true)
  })

  it('closes when it does not open in time, ends its signalling, and tells how far ICE was', () => {
    const { peer, offers, events } = dialled()
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    vi.advanceTimersByTime(14_999)
    expect(events).toEqual([])
    peer.iceConnectionState = 'checking'
    vi.advanceTimersByTime(1)
    expect(events).toEqual(['closed timeout, ice checking'])
    expect(offered(offers).session.ends).toEqual(['timeout'])
    expect(peer.destroyed).toBe(true)
  })

  it('closes with the cause of its connection', () => {
    const { peer, events } = dialled()
    peer.events?.closed('ice failed')
    expect(events).toEqual(['closed ice failed'])
  })

  it('lives on without its signalling once it is open', () => {
    const { peer, offers, events } = dialled()
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    open({ peer, offers })
    offered(offers).session.events?.ended('disconnected')
    vi.advanceTimersByTime(60_000)
    expect(events).toEqual(['opened'])
  })

  it('takes no more remote candidates than the limit, and none that would spoil an SDP', () => {
    const { peer, offers, dropped } = dialled()
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    const { session } = offered(offers)
    session.events?.candidates([{ ...CANDIDATE, ip: '192.0.2.1\r\na=x' }])
    for (let i = 0; i < 100; i += 1) session.events?.candidates([CANDIDATE])
    expect(peer.signals.length).toBe(63)
    expect(dropped).toEqual({ 'unusable candidate': 1, 'too many candidates': 37 })
  })

  it('survives a signal that its connection refuses', () => {
    const { peer, offers, dropped } = dialled()
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    peer.refuses = true
    offered(offers).session.events?.candidates([CANDIDATE])
    expect(dropped).toEqual({ 'refused signal': 1 })
  })
})

describe('an open WebRTC channel', () => {
  it.each([
    ['host', 'prflx', 'direct'],
    ['relay', 'host', 'turn'],
    ['srflx', 'relay', 'turn'],
  ])('tells from the candidates %s and %s that it is %s', async (local, remote, kind) => {
    const { peer, channel, offers } = dialled()
    peer.choose(local, remote)
    open({ peer, offers })
    await vi.advanceTimersByTimeAsync(0)
    expect(channel.kind).toBe(kind)
    expect(channel.candidatePair).toEqual({
      local: { type: local, protocol: 'udp' },
      remote: { type: remote, protocol: 'udp' },
    })
  })

  it('asks the statistics once where the transport does not know its pair', async () => {
    const { peer, channel, events, offers } = dialled()
    peer.chooseInStatistics('relay', 'host')
    open({ peer, offers })
    expect(events).toEqual([])
    await vi.advanceTimersByTimeAsync(0)
    expect(events).toEqual(['opened'])
    expect(channel.kind).toBe('turn')
    expect(peer.looks).toBe(1)
  })

  it('tells how it reaches its TURN server, which only the statistics know when that is over UDP', async () => {
    const { peer, channel, offers } = dialled()
    peer.choose('relay', 'host')
    open({ peer, offers })
    expect(channel.candidatePair).toBeUndefined()
    const looking = dialled()
    const { peer: looked, channel: known } = looking
    looked.chooseInStatistics('relay', 'host', { relayProtocol: 'udp', address: '192.0.2.1', url: 'turn:a' })
    open(looking)
    await vi.advanceTimersByTimeAsync(0)
    expect(known.candidatePair).toEqual({
      local: { type: 'relay', protocol: 'udp', family: 'ipv4', relayProtocol: 'udp' },
      remote: { type: 'host', protocol: 'udp' },
    })
  })

  it('follows ICE to another pair, and says so when that makes it another kind', async () => {
    const { peer, channel, events, offers } = dialled()
    peer.choose('host', 'host')
    open({ peer, offers })
    expect(channel.kind).toBe('direct')
    peer.chooseInStatistics('relay', 'srflx', { relayProtocol: 'tls' })
    peer.tell('selectedcandidatepairchange')
    await vi.advanceTimersByTimeAsync(0)
    expect(channel.kind).toBe('turn')
    expect(channel.candidatePair?.local.relayProtocol).toBe('tls')
    expect(events).toEqual(['opened', 'kind changed'])
    peer.tell('iceconnectionstatechange')
    await vi.advanceTimersByTimeAsync(0)
    expect(events).toEqual(['opened', 'kind changed'])
    peer.choose('host', 'host')
    peer.tell('iceconnectionstatechange')
    await vi.advanceTimersByTimeAsync(0)
    expect(channel.kind).toBe('direct')
    expect(events).toEqual(['opened', 'kind changed', 'kind changed'])
  })

  it('looks once more, and not each time, when ICE changes its mind while it looks', async () => {
    const { peer, channel, offers } = dialled()
    peer.choose('host', 'host')
    open({ peer, offers })
    peer.chooseInStatistics('relay', 'host', { relayProtocol: 'udp' })
    for (let i = 0; i < 10; i += 1) peer.tell('selectedcandidatepairchange')
    await vi.advanceTimersByTimeAsync(0)
    expect(channel.kind).toBe('turn')
    expect(peer.looks).toBe(2)
  })

  it('says nothing of its path any more once it is closed', async () => {
    const { peer, channel, events, offers } = dialled()
    peer.choose('host', 'host')
    open({ peer, offers })
    peer.chooseInStatistics('relay', 'host', { relayProtocol: 'udp' })
    peer.tell('selectedcandidatepairchange')
    channel.close('enough')
    await vi.advanceTimersByTimeAsync(0)
    expect(events).toEqual(['opened'])
  })

  it('delivers what came before it knew its kind only after it has opened, and sends what waited', async () => {
    const { peer, channel, events, offers } = dialled()
    channel.send(Uint8Array.of(7))
    peer.chooseInStatistics('host', 'host')
    open({ peer, offers })
    peer.dataChannel.receive(Uint8Array.of(1).buffer)
    peer.dataChannel.receive(Uint8Array.of(2).buffer)
    expect(peer.dataChannel.sent).toEqual([])
    await vi.advanceTimersByTimeAsync(0)
    expect(events).toEqual(['opened', 'message 1', 'message 2'])
    expect(peer.dataChannel.sent).toEqual([Uint8Array.of(7)])
  })

  it('is congested above one mebibyte and writable again when the browser says that little is left', () => {
    const { peer, channel, events } = opened()
    expect(peer.dataChannel.bufferedAmountLowThreshold).toBe(MIB / 4)
    peer.dataChannel.bufferedAmount = MIB
    channel.send(new Uint8Array(0))
    expect(channel.congested).toBe(false)
    channel.send(new Uint8Array(1))
    expect(channel.congested).toBe(true)
    peer.dataChannel.drain()
    expect(channel.congested).toBe(false)
    expect(events).toEqual(['opened', 'writable'])
  })

  it('closes when it takes more than the limit, whether open or not', async () => {
    for (const { channel, events } of [opened(), dialled()]) {
      for (let i = 0; i < 1_000; i += 1) channel.send(new Uint8Array(65_536))
      await vi.advanceTimersByTimeAsync(0)
      expect(events.at(-1)).toBe('closed too much unsent')
    }
  })

  it('closes when the far end takes no message of that size', async () => {
    const { peer, channel, events } = opened()
    peer.dataChannel.refuses = true
    channel.send(new Uint8Array(10))
    expect(events).toEqual(['opened'])
    await vi.advanceTimersByTimeAsync(0)
    expect(events.at(-1)).toBe('closed send failed: TypeError')
  })

  it('counts text and drops it, and closes at a frame that is too large', () => {
    const { peer, events, dropped } = opened()
    peer.dataChannel.receive('text')
    peer.dataChannel.receive(new ArrayBuffer(MAX_FRAME_BYTES + 1))
    expect(events).toEqual(['opened', 'closed frame too large'])
    expect(dropped).toEqual({ 'text frame': 1, 'frame too large': 1 })
    expect(peer.destroyed).toBe(true)
  })

  it('closes its data channel first, and its connection when that is done or takes too long', () => {
    const done = opened()
    done.channel.close('done')
    expect([done.peer.dataChannel.readyState, done.peer.destroyed]).toEqual(['closing', false])
    done.peer.events?.closed(undefined)
    expect(done.forgotten()).toBe(1)

    const slow = opened()
    slow.channel.close('done')
    vi.advanceTimersByTime(4_999)
    expect(slow.peer.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(slow.peer.destroyed).toBe(true)
    expect(slow.events).toEqual(['opened'])
  })
})

function dialled() {
  const peer = new FakePeer()
  peer.choose('host', 'host')
  const { signalling, offers } = fakeSignalling()
  const dropped: Record<string, number> = {}
  let forgotten = 0
  const keeper = {
    clock: timerClock,
    signalling,
    arrived() {},
    forget() {
      forgotten += 1
    },
    drop(reason: string) {
      dropped[reason] = (dropped[reason] ?? 0) + 1
    },
  }
  const channel = new WebrtcChannel(keeper, TO_B, peer)
  const events: string[] = []
  channel.bind(recording(events))
  return { peer, channel, events, offers, dropped, forgotten: () => forgotten }
}

function opened() {
  const all = dialled()
  open(all)
  return all
}

/** The two agree, and then their data channel opens. */
function open({ peer, offers }: { peer: FakePeer; offers: Offered[] }) {
  if (offers.length === 0) peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
  offered(offers).session.events?.accepted(ANSWER)
  peer.dataChannel.open()
}

function offered(offers: Offered[]): Offered {
  const [first] = offers
  if (first === undefined) throw new Error('Nothing was offered.')
  return first
}
