import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, directionalAddress, nodeAddress } from './address.ts'
import type { ChannelId, Effect, Input } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import { LEAF, NO_ROLES, type RoleBits } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { decodeFrame, encodeFrame, encodeRequest, type Frame, WIRE_VERSION } from './wire.ts'

const NAMESPACE = 'd'.repeat(40)
const self = nodeAddress(new Uint8Array(20).fill(40))
const other = nodeAddress(new Uint8Array(20).fill(90))

function makeNode(): Node {
  const transports = [
    { scheme: 'xmpp', kind: 'relay' as const },
    { scheme: 'webrtc', kind: 'direct' as const },
  ]
  const node = new Node(
    { address: self, incarnation: 1, namespace: NAMESPACE, perSide: 2, transports },
    seededRandom(1),
  )
  node.handle({ type: 'endpoints-changed', endpoints: [endpointOf('xmpp', 'self')] }, 0)
  return node
}

function start(from: Address, changes: Partial<Extract<Frame, { type: 'start' }>> = {}): Uint8Array {
  return encodeFrame({
    type: 'start',
    version: WIRE_VERSION,
    namespace: NAMESPACE,
    attempt: 1,
    incarnation: 5,
    from,
    to: undefined,
    endpoints: [endpointOf('xmpp', 'other')],
    status: { roles: LEAF, hidden: false, size: 1, neighbours: [] },
    ...changes,
  })
}

function arrive(node: Node, channel: ChannelId): void {
  node.handle({ type: 'channel-arrived', channel, endpoint: endpointOf('xmpp', 'other'), kind: 'relay' }, 0)
}

function linked(from = other): Node {
  const node = makeNode()
  arrive(node, -1)
  node.handle({ type: 'frame', channel: -1, bytes: start(from) }, 1)
  node.handle({ type: 'frame', channel: -1, bytes: encodeFrame({ type: 'confirm', attempt: 1 }) }, 2)
  return node
}

function framesIn(effects: Effect[]): (Frame | undefined)[] {
  return effects.flatMap((effect) => (effect.type === 'transmit' ? [decodeFrame(effect.bytes)] : []))
}

describe('a node that is dialled', () => {
  test('is linked only when the dialler has confirmed', () => {
    const node = makeNode()
    arrive(node, -1)
    const [accept] = framesIn(node.handle({ type: 'frame', channel: -1, bytes: start(other) }, 1))
    expect(accept?.type).toBe('accept')
    expect(node.table.size).toBe(0)
    node.handle({ type: 'frame', channel: -1, bytes: encodeFrame({ type: 'confirm', attempt: 1 }) }, 2)
    expect(node.table.size).toBe(1)
  })

  for (const [code, changes] of [
    ['wrong-version', { version: 99 }],
    ['wrong-namespace', { namespace: 'e'.repeat(40) }],
    ['wrong-target', { to: nodeAddress(new Uint8Array(20).fill(3)) }],
    ['self', { from: self }],
  ] as const) {
    test(`refuses ${code}, says so, closes and counts`, () => {
      const node = makeNode()
      arrive(node, -1)
      const effects = node.handle({ type: 'frame', channel: -1, bytes: start(other, changes) }, 1)
      expect(framesIn(effects)).toEqual([{ type: 'refuse', attempt: 1, code }])
      expect(effects.map(({ type }) => type)).toContain('close')
      expect(node.counters.get(`link: refused, ${code}`)).toBe(1)
    })
  }

  test('gives up a dialler that never says anything', () => {
    const node = makeNode()
    arrive(node, -1)
    const effects: Effect[] = []
    while (node.deadlineMs !== undefined) effects.push(...node.handle({ type: 'wake' }, node.deadlineMs))
    expect(effects).toContainEqual({ type: 'close', channel: -1, reason: 'awaiting-start timed out' })
  })

  test('keeps a limited number of diallers that say nothing', () => {
    const node = makeNode()
    const closed: Effect[] = []
    for (let channel = -1; channel >= -300; channel--) {
      const input: Input = { type: 'channel-arrived', channel, endpoint: endpointOf('xmpp', 'x'), kind: 'relay' }
      closed.push(...node.handle(input, 0))
    }
    expect(closed.filter(({ type }) => type === 'close')).toHaveLength(300 - 96)
  })
})

describe('a node with a new incarnation', () => {
  test('takes the place of the earlier one', () => {
    const node = linked()
    arrive(node, -2)
    node.handle({ type: 'frame', channel: -2, bytes: start(other, { incarnation: 6 }) }, 3)
    const effects = node.handle({ type: 'frame', channel: -2, bytes: encodeFrame({ type: 'confirm', attempt: 1 }) }, 4)
    const changes = effects.flatMap((effect) => (effect.type === 'peer' ? [effect.change] : []))
    expect(changes.slice(0, 2)).toEqual(['left', 'joined'])
    expect(effects).toContainEqual({ type: 'close', channel: -1, reason: 'new incarnation' })
    expect(node.table.get(other)?.incarnation).toBe(6)
  })
})

