import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import type { ChannelId } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import { LEAF } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { encodeFrame, WIRE_VERSION } from './wire.ts'

const NAMESPACE = 'd'.repeat(40)
const self = nodeAddress(new Uint8Array(20).fill(40))
const other = nodeAddress(new Uint8Array(20).fill(90))

function makeNode(): Node {
  const transports = [
    { scheme: 'xmpp', kind: 'relay' as const },
    { scheme: 'webrtc', kind: 'direct' as const },
  ]
  return new Node({ address: self, incarnation: 1, namespace: NAMESPACE, perSide: 2, transports }, seededRandom(1))
}

function arrive(node: Node, channel: ChannelId, scheme: string, kind: ChannelKind): void {
  node.handle({ type: 'channel-arrived', channel, endpoint: endpointOf(scheme, 'other'), kind }, 0)
  const start = encodeFrame({
    type: 'start',
    version: WIRE_VERSION,
    namespace: NAMESPACE,
    attempt: 1,
    incarnation: 5,
    from: other,
    to: undefined,
    endpoints: [],
    status: { roles: LEAF, hidden: false, size: 1, neighbours: [] },
  })
  node.handle({ type: 'frame', channel, bytes: start }, 1)
}

function confirm(node: Node, channel: ChannelId): void {
  node.handle({ type: 'frame', channel, bytes: encodeFrame({ type: 'confirm', attempt: 1 }) }, 2)
}

describe('a channel that takes another path', () => {
  test('is of another kind from then on, and the application hears of it once', () => {
    const node = makeNode()
    arrive(node, -1, 'webrtc', 'direct')
    confirm(node, -1)
    const turn = { type: 'channel-rerouted', channel: -1, kind: 'turn' } as const
    expect(node.handle(turn, 3)).toContainEqual({ type: 'peer', change: 'changed', address: other })
    expect(node.table.get(other)?.active?.kind).toBe('turn')
    expect(node.handle(turn, 4)).toEqual([])
    node.handle({ type: 'channel-rerouted', channel: -1, kind: 'direct' }, 5)
    expect(node.table.get(other)?.active?.kind).toBe('direct')
  })

  test('goes on carrying the traffic while it is better than the relay that stands by', () => {
    const node = makeNode()
    for (const [channel, scheme, kind] of [
      [-1, 'xmpp', 'relay'],
      [-2, 'webrtc', 'direct'],
    ] as const) {
      arrive(node, channel, scheme, kind)
      confirm(node, channel)
    }
    expect(node.table.get(other)?.active?.id).toBe(-2)
    node.handle({ type: 'channel-rerouted', channel: -2, kind: 'turn' }, 3)
    expect(node.table.get(other)?.active).toMatchObject({ id: -2, kind: 'turn' })
  })

  test('while the two still greet each other makes a link of the other kind', () => {
    const node = makeNode()
    arrive(node, -1, 'webrtc', 'direct')
    node.handle({ type: 'channel-rerouted', channel: -1, kind: 'turn' }, 2)
    confirm(node, -1)
    expect(node.table.get(other)?.active?.kind).toBe('turn')
  })

  test('that the node does not know, or does not know any more, changes nothing', () => {
    const node = makeNode()
    expect(node.handle({ type: 'channel-rerouted', channel: -7, kind: 'turn' }, 1)).toEqual([])
  })
})
