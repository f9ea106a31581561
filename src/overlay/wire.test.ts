import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, directionalAddress, nodeAddress } from './address.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { ALL_ROLES, NO_ROLES, type RoleBits } from './role.ts'
import {
  asDataFrame,
  asDataPacket,
  decodeFrame,
  decodeReply,
  decodeRequest,
  decodeReset,
  decodeStreamAck,
  decodeStreamData,
  encodeForStream,
  encodeFrame,
  encodeReply,
  encodeRequest,
  encodeReset,
  encodeStreamAck,
  type Frame,
  MAX_ADDRESSES,
  MAX_ENDPOINTS,
  MAX_NEIGHBOURS,
  REFUSALS,
} from './wire.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
/** Never the zero address, which stands for nobody. */
const address: fc.Arbitrary<Address> = bytes(20).map((raw) =>
  nodeAddress(Uint8Array.from(raw, (b, i) => (i ? b : b | 1))),
)
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const u8 = fc.integer({ min: 0, max: 255 })
const endpoint: fc.Arbitrary<Endpoint> = fc
  .stringMatching(/^[a-zé日.@/]{1,40}$/u)
  .map((target) => endpointOf('xmpp', target))
const endpoints = fc.array(endpoint, { maxLength: MAX_ENDPOINTS })
const addresses = fc.array(address, { maxLength: MAX_ADDRESSES })
const roles = fc.integer({ min: 0, max: ALL_ROLES }).map((bits) => bits as RoleBits)
const status = fc.record({
  roles,
  hidden: fc.boolean(),
  size: fc.integer({ min: 0, max: 65_535 }),
  neighbours: fc.array(address, { maxLength: MAX_NEIGHBOURS }),
})
const payload = fc.uint8Array({ maxLength: 300 })
const namespace = bytes(20).map((raw) => Buffer.from(raw).toString('hex'))
const to = fc.option(address, { nil: undefined })
const typed = <T extends Frame['type']>(type: T) => fc.constant(type)

const content = fc.oneof(
  fc.record({ type: fc.constant('message' as const), data: payload }),
  fc.record({
    type: fc.constant('broadcast' as const),
    origin: address,
    id: u32,
    after: to,
    until: address,
    data: payload,
  }),
)
const streamData = fc.record({ stream: u32, sequence: u32, ackStream: u32, ack: u32, content })

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: typed('start'),
    version: u8,
    namespace,
    attempt: u32,
    incarnation: u32,
    from: address,
    to,
    endpoints,
    status,
  }),
  fc.record({ type: typed('accept'), attempt: u32, incarnation: u32, from: address, endpoints, status }),
  fc.record({ type: typed('confirm'), attempt: u32 }),
  fc.record({
    type: typed('refuse'),
    attempt: u32,
    code: fc.constantFrom(...REFUSALS),
  }),
  fc.record({ type: typed('status'), status }),
  fc.record({ type: typed('ping'), nonce: u32 }),
  fc.record({ type: typed('pong'), nonce: u32 }),
  fc.record({ type: typed('retire'), unused: fc.boolean() }),
  fc.record({ type: typed('goodbye') }),
  fc.record({ type: typed('endpoints'), endpoints }),
  fc.record({ type: typed('data'), data: streamData }),
  fc.record({ type: typed('links'), links: fc.array(address, { maxLength: MAX_ADDRESSES }) }),
  fc.record({
    type: typed('tunnel'),
    kind: fc.constantFrom('frame', 'close', 'bulk'),
    fromDialler: fc.boolean(),
    session: u32,
    from: address,
    to: address,
    payload,
  }),
  fc.record({ type: typed('no-tunnel'), to: address }),
  fc.record({ type: typed('forwarders'), wanted: fc.boolean(), addresses }),
  fc.record({
    type: typed('packet'),
    mode: fc.constantFrom('greedy', 'annealing', 'exact', 'path', 'last'),
    hops: u8,
    ttl: u8,
    body: fc.constantFrom('request', 'reply', 'forward', 'data', 'ack', 'reset', 'signal'),
    source: address,
    destination: fc.oneof(address, fc.constantFrom(directionalAddress('left'), directionalAddress('right'))),
    payload,
  }),
) as fc.Arbitrary<Frame>

const request = fc.oneof(
  fc.record({
    id: u32,
    via: to,
    method: fc.constant('connect' as const),
    role: roles,
    endpoints,
    forwarders: addresses,
  }),
  fc.record({
    id: u32,
    via: to,
    method: fc.constant('find' as const),
    role: fc.constant(NO_ROLES),
    endpoints: fc.constant<Endpoint[]>([]),
    forwarders: fc.constant<Address[]>([]),
  }),
)
const reply = fc.record({ id: u32, endpoints, status, full: fc.boolean(), forwarders: addresses })
const OTHER = nodeAddress(new Uint8Array(20).fill(90))

/** Their last field is whatever is left. */
const OPEN_ENDED = new Set<Frame['type']>(['packet', 'data', 'tunnel'])

