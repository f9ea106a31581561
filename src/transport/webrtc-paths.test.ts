import { describe, expect, it } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { type Channel, MAX_FRAME_BYTES } from '../ports.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { type FakeDataChannel, FakePeer, fakeSignalling, OFFER, recording } from './fake-rtc.ts'
import { buildSdp } from './session-description.ts'
import { WebrtcChannel } from './webrtc-channel.ts'
import { SHARED_CONGESTED_ABOVE_BYTES } from './webrtc-path.ts'
import { MAX_PATHS, WebrtcPaths } from './webrtc-paths.ts'

const TO_B = endpointOf('webrtc', 'b@example.org/1')
const BINDING = Uint8Array.of(1, 2, 3)

describe('a path', () => {
  it('opens where the far end runs an overlay of that name, and carries frames both ways', async () => {
    const { a, b } = connected()
    b.take('c0ffee.1')
    const near = record(a.paths.openPath('c0ffee.1'))
    near.channel.send(Uint8Array.of(1))
    expect(near.events).toEqual([])
    await settle()
    const [far] = b.taken
    far?.channel.send(Uint8Array.of(2))
    await settle()
    expect(near.events).toEqual(['opened', 'message 2'])
    expect(far?.events).toEqual(['message 1'])
  })

  it('opens when its data channel is open, also where the answer and more is handed over before that', async () => {
    const { peers, a } = connected()
    const { channel, events } = record(a.paths.openPath('01'))
    channel.send(Uint8Array.of(1))
    const [dataChannel] = peers.a.announced
    for (const byte of [1, 8]) dataChannel?.receive(Uint8Array.of(byte).buffer)
    expect(events).toEqual([])
    dataChannel?.open()
    expect(events).toEqual(['opened', 'message 8'])
    expect(dataChannel?.bufferedAmount).toBe(1)

    const flooded = record(a.paths.openPath('01'))
    for (let i = 0; i < 100; i += 1) peers.a.announced[1]?.receive(new ArrayBuffer(1))
    expect(flooded.events).toEqual(['closed too much before the path was open'])
  })

  it('is refused where the far end runs no overlay of that name, which counts it', async () => {
    const { a, b } = connected()
    b.take('c0ffee')
    const { events } = record(a.paths.openPath('decaf'))
    await settle()
    expect(events).toEqual(['closed refused'])
    expect(b.dropped).toEqual({ 'path refused': 1 })
    expect(b.taken).toEqual([])
  })

  it('waits for whoever can say whether it is wanted, but not longer than the deadline', async () => {
    const { clock, a, b } = connected()
    const early = record(a.paths.openPath('01'))
    await settle()
    expect(early.events).toEqual([])
    b.take('01')
    await settle()
    expect(early.events).toEqual(['opened'])

    const { clock: other, a: asks, b: silent } = connected()
    const { events } = record(asks.paths.openPath('01'))
    await settle()
    other.run(5_000)
    await settle()
    expect(events).toEqual(['closed refused'])
    expect(silent.dropped).toEqual({ 'path refused': 1 })
    clock.run(60_000)
    expect(early.events).toEqual(['opened'])
  })

  it('closes when the far end does not answer in time', async () => {
    const { clock, peers, a } = connected()
    const { events } = record(a.paths.openPath('01'))
    const [dataChannel] = peers.a.announced
    if (dataChannel?.far) dataChannel.far.isHeldUp = true
    await settle()
    clock.run(9_999)
    expect(events).toEqual([])
    clock.run(1)
    expect(events).toEqual(['closed timeout'])
  })

  it('is taken or refused once its data channel is open, where the platform announces it before', async () => {
    const { peers, b } = connected()
    b.take('01')
    const received: number[][] = []
    for (const [name, answer] of [
      ['01', 1],
      ['02', 0],
    ] as const) {
      listen(peers.a.announce(`path:${name}`, false), received)
      await settle()
      expect(received).toEqual([])
      peers.b.arrived.at(-1)?.open()
      await settle()
      expect(received.splice(0)).toEqual([[answer]])
    }
  })

  it('keeps its order whatever others do', async () => {
    const { peers, a, b } = connected()
    b.take('01', '02')
    const first = record(a.paths.openPath('01'))
    const second = record(a.paths.openPath('02'))
    await settle()
    const [slow] = peers.a.announced
    if (slow) slow.isHeldUp = true
    for (let i = 0; i < 5; i += 1) {
      first.channel.send(Uint8Array.of(10 + i))
      second.channel.send(Uint8Array.of(20 + i))
    }
    await settle()
    expect(b.taken.map(({ events }) => events)).toEqual([[], messages(20, 5)])
    slow?.release()
    await settle()
    expect(b.taken.map(({ events }) => events)).toEqual([messages(10, 5), messages(20, 5)])
  })

  it('that is congested does not make another congested, and is writable again when little is left', async () => {
    const { peers, a, b } = connected()
    b.take('01', '02')
    const [full, idle] = [record(a.paths.openPath('01')), record(a.paths.openPath('02'))]
    await settle()
    const [slow] = peers.a.announced
    if (slow) slow.isHeldUp = true
    full.channel.send(new Uint8Array(SHARED_CONGESTED_ABOVE_BYTES))
    expect(full.channel.congested).toBe(false)
    full.channel.send(new Uint8Array(1))
    idle.channel.send(new Uint8Array(1))
    expect([full.channel.congested, idle.channel.congested]).toEqual([true, false])
    slow?.release()
    expect(full.channel.congested).toBe(false)
    expect([full.events, idle.events]).toEqual([['opened', 'writable'], ['opened']])
  })

  it('leaves others and the connection alone when it closes, after what was sent', async () => {
    const { a, b, peers } = connected()
    b.take('01')
    const [first, second] = [record(a.paths.openPath('01')), record(a.paths.openPath('01'))]
    await settle()
    first.channel.send(Uint8Array.of(1))
    first.channel.close('done')
    first.channel.send(Uint8Array.of(9))
    await settle()
    second.channel.send(Uint8Array.of(2))
    await settle()
    expect(b.taken.map(({ events }) => events)).toEqual([['message 1', 'closed closed by the far end'], ['message 2']])
    expect([first.events, second.events]).toEqual([['opened'], ['opened']])
    expect(peers.a.destroyed || peers.b.destroyed).toBe(false)
  })

  it('is bound to the connection and to its name, alike at both ends', async () => {
    const { a, b } = connected()
    b.take('01', '02')
    const near = ['01', '02'].map((name) => record(a.paths.openPath(name)).channel.binding)
    await settle()
    const far = b.taken.map(({ channel }) => channel.binding)
    expect(far).toEqual(near)
    expect(far[0]).not.toEqual(far[1])
    expect(far[0]?.slice(0, BINDING.length)).toEqual(BINDING)
  })

  it('closes when it is given more than the limit, whether open or not', async () => {
    const { peers, a, b } = connected()
    b.take('01')
    for (const isOpen of [false, true]) {
      const { channel, events } = record(a.paths.openPath('01'))
      if (isOpen) await settle()
      const dataChannel = peers.a.announced.at(-1)
      if (dataChannel) dataChannel.isHeldUp = true
      for (let i = 0; i < 200; i += 1) channel.send(new Uint8Array(65_536))
      await settle()
      expect(events.at(-1)).toBe('closed too much unsent')
    }
  })
})

