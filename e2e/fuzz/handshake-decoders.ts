/** What two say before either knows who the other is, as decoders: a stranger has all of it in its hands. */
import fc from 'fast-check'
import { endpointOf } from '../../src/overlay/endpoint.ts'
import { ownIdentity } from '../../src/peer/own-identity.ts'
import type { Channel, ChannelEvents, Transport } from '../../src/ports.ts'
import { readCall } from '../../src/rendezvous/local-tabs.ts'
import { FrameOpener, FrameSealer } from '../../src/security/frame-seal.ts'
import { nobleKeyPair } from '../../src/security/key-pair.ts'
import { openAsMember, sealForMembers } from '../../src/security/member-seal.ts'
import { NoiseError, NoiseInitiator, NoiseResponder } from '../../src/security/noise-handshake.ts'
import { isProved, prove } from '../../src/signalling/jingle-proof.ts'
import { readKnock } from '../../src/transport/local-tab.ts'
import { readPathMessage } from '../../src/transport/local-tab-channel.ts'
import { SecureTransport } from '../../src/transport/secure-transport.ts'
import { memoryStorage } from '../../src/xmpp/memory-storage.ts'
import { xml } from '../../src/xmpp/stanza.ts'
import { type Decoder, HASH, stanzaDecoder, storedDecoder } from './decoder.ts'
import { joined } from './mutation.ts'

const filled = (value: number, length = 32) => new Uint8Array(length).fill(value)
const psk = filled(1)
const prologue = filled(2, 60)
const accept = filled(3, 80)
const data = fc.uint8Array({ maxLength: 60 })
/** The first bytes of the secure channel's messages. */
const [FIRST, VERSION, REFUSAL] = [0xf0, 1, 0xf5]

const initiator = () =>
  new NoiseInitiator({ static: nobleKeyPair(filled(10)), ephemeral: nobleKeyPair(filled(11)), psk, prologue })
const responder = () =>
  new NoiseResponder({ static: nobleKeyPair(filled(12)), ephemeral: nobleKeyPair(filled(13)), psk, prologue })
const sealedAccept = (hash: Uint8Array) => sealForMembers(psk, hash, accept)

// What one handshake says: with the same keys each says the same.
const dialler = initiator()
const first = await dialler.first()
const { message: second } = await responder().second(first, sealedAccept)
const { message: third, payload, payloadHash } = await dialler.third(second)

/** Whatever is wrong with a message is said by an error of this one class. */
async function outcomeOf<Result>(step: () => Promise<Result>): Promise<Result | string> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof NoiseError) return error.fault
    throw error
  }
}

/** A secure channel that arrives, and hears each frame behind its length in two bytes. */
async function dialledBy(bytes: Uint8Array): Promise<unknown> {
  let events: ChannelEvents | undefined
  const said: Uint8Array[] = []
  let over = false
  const raw: Channel = {
    kind: 'relay',
    endpoint: endpointOf('xmpp', 'stranger@example.org/x'),
    congested: false,
    binding: filled(4),
    bind: (bound) => {
      events = bound
    },
    send: (frame) => said.push(frame.slice()),
    close: () => {
      over = true
    },
  }
  let arrive: ((channel: Channel) => void) | undefined
  const transport: Transport = {
    scheme: 'xmpp',
    endpoint: undefined,
    listen: (incoming) => {
      arrive = incoming
    },
    dial: () => raw,
    close: () => {},
    dropped: new Map(),
  }
  const clock = { now: () => 0, wakeAt: () => () => {} }
  const facts = { keyPair: nobleKeyPair(filled(12)), psk, namespaceHash: HASH, clock, acceptance: () => accept }
  const secure = new SecureTransport(transport, facts)
  secure.listen((channel) =>
    channel.bind({ opened() {}, message: (frame) => said.push(frame), writable() {}, closed() {} }),
  )
  arrive?.(raw)
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
    if (!over) events?.message(bytes.slice(at + 2, at + 2 + length))
    at += 2 + length
  }
  // Keys take a few turns, and nothing else is waited for.
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  // What it answers is of a length of its own, whatever it was told.
  return { counted: [...secure.dropped], answers: said.length }
}

const packed = (frames: readonly Uint8Array[]) =>
  joined(...frames.flatMap((frame) => [Uint8Array.of(frame.length >> 8, frame.length & 255), frame]))

const path = { from: `a@example.org/${HASH}.x`, to: `b@example.org/${HASH}.y` }
const id = fc.stringMatching(/^[a-z2-9]{16}$/)

export const HANDSHAKE_DECODERS: Decoder[] = [
  {
    name: 'noise-first',
    valid: fc.constant(first),
    decode: (bytes) => outcomeOf(() => responder().second(bytes, sealedAccept)),
  },
  {
    name: 'noise-second',
    valid: fc.constant(second),
    decode: async (bytes) => {
      const noise = initiator()
      await noise.first()
      return outcomeOf(() => noise.third(bytes))
    },
  },
  {
    name: 'noise-third',
    valid: fc.constant(third),
    decode: async (bytes) => {
      const noise = responder()
      await noise.second(first, sealedAccept)
      return outcomeOf(() => noise.finish(bytes))
    },
  },
  {
    name: 'member-sealed',
    valid: fc.constant(payload),
    decode: (bytes) => openAsMember(psk, payloadHash, bytes),
  },
  {
    name: 'secure-channel',
    valid: fc
      .array(
        fc.oneof(
          fc.constant(Uint8Array.of(FIRST, VERSION, ...first)),
          fc.constant(Uint8Array.of(REFUSAL, 4)),
          fc.uint8Array({ maxLength: 120 }),
        ),
        { minLength: 1, maxLength: 4 },
      )
      .map(packed),
    decode: dialledBy,
  },
  {
    name: 'frame-sealed',
    valid: fc
      .tuple(data, fc.boolean())
      .map(([plain, bulk]) => new FrameSealer(filled(5)).seal(plain, bulk) as Uint8Array),
    decode: (bytes) => new FrameOpener(filled(5), true).open(bytes),
  },
  stanzaDecoder(
    'jingle-proof',
    fc
      .record({ sid: fc.stringMatching(/^[a-z]{8}$/), text: fc.stringMatching(/^[a-z ]{0,20}$/) })
      .map(({ sid, text }) => prove(xml('jingle', { xmlns: 'urn:xmpp:jingle:1', sid }, xml('x', {}, text)), path, psk)),
    (element) => isProved(element, path, psk),
  ),
  storedDecoder('stored-identity', fc.array(fc.nat(255), { minLength: 32, maxLength: 32 }), async (value) => {
    const bytes = Array.isArray(value) ? Uint8Array.from(value.map(Number)) : value
    const { identity, release } = await ownIdentity({ ...memoryStorage(), get: async () => bytes }, HASH)
    release()
    return identity.address
  }),
  storedDecoder('tab-knock', fc.record({ from: id, path: id }), (value) => readKnock(value)),
  storedDecoder(
    'tab-call',
    fc.record({ type: fc.constantFrom('hello', 'here', 'bye'), endpoint: id.map((each) => `tab:${each}`) }),
    (value) => readCall(value, 'tab'),
  ),
  storedDecoder(
    'tab-path',
    fc.oneof(
      fc.record({ type: fc.constantFrom('open', 'bye') }),
      fc.record({ type: fc.constant('taken'), byteCount: fc.nat().map((count) => count + 1) }),
    ),
    (value) => readPathMessage(value),
  ),
]
