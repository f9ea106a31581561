import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import type { ChannelId, Effect } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import { LEAF } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { decodeFrame, encodeFrame, type Frame, type TunnelFrame, WIRE_VERSION } from './wire.ts'

const NAMESPACE = 'd'.repeat(40)
const [SELF, FORWARDER, FAR] = [40, 90, 120].map((fill) => nodeAddress(new Uint8Array(20).fill(fill))) as [
  Address,
  Address,
  Address,
]
const SESSION = 7

describe('a tunnel that is dialled', () => {
  test('goes through whom the far end names, and ends when nobody is left to go through', () => {
    const node = reachingFarThroughForwarder()
    const [opened, ...others] = node.handle({ type: 'tunnel-dial', tunnel: 1, far: FAR }, 10)
    expect(opened).toMatchObject({ type: 'tunnel-opened', tunnel: 1 })
    expect(others).toEqual([])
    const session = opened?.type === 'tunnel-opened' ? opened.session : undefined
    const bytes = Uint8Array.of(1)
    expect(sentIn(node.handle({ type: 'tunnel-send', tunnel: 1, bytes, bulk: false }, 11))).toEqual([
      { channel: -1, ...tunnelled({ from: SELF, to: FAR, session: session as number, payload: bytes }) },
    ])
    expect(node.handle({ type: 'channel-closed', channel: -1, reason: 'gone' }, 12)).toContainEqual({
      type: 'tunnel-closed',
      tunnel: 1,
      reason: 'nobody to forward',
    })
    expect(node.handle({ type: 'tunnel-send', tunnel: 1, bytes, bulk: false }, 13)).toEqual([])
  })

  test('is closed at once where nobody can forward', () => {
    const node = made()
    expect(node.handle({ type: 'tunnel-dial', tunnel: 1, far: FAR }, 10)).toEqual([
      { type: 'tunnel-closed', tunnel: 1, reason: 'nobody to forward' },
    ])
  })
})

describe('a tunnel that arrives', () => {
  test('is told of with its first frame, and answered by the way that it came', () => {
    const node = made()
    link(node, -1, FORWARDER, 'direct')
    expect(hear(node, -1, tunnelled({ kind: 'bulk' }))).toEqual([
      { type: 'tunnel-arrived', tunnel: -1, far: FAR, session: SESSION },
      { type: 'tunnel-frame', tunnel: -1, bytes: Uint8Array.of(1) },
    ])
    expect(hear(node, -1, tunnelled())).toEqual([{ type: 'tunnel-frame', tunnel: -1, bytes: Uint8Array.of(1) }])
    const answer = { fromDialler: false, from: SELF, to: FAR } as const
    const payload = Uint8Array.of(2)
    expect(sentIn(node.handle({ type: 'tunnel-send', tunnel: -1, bytes: payload, bulk: true }, 11))).toEqual([
      { channel: -1, ...tunnelled({ ...answer, kind: 'bulk', payload }) },
    ])
    expect(sentIn(node.handle({ type: 'tunnel-close', tunnel: -1 }, 12))).toEqual([
      { channel: -1, ...tunnelled({ ...answer, kind: 'close', payload: new Uint8Array() }) },
    ])
  })

  test('ends with the word of the far end, and only then', () => {
    const node = made()
    link(node, -1, FORWARDER, 'direct')
    hear(node, -1, tunnelled())
    expect(hear(node, -1, tunnelled({ kind: 'close' }))).toEqual([
      { type: 'tunnel-closed', tunnel: -1, reason: 'closed by the far end' },
    ])
    expect(hear(node, -1, tunnelled({ kind: 'close' }))).toEqual([])
  })
})

