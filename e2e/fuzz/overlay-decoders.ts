/** What nodes say to each other through the ring, as decoders: frames, the payloads of packets, and what stands in their fields. */
import fc from 'fast-check'
import { type Address, nodeAddress, parseAddress } from '../../src/overlay/address.ts'
import { type Endpoint, endpointOf, parseEndpoint } from '../../src/overlay/endpoint.ts'
import { ALL_ROLES, type RoleBits } from '../../src/overlay/role.ts'
import { decodeSignOfLife, encodeSignOfLife } from '../../src/overlay/sign-of-life.ts'
import { isUserData } from '../../src/overlay/user-data.ts'
import {
  BODIES,
  type Content,
  decodeFrame,
  decodeReply,
  decodeRequest,
  decodeReset,
  decodeStreamAck,
  decodeStreamData,
  encodeFrame,
  encodeReply,
  encodeRequest,
  encodeReset,
  encodeStreamAck,
  type Frame,
  type Reply,
  type Request,
} from '../../src/overlay/wire.ts'
import type { IceCandidate, SessionDescription } from '../../src/ports.ts'
import { decodeSignal, encodeSignal, type RingSignal } from '../../src/signalling/ring-signal.ts'
import { type Decoder, fullJids, textDecoder } from './decoder.ts'

const u8 = fc.nat(255)
const u32 = fc.nat(2 ** 32 - 1)
const payloads = fc.uint8Array({ maxLength: 60 })
const addresses = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => nodeAddress(bytes))
const endpoints = fc.oneof(
  fullJids.map((jid) => endpointOf('xmpp', jid)),
  addresses.map((address) => endpointOf('webrtc', address)),
)
const someAddresses = fc.array(addresses, { maxLength: 8 })
const someEndpoints = fc.array(endpoints, { maxLength: 4 }) as fc.Arbitrary<Endpoint[]>
const roles = u8.map((bits) => (bits & ALL_ROLES) as RoleBits)
const statuses = fc.record({ roles, hidden: fc.boolean(), size: fc.nat(65_535), neighbours: someAddresses })
const contents: fc.Arbitrary<Content> = fc.oneof(
  payloads.map((data) => ({ type: 'message' as const, data })),
  fc.record({
    type: fc.constant('broadcast' as const),
    origin: addresses,
    id: u32,
    after: fc.option(addresses, { nil: undefined }),
    until: addresses,
    data: payloads,
  }),
)
const streamData = fc.record({ stream: u32, sequence: u32, ackStream: u32, ack: u32, content: contents })