describe('what a stranger does with paths', () => {
  it.each([
    ['text', 'accepted'],
    ['an unknown code', Uint8Array.of(7).buffer],
    ['nothing', new ArrayBuffer(0)],
    ['a frame', Uint8Array.of(1, 1).buffer],
  ])('in place of an answer ends the path: %s', async (_, said) => {
    const { peers, a } = connected()
    const { events } = record(a.paths.openPath('01'))
    await settle()
    peers.a.announced[0]?.receive(said)
    expect(events).toEqual(['closed unusable answer'])
    expect(a.dropped).toEqual({ 'unusable answer': 1 })
    peers.a.announced[0]?.receive(Uint8Array.of(1).buffer)
    expect(events).toEqual(['closed unusable answer'])
  })

  it('before it has an answer is not kept, and ends the path', async () => {
    const { peers, b } = connected()
    const dataChannel = peers.a.announce('path:01')
    await settle()
    dataChannel.send(new Uint8Array(100))
    await settle()
    expect(b.dropped).toEqual({ 'frame before its answer': 1 })
    expect(dataChannel.readyState).toBe('closed')
    b.take('01')
    expect(b.taken).toEqual([])
  })

  it.each(['path:', 'path:X', 'path:01/02', `path:${'0'.repeat(65)}`, '01', ''])(
    'under the label “%s” is closed and counted',
    async (label) => {
      const { peers, b } = connected()
      b.take('01')
      const dataChannel = peers.a.announce(label)
      await settle()
      expect(b.dropped).toEqual({ 'unknown data channel': 1 })
      expect(dataChannel.readyState).toBe('closed')
    },
  )

  it('beyond the number of paths is told that it is too much, and so are we', async () => {
    const { a, b } = connected()
    b.take('01')
    const near = Array.from({ length: MAX_PATHS + 1 }, () => record(a.paths.openPath('01')))
    await settle()
    expect(b.taken.length).toBe(MAX_PATHS)
    expect(near.at(-1)?.events).toEqual(['closed too many paths'])

    const { peers, b: other } = connected()
    const received: number[][] = []
    for (let i = 0; i <= MAX_PATHS; i += 1) listen(peers.a.announce('path:01'), received)
    await settle()
    expect(other.dropped).toEqual({ 'path busy': 1 })
    expect(received).toEqual([[2]])
    near[0]?.channel.close('done')
    await settle()
    const late = record(a.paths.openPath('01'))
    await settle()
    expect(late.events).toEqual(['opened'])
  })

  it('is told apart by the opener: too many is not refused', async () => {
    const { peers, a } = connected()
    const { events } = record(a.paths.openPath('01'))
    await settle()
    peers.a.announced[0]?.receive(Uint8Array.of(2).buffer)
    expect(events).toEqual(['closed busy'])
  })

  it('on an open path: text is dropped, a frame that is too large ends it', async () => {
    const { peers, a, b } = connected()
    b.take('01')
    const { events } = record(a.paths.openPath('01'))
    await settle()
    peers.a.announced[0]?.receive('text')
    peers.a.announced[0]?.receive(new ArrayBuffer(MAX_FRAME_BYTES + 1))
    expect(events).toEqual(['opened', 'closed frame too large'])
    expect(a.dropped).toEqual({ 'text frame': 1, 'frame too large': 1 })
  })
})