describe('wire', () => {
  test('every frame survives the trip', () => {
    fc.assert(
      fc.property(frame, (sent) => {
        expect(decodeFrame(encodeFrame(sent))).toEqual(sent)
      }),
      { numRuns: 500 },
    )
  })

  test('every packet payload survives the trip', () => {
    fc.assert(
      fc.property(request, (sent) => {
        expect(decodeRequest(encodeRequest(sent))).toEqual(sent)
      }),
    )
    fc.assert(
      fc.property(reply, (sent) => {
        expect(decodeReply(encodeReply(sent))).toEqual(sent)
      }),
    )
    fc.assert(
      fc.property(streamData, (sent) => {
        const { content, ...head } = sent
        const ends = { source: content.type === 'broadcast' ? content.until : OTHER, destination: OTHER }
        const encoded = encodeForStream(content, (room) => new Uint8Array(room))
        expect(decodeFrame(asDataFrame(encoded, head))).toEqual({ type: 'data', data: sent })
        // The link is gone and the same message takes another way.
        const packet = decodeFrame(asDataPacket(encoded, head, { ...ends, ttl: 9 }))
        expect(packet).toMatchObject({ type: 'packet', mode: 'exact', body: 'data', hops: 0, ttl: 9, ...ends })
        expect(packet?.type === 'packet' && decodeStreamData(packet.payload)).toEqual(sent)
      }),
    )
    fc.assert(
      fc.property(fc.record({ ackStream: u32, ack: u32 }), (sent) => {
        expect(decodeStreamAck(encodeStreamAck(sent))).toEqual(sent)
      }),
    )
    fc.assert(
      fc.property(u32, (stream) => {
        expect(decodeReset(encodeReset(stream))).toBe(stream)
      }),
    )
  })

  test('a frame cut short is refused, unless what is missing is payload', () => {
    fc.assert(
      fc.property(frame, fc.nat(), (sent, cut) => {
        fc.pre(!OPEN_ENDED.has(sent.type))
        const whole = encodeFrame(sent)
        expect(decodeFrame(whole.subarray(0, cut % whole.length))).toBeUndefined()
      }),
    )
  })

  test('a frame with bytes after its end is refused', () => {
    fc.assert(
      fc.property(frame, (sent) => {
        fc.pre(!OPEN_ENDED.has(sent.type))
        expect(decodeFrame(Uint8Array.of(...encodeFrame(sent), 0))).toBeUndefined()
      }),
    )
  })

  test('hostile bytes never throw, at any decoder', () => {
    const decoders = [decodeFrame, decodeRequest, decodeReply, decodeStreamData, decodeStreamAck, decodeReset]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (hostile) => {
        for (const decode of decoders) expect(() => decode(hostile)).not.toThrow()
      }),
      { numRuns: 2_000 },
    )
  })

  test('a frame with any one byte changed is read as some frame or refused, never thrown at', () => {
    fc.assert(
      fc.property(frame, fc.nat(), u8, (sent, place, value) => {
        const changed = encodeFrame(sent)
        changed[place % changed.length] = value
        expect(() => decodeFrame(changed)).not.toThrow()
      }),
      { numRuns: 1_000 },
    )
  })

  test('addresses that are no node address are refused', () => {
    const whole = encodeFrame({
      type: 'accept',
      attempt: 1,
      incarnation: 1,
      from: '0'.repeat(39).concat('2') as Address,
      endpoints: [],
      status: { roles: 0 as RoleBits, hidden: false, size: 0, neighbours: [] },
    })
    whole[28] = 3
    expect(decodeFrame(whole)).toBeUndefined()
  })

  test('a packet may go to any place, and comes from a node', () => {
    const packet = { type: 'packet', mode: 'last', hops: 0, ttl: 2, body: 'ack', payload: new Uint8Array() } as const
    const left = directionalAddress('left')
    expect(decodeFrame(encodeFrame({ ...packet, source: OTHER, destination: left }))).toBeDefined()
    expect(decodeFrame(encodeFrame({ ...packet, source: left, destination: OTHER }))).toBeUndefined()
  })

  test('a packet of an unknown mode or body is refused', () => {
    const whole = encodeFrame({
      type: 'packet',
      mode: 'exact',
      hops: 0,
      ttl: 2,
      body: 'ack',
      source: OTHER,
      destination: OTHER,
      payload: new Uint8Array(),
    })
    for (const place of [1, 4]) {
      const changed = whole.slice()
      changed[place] = 77
      expect(decodeFrame(changed)).toBeUndefined()
    }
  })

  test('endpoints of schemes that cannot be read are left out and the rest is kept', () => {
    const bad = 'no endpoint' as Endpoint
    const good = endpointOf('xmpp', 'a@b/c')
    expect(decodeFrame(encodeFrame({ type: 'endpoints', endpoints: [bad, good] }))).toEqual({
      type: 'endpoints',
      endpoints: [good],
    })
  })
})