describe('a forwarder', () => {
  test.each<[ChannelKind, TunnelFrame['kind'], boolean]>([
    ['relay', 'frame', true],
    ['relay', 'bulk', false],
    ['direct', 'frame', false],
    ['direct', 'bulk', false],
  ])('with a congested %s channel onward passes on a %s: %s', (kind, what, passes) => {
    const node = made()
    link(node, -1, FORWARDER, 'direct')
    link(node, -2, FAR, kind)
    const frame = tunnelled({ kind: what, from: FORWARDER, to: FAR })
    const passed = [{ channel: -2, ...frame }]
    expect(sentIn(hear(node, -1, frame))).toEqual(passed)
    node.handle({ type: 'channel-congested', channel: -2 }, 10)
    expect(sentIn(hear(node, -1, frame))).toEqual(passes ? passed : [])
    expect(node.counters.get('tunnel: congested') ?? 0).toBe(passes ? 0 : 1)
  })
})

test('who leaves keeps the links beneath a tunnel until what it has said through it is on its way', () => {
  const node = reachingFarThroughForwarder()
  node.handle({ type: 'tunnel-dial', tunnel: 1, far: FAR }, 10)
  const closes = (effects: Effect[]) => effects.flatMap((effect) => (effect.type === 'close' ? [effect.channel] : []))
  expect(closes(node.handle({ type: 'leave' }, 11))).toEqual([])
  expect(
    sentIn(node.handle({ type: 'tunnel-send', tunnel: 1, bytes: Uint8Array.of(1), bulk: false }, 11)),
  ).toHaveLength(1)
  expect(node.deadlineMs).toBe(11)
  const last = node.handle({ type: 'wake' }, 11)
  expect(sentIn(last).map(({ channel, type }) => [channel, type])).toEqual([
    [-1, 'goodbye'],
    [-2, 'goodbye'],
  ])
  expect(closes(last)).toEqual([-1, -2])
  expect(node.deadlineMs).toBeUndefined()
})

function made(): Node {
  const transports = [
    { scheme: 'xmpp', kind: 'relay' as const },
    { scheme: 'webrtc', kind: 'direct' as const },
  ]
  return new Node({ address: SELF, incarnation: 1, namespace: NAMESPACE, perSide: 2, transports }, seededRandom(1))
}

/** The far end has a relay, and names the forwarder. */
function reachingFarThroughForwarder(): Node {
  const node = made()
  link(node, -1, FORWARDER, 'direct')
  link(node, -2, FAR, 'relay')
  hear(node, -2, { type: 'forwarders', wanted: false, addresses: [FORWARDER] })
  return node
}

function link(node: Node, channel: ChannelId, from: Address, kind: ChannelKind): void {
  const endpoint = endpointOf(kind === 'relay' ? 'xmpp' : 'webrtc', from)
  node.handle({ type: 'channel-arrived', channel, endpoint, kind }, 0)
  hear(node, channel, {
    type: 'start',
    version: WIRE_VERSION,
    namespace: NAMESPACE,
    attempt: 1,
    incarnation: 5,
    from,
    to: undefined,
    endpoints: [],
    status: { roles: LEAF, hidden: false, size: 1, neighbours: [] },
  })
  hear(node, channel, { type: 'confirm', attempt: 1 })
}

function hear(node: Node, channel: ChannelId, frame: Frame): Effect[] {
  return node.handle({ type: 'frame', channel, bytes: encodeFrame(frame) }, 9)
}

function sentIn(effects: Effect[]): ({ channel: ChannelId } & Frame)[] {
  return effects.flatMap((effect) => {
    const frame = effect.type === 'transmit' ? decodeFrame(effect.bytes) : undefined
    return effect.type === 'transmit' && frame ? [{ channel: effect.channel, ...frame }] : []
  })
}

function tunnelled(changes: Partial<TunnelFrame> = {}): TunnelFrame {
  return {
    type: 'tunnel',
    kind: 'frame',
    fromDialler: true,
    session: SESSION,
    from: FAR,
    to: SELF,
    payload: Uint8Array.of(1),
    ...changes,
  }
}