function framesOf<Type extends Frame['type']>(
  type: Type,
  fields: { [Key in Exclude<keyof Extract<Frame, { type: Type }>, 'type'>]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Frame> {
  return fc.record({ type: fc.constant(type), ...fields }) as unknown as fc.Arbitrary<Frame>
}

export const frames = fc.oneof(
  framesOf('start', {
    version: u8,
    namespace: addresses,
    attempt: u32,
    incarnation: u32,
    from: addresses,
    to: fc.option(addresses, { nil: undefined }),
    endpoints: someEndpoints,
    status: statuses,
  }),
  framesOf('accept', {
    attempt: u32,
    incarnation: u32,
    from: addresses,
    endpoints: someEndpoints,
    status: statuses,
  }),
  framesOf('confirm', { attempt: u32 }),
  framesOf('refuse', { attempt: u32, code: fc.constantFrom('wrong-version', 'self', 'full') }),
  framesOf('status', { status: statuses }),
  framesOf('ping', { nonce: u32 }),
  framesOf('retire', { unused: fc.boolean() }),
  framesOf('goodbye', {}),
  framesOf('endpoints', { endpoints: someEndpoints }),
  framesOf('data', { data: streamData }),
  framesOf('tunnel', {
    kind: fc.constantFrom('frame', 'close'),
    fromDialler: fc.boolean(),
    session: u32,
    from: addresses,
    to: addresses,
    payload: payloads,
  }),
  framesOf('no-tunnel', { to: addresses }),
  framesOf('forwarders', { wanted: fc.boolean(), addresses: someAddresses }),
  framesOf('links', { links: someAddresses }),
  framesOf('packet', {
    mode: fc.constantFrom('greedy', 'annealing', 'exact', 'path', 'last'),
    hops: u8,
    ttl: u8,
    body: fc.constantFrom(...BODIES),
    source: addresses,
    destination: addresses,
    payload: payloads,
  }),
)

const requests: fc.Arbitrary<Request> = fc.record({
  id: u32,
  via: fc.option(addresses, { nil: undefined }),
  method: fc.constantFrom('connect' as const, 'find' as const),
  role: roles,
  endpoints: someEndpoints,
  forwarders: someAddresses,
})
const replies: fc.Arbitrary<Reply> = fc.record({
  id: u32,
  endpoints: someEndpoints,
  status: statuses,
  forwarders: someAddresses,
  full: fc.boolean(),
})

export const candidates: fc.Arbitrary<IceCandidate> = fc.record(
  {
    foundation: fc.stringMatching(/^[A-Za-z0-9+/]{1,10}$/),
    component: fc.integer({ min: 1, max: 256 }),
    protocol: fc.constant('udp' as const),
    priority: u32,
    ip: fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.uuid().map((id) => `${id}.local`),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
    type: fc.constantFrom('host' as const, 'srflx' as const, 'prflx' as const, 'relay' as const),
    relatedAddress: fc.ipV4(),
    relatedPort: fc.nat(65_535),
  },
  { requiredKeys: ['foundation', 'component', 'protocol', 'priority', 'ip', 'port', 'type'] },
)
export const descriptions: fc.Arbitrary<SessionDescription> = fc.record({
  ufrag: fc.stringMatching(/^[A-Za-z0-9+/]{4,12}$/),
  pwd: fc.stringMatching(/^[A-Za-z0-9+/]{22,30}$/),
  fingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => ({
    hash: 'sha-256',
    value: [...bytes].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':'),
  })),
  setup: fc.constantFrom('actpass' as const, 'active' as const, 'passive' as const),
  sctpPort: fc.integer({ min: 1, max: 65_535 }),
  maxMessageSize: fc.nat(2 ** 40),
})
const someCandidates = fc.array(candidates, { maxLength: 4 })
const session = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const offers = fc.constantFrom('session-initiate' as const, 'session-accept' as const)
const signals: fc.Arbitrary<RingSignal> = fc.record({
  session,
  number: fc.option(fc.nat(31), { nil: undefined }),
  received: u32,
  saying: fc.option(
    fc.oneof(
      fc.record({
        action: offers,
        sid: session,
        description: descriptions,
        candidates: someCandidates,
        unreadable: fc.constant(0),
      }),
      fc.record({
        action: fc.constant('transport-info' as const),
        sid: session,
        candidates: someCandidates,
        unreadable: fc.constant(0),
      }),
      fc.record({
        action: fc.constant('session-terminate' as const),
        sid: session,
        reason: fc.constant('success' as const),
      }),
    ),
    { nil: undefined },
  ),
})

export const OVERLAY_DECODERS: Decoder[] = [
  { name: 'frame', valid: frames.map(encodeFrame), decode: (bytes) => [decodeFrame(bytes), isUserData(bytes)] },
  {
    name: 'sign-of-life',
    valid: fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), nonce: u32 }).map(encodeSignOfLife),
    decode: decodeSignOfLife,
  },
  { name: 'request', valid: requests.map(encodeRequest), decode: decodeRequest },
  { name: 'reply', valid: replies.map(encodeReply), decode: decodeReply },
  {
    name: 'stream-data',
    valid: streamData.map((data) => encodeFrame({ type: 'data', data }).subarray(1)),
    decode: (bytes) => decodeStreamData(bytes),
  },
  {
    name: 'stream-ack',
    valid: fc.record({ ackStream: u32, ack: u32 }).map(encodeStreamAck),
    decode: decodeStreamAck,
  },
  { name: 'stream-reset', valid: u32.map(encodeReset), decode: decodeReset },
  { name: 'ring-signal', valid: signals.map(encodeSignal), decode: decodeSignal },
  textDecoder('endpoint', endpoints, parseEndpoint),
  textDecoder('address', addresses as fc.Arbitrary<Address>, parseAddress),
]