describe('hostile bytes', () => {
  const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(nodeAddress)
  const roles = fc.integer({ min: 0, max: 15 }).map((bits) => bits as RoleBits)
  const status = fc.record({
    roles,
    hidden: fc.boolean(),
    size: fc.nat({ max: 65_535 }),
    neighbours: fc.array(fc.oneof(address, fc.constant(self), fc.constant(other)), { maxLength: 8 }),
  })
  const data = fc
    .record({
      stream: fc.nat({ max: 3 }),
      sequence: fc.nat({ max: 9 }),
      after: fc.option(address, { nil: undefined }),
    })
    .map(({ after, ...head }) => ({
      ...head,
      ackStream: 1,
      ack: 1,
      content: { type: 'broadcast' as const, origin: other, id: 1, after, until: other, data: Uint8Array.of(1) },
    }))
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.record({ id: fc.nat(), via: fc.option(address, { nil: undefined }), role: roles }).map((request) =>
      encodeRequest({
        ...request,
        method: 'connect',
        endpoints: [endpointOf('xmpp', 'victim')],
        forwarders: [other],
      }),
    ),
    data.map((data) => encodeFrame({ type: 'data', data }).slice(1)),
  )
  const packet = fc.record({
    type: fc.constant('packet' as const),
    mode: fc.constantFrom('greedy' as const, 'annealing' as const, 'exact' as const, 'path' as const, 'last' as const),
    hops: fc.nat({ max: 255 }),
    ttl: fc.nat({ max: 255 }),
    body: fc.constantFrom('request', 'reply', 'forward', 'data', 'ack', 'reset'),
    source: fc.oneof(address, fc.constant(self), fc.constant(other)),
    destination: fc.oneof(
      address,
      fc.constant(self),
      fc.constant(other),
      fc.constantFrom(directionalAddress('left'), directionalAddress('right')),
    ),
    payload,
  })
  const nested = packet.map((inner) => ({
    ...inner,
    body: 'forward' as const,
    payload: encodeFrame(inner as Frame),
  }))
  const frame = fc.oneof(
    packet,
    nested,
    fc.record({ type: fc.constant('data' as const), data }),
    fc.record({
      type: fc.constant('tunnel' as const),
      kind: fc.constantFrom('frame' as const, 'close' as const, 'bulk' as const),
      fromDialler: fc.boolean(),
      session: fc.nat({ max: 2 }),
      from: fc.oneof(address, fc.constant(self), fc.constant(other)),
      to: fc.oneof(address, fc.constant(self), fc.constant(other)),
      payload,
    }),
    fc.record({ type: fc.constant('no-tunnel' as const), to: fc.oneof(address, fc.constant(other)) }),
    fc.record({
      type: fc.constant('forwarders' as const),
      wanted: fc.boolean(),
      addresses: fc.array(fc.oneof(address, fc.constant(self), fc.constant(other)), { maxLength: 16 }),
    }),
    fc.record({ type: fc.constant('status' as const), status }),
    fc.record({ type: fc.constant('links' as const), links: fc.array(address, { maxLength: 16 }) }),
    fc.record({ type: fc.constant('retire' as const), unused: fc.boolean() }),
    fc.record({ type: fc.constant('pong' as const), nonce: fc.nat() }),
    fc.record({ type: fc.constant('confirm' as const), attempt: fc.nat() }),
  ) as fc.Arbitrary<Frame>
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), frame.map(encodeFrame))

  test('from a link never make a node throw, and what cannot be read is counted', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 30 }), (sent) => {
        const node = linked()
        sent.forEach((hostile, index) => {
          node.handle({ type: 'frame', channel: -1, bytes: hostile.slice() }, 10 + index)
          const { deadlineMs } = node
          if (deadlineMs !== undefined) node.handle({ type: 'wake' }, Math.max(deadlineMs, 10 + index))
        })
      }),
      { numRuns: 500 },
    )
    const node = linked()
    node.handle({ type: 'frame', channel: -1, bytes: Uint8Array.of(255, 1, 2) }, 10)
    expect(node.counters.get('frame: unreadable')).toBe(1)
  })

  test('from somebody who is not linked yet never make a node throw', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), (sent) => {
        const node = makeNode()
        arrive(node, -1)
        for (const hostile of sent) node.handle({ type: 'frame', channel: -1, bytes: hostile.slice() }, 10)
        expect(node.table.size).toBe(0)
      }),
    )
  })

  test('with a status that names a crowd do not make a node look for all of it at once', () => {
    const node = linked()
    let dialled = 0
    for (let round = 0; round < 200; round++) {
      const neighbours = Array.from({ length: 8 }, (_, index) =>
        nodeAddress(Uint8Array.from({ length: 20 }, (_, place) => (place === 19 ? 2 * index : 41 + (round % 100)))),
      )
      const hostile: Frame = { type: 'status', status: { roles: NO_ROLES, hidden: false, size: 9, neighbours } }
      const effects = node.handle({ type: 'frame', channel: -1, bytes: encodeFrame(hostile) }, 10 + round)
      dialled += effects.filter(({ type }) => type === 'transmit').length
    }
    expect(dialled).toBeLessThanOrEqual(64)
  })
})