describe('the paths of a WebRTC channel', () => {
  it('are there while it is open', () => {
    const { channel, open } = dialled()
    expect(channel.paths).toBeUndefined()
    open()
    expect(channel.paths).toBeDefined()
    channel.close('done')
    expect(channel.paths).toBeUndefined()
  })

  it('close with it for the same reason, and none opens any more', async () => {
    for (const [end, reason] of [
      ['lost', 'ice failed'],
      ['closed', 'done'],
    ] as const) {
      const { peer, channel, open } = dialled()
      open()
      const { paths } = channel
      const path = paths && record(paths.openPath('01'))
      const second = paths && record(paths.openPath('02'))
      await settle()
      peer.announced[0]?.receive(Uint8Array.of(1).buffer)
      if (end === 'lost') peer.events?.closed('ice failed')
      else channel.close('done')
      await settle()
      expect([path?.events, second?.events]).toEqual([['opened', `closed ${reason}`], [`closed ${reason}`]])
      expect(peer.announced.map(({ readyState }) => readyState)).toEqual(['closed', 'closed'])
      const late = paths && record(paths.openPath('01'))
      await settle()
      expect(late?.events).toEqual([`closed ${reason}`])
    }
  })

  it('are of its kind, and say so when it becomes another', async () => {
    const { peer, channel, open } = dialled()
    open()
    const path = record(channel.paths?.openPath('01') as Channel)
    await settle()
    peer.announced[0]?.receive(Uint8Array.of(1).buffer)
    peer.chooseInStatistics('relay', 'host')
    peer.tell('selectedcandidatepairchange')
    await settle()
    expect(path.events).toEqual(['opened', 'kind changed'])
    expect(path.channel.kind).toBe('turn')
    expect(path.channel.candidatePair).toEqual(channel.candidatePair)
  })

  it('make it congested as early as they are themselves, as long as there are any', async () => {
    const { peer, channel, open } = dialled()
    open()
    channel.send(new Uint8Array(SHARED_CONGESTED_ABOVE_BYTES + 1))
    expect(channel.congested).toBe(false)
    const path = record(channel.paths?.openPath('01') as Channel)
    channel.send(new Uint8Array(1))
    expect(channel.congested).toBe(true)
    expect(peer.dataChannel.bufferedAmountLowThreshold).toBe(SHARED_CONGESTED_ABOVE_BYTES / 4)
    peer.dataChannel.drain()
    expect(channel.congested).toBe(false)
    path.channel.close('done')
    channel.send(new Uint8Array(SHARED_CONGESTED_ABOVE_BYTES + 1))
    expect(channel.congested).toBe(false)
  })

  it('close at once where the platform refuses a data channel', async () => {
    const { peer, channel, open } = dialled()
    open()
    peer.far = undefined
    const { events } = record(channel.paths?.openPath('01') as Channel)
    expect(events).toEqual([])
    await settle()
    expect(events).toEqual(['closed no path'])
  })
})

type Record = { channel: Channel; events: string[] }

function record(channel: Channel): Record {
  const events: string[] = []
  channel.bind(recording(events))
  return { channel, events }
}

/** Both ends of a connection, whose first channel is open. */
function connected() {
  const clock = new VirtualClock()
  const peers = { a: new FakePeer(), b: new FakePeer() }
  peers.a.meet(peers.b)
  const end = (peer: FakePeer) => {
    const dropped: { [reason: string]: number } = {}
    const drop = (reason: string) => {
      dropped[reason] = (dropped[reason] ?? 0) + 1
    }
    const first = { kind: 'direct', endpoint: TO_B, binding: BINDING } as Channel
    const paths = new WebrtcPaths({ clock, drop }, first, peer.connection)
    const taken: Record[] = []
    const take = (...names: string[]) =>
      paths.listenPaths((name) => (names.includes(name) ? (path) => taken.push(record(path)) : undefined))
    return { paths, dropped, taken, take }
  }
  return { clock, peers, a: end(peers.a), b: end(peers.b) }
}

/** A WebRTC channel, whose connection's far end has nobody who would answer. */
function dialled() {
  const peer = new FakePeer()
  peer.choose('host', 'host')
  peer.meet(new FakePeer())
  const { signalling, offers } = fakeSignalling()
  const keeper = { clock: new VirtualClock(), signalling, arrived() {}, forget() {}, drop() {} }
  const channel = new WebrtcChannel(keeper, TO_B, peer)
  channel.bind(recording([]))
  const open = () => {
    peer.events?.signal({ type: 'offer', sdp: buildSdp(OFFER) ?? '' })
    offers[0]?.session.events?.accepted({ ...OFFER, setup: 'active' })
    peer.dataChannel.open()
  }
  return { peer, channel, open }
}

function listen(dataChannel: FakeDataChannel, received: number[][]): void {
  dataChannel.onmessage = ({ data }: { data: unknown }) => received.push([...new Uint8Array(data as ArrayBuffer)])
}

function messages(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `message ${from + i}`)
}

/** Until nothing is under way in memory any more. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
}
