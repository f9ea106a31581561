/** Whatever else is text, as decoders: streams of XML on both sides, SDP, links, and what a web server says. */
import fc from 'fast-check'
import { readServiceConfig } from '../../src/app/service-config.ts'
import { encodeSpaceLink, parseSpaceLink } from '../../src/app/space-link.ts'
import { decodeSpaceMessage, encodeSpaceMessage, type SpaceMessage } from '../../src/app/space-wire.ts'
import { nodeAddress } from '../../src/overlay/address.ts'
import { OvertureError } from '../../src/overture-error.ts'
import { Accounts } from '../../src/service/accounts.ts'
import { parseFrame } from '../../src/service/frame.ts'
import { DEFAULT_LIMITS } from '../../src/service/limits.ts'
import { Router } from '../../src/service/router.ts'
import { ClientStream } from '../../src/service/stream.ts'
import { buildCandidate, buildSdp, parseCandidate, parseSdp } from '../../src/transport/session-description.ts'
import { FrameParser } from '../../src/xmpp/frame-parser.ts'
import { Scram } from '../../src/xmpp/scram.ts'
import { readServiceAddress } from '../../src/xmpp/service-address.ts'
import { hrefsInJson, hrefsInXrd } from '../../src/xmpp/service-discovery.ts'
import { type Element, parseXml, xml } from '../../src/xmpp/stanza.ts'
import { type Decoder, storedDecoder, textDecoder } from './decoder.ts'
import { candidates, descriptions } from './overlay-decoders.ts'

const DOMAIN = 'localhost'
const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
/** Between the frames of a stream. */
const FRAME_END = '\n'

const { element: elements } = fc.letrec<{ element: Element }>((tie) => ({
  element: fc
    .tuple(
      fc.stringMatching(/^[a-z]{1,6}$/),
      fc.dictionary(fc.constantFrom('xmlns', 'to', 'from', 'id', 'type'), fc.string({ maxLength: 10 }), { maxKeys: 3 }),
      fc.array(fc.oneof({ maxDepth: 4 }, fc.string({ maxLength: 10 }), tie('element') as fc.Arbitrary<Element>), {
        maxLength: 3,
      }),
    )
    .map(([name, attrs, children]) => xml(name, { ...attrs }, ...children)),
}))

const stanzas = fc.oneof(
  fc.constantFrom(
    xml('presence', { xmlns: 'jabber:client' }),
    xml(
      'presence',
      { xmlns: 'jabber:client', to: `r@conference.${DOMAIN}/n` },
      xml('x', { xmlns: 'http://jabber.org/protocol/muc' }),
    ),
    xml('presence', { xmlns: 'jabber:client', to: `a@${DOMAIN}`, type: 'subscribe' }),
    xml(
      'iq',
      { xmlns: 'jabber:client', id: '1', type: 'get', to: DOMAIN },
      xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' }),
    ),
    xml('iq', { xmlns: 'jabber:client', id: '2', type: 'get' }, xml('query', { xmlns: 'jabber:iq:roster' })),
    xml(
      'iq',
      { xmlns: 'jabber:client', id: '3', type: 'set' },
      xml('query', { xmlns: 'jabber:iq:roster' }, xml('item', { jid: `b@${DOMAIN}` }, xml('group', {}, 'g'))),
    ),
    xml('iq', { xmlns: 'jabber:client', id: '4', type: 'get' }, xml('services', { xmlns: 'urn:xmpp:extdisco:2' })),
    xml('message', { xmlns: 'jabber:client', to: `r@conference.${DOMAIN}` }, xml('body', {}, 'x')),
  ),
  elements,
)
const opening = xml('open', { xmlns: FRAMING, to: DOMAIN, version: '1.0' })
const signIns = [
  opening,
  xml('auth', { xmlns: SASL, mechanism: 'ANONYMOUS' }),
  opening,
  xml('iq', { xmlns: 'jabber:client', id: '0', type: 'set' }, xml('bind', { xmlns: BIND })),
]
const registration = [
  opening,
  xml(
    'iq',
    { xmlns: 'jabber:client', id: '0', type: 'set' },
    xml('query', { xmlns: 'jabber:iq:register' }, xml('username', {}, 'bob'), xml('password', {}, 'b')),
  ),
  xml('auth', { xmlns: SASL, mechanism: 'PLAIN' }, btoa('\0bob\0b')),
]
const clientStreams = fc
  .tuple(fc.constantFrom(signIns, registration), fc.array(stanzas, { maxLength: 4 }))
  .map(([steps, more]) => [...steps, ...more].join(FRAME_END))

/** What the service answers, each stream with a service of its own. */
function serve(text: string): unknown {
  const limits = DEFAULT_LIMITS
  const accounts = new Accounts(DOMAIN, limits.accounts)
  const open = { registration: true, externalServices: () => [], meddle: undefined }
  const router = new Router({ domain: DOMAIN, accounts, limits, ...open })
  const said: string[] = []
  const wire = { send: (answer: string) => said.push(answer), close: () => {} }
  const stream = new ClientStream(wire, {
    domain: DOMAIN,
    anonymous: true,
    registration: true,
    limits,
    accounts,
    router,
  })
  for (const frame of text.split(FRAME_END)) stream.handle(frame)
  const { name } = stream.state
  stream.lost()
  return [name, said.length]
}

/** What a page hears of a service. */
function hear(text: string): unknown {
  const heard: unknown[] = []
  let isOver = false
  const parser = new FrameParser(() => heard.push('cut'))
  for (const event of ['start', 'element', 'end']) parser.on(event, (element) => heard.push(element))
  parser.on('error', () => {
    isOver = true
  })
  for (const frame of text.split(FRAME_END)) if (!isOver) parser.write(frame)
  return heard
}

const addresses = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => nodeAddress(bytes))
const spaceMessages: fc.Arbitrary<SpaceMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    seq: fc.nat(),
    name: fc.string({ minLength: 1 }),
    links: fc.array(fc.record({ to: addresses, kind: fc.constantFrom('direct' as const, 'relay' as const) })),
  }),
  fc.record({ type: fc.constant('bye' as const), seq: fc.nat() }),
  fc.record({ type: fc.constant('gone' as const), address: addresses }),
  fc.record({ type: fc.constant('say' as const), id: fc.string({ minLength: 1 }), text: fc.string({ minLength: 1 }) }),
)
const links = fc.record(
  {
    namespace: fc.stringMatching(/^[a-z ]{1,20}[a-z]$/),
    secret: fc.stringMatching(/^[\w-]{22}$/),
    service: fc.domain().map((domain) => `wss://${domain}/ws`),
    domain: fc.domain(),
    invitation: fc.record({
      inviter: fc.domain().map((domain) => `ann@${domain}`),
      token: fc.stringMatching(/^[\w-]{10}$/),
    }),
  },
  { requiredKeys: ['namespace', 'secret'] },
)
const NONCE = 'fyko+d2lbbFgONRv9qkxdawL'
const challenges = fc
  .tuple(fc.base64String({ minLength: 4 }), fc.constant(4_096))
  .map(([salt, rounds]) => `r=${NONCE}3rfcNHYJY1ZVvWVs7j,s=${salt},i=${rounds}`)

/** Asking for proof of so many rounds as a stranger likes would make this a test of WebCrypto. */
const MANY_ROUNDS = /,i=\d{5}/

async function prove(challenge: string): Promise<unknown> {
  if (MANY_ROUNDS.test(challenge)) return undefined
  const scram = new Scram({ hash: 'SHA-256', domain: DOMAIN, username: 'ann', password: 'p', nonce: NONCE })
  try {
    return await scram.answer(challenge)
  } catch (error) {
    if (error instanceof OvertureError) return undefined
    throw error
  }
}

const pages = { protocol: 'https:', host: 'example.org' }

export const TEXT_DECODERS: Decoder[] = [
  textDecoder('xml', elements.map(String), (text) => parseXml(text)),
  textDecoder('service-frame', elements.map(String), (text) => parseFrame(text, DEFAULT_LIMITS.elementDepth)),
  textDecoder('service-stream', clientStreams, serve),
  textDecoder(
    'client-stream',
    fc.array(elements, { maxLength: 4 }).map((all) => [opening, ...all].join(FRAME_END)),
    hear,
  ),
  textDecoder('scram-challenge', challenges, prove),
  textDecoder(
    'sdp',
    descriptions.map((description) => buildSdp(description) ?? ''),
    (text) => {
      const description = parseSdp(text)
      return description && [description, buildSdp(description)]
    },
  ),
  textDecoder(
    'candidate-line',
    candidates.map((candidate) => buildCandidate(candidate) ?? ''),
    (text) => {
      const candidate = parseCandidate(text)
      return candidate && [candidate, buildCandidate(candidate)]
    },
  ),
  textDecoder('space-link', links.map(encodeSpaceLink), parseSpaceLink),
  { name: 'space-message', valid: spaceMessages.map(encodeSpaceMessage), decode: decodeSpaceMessage },
  storedDecoder('service-config', fc.record({ service: fc.domain(), domain: fc.domain() }), (value) =>
    readServiceConfig(value, pages),
  ),
  textDecoder(
    'service-address',
    fc.domain().map((domain) => `wss://${domain}:5281/ws`),
    (service) => {
      try {
        return readServiceAddress({ service })
      } catch (error) {
        if (error instanceof OvertureError) return undefined
        throw error
      }
    },
  ),
  textDecoder(
    'host-meta-json',
    fc.webUrl().map((href) => JSON.stringify({ links: [{ rel: 'urn:xmpp:alt-connections:websocket', href }] })),
    hrefsInJson,
  ),
  textDecoder(
    'host-meta',
    fc
      .webUrl()
      .map(
        (href) =>
          `<?xml version='1.0'?>${xml('XRD', { xmlns: 'http://docs.oasis-open.org/ns/xri/xrd-1.0' }, xml('Link', { rel: 'urn:xmpp:alt-connections:websocket', href }))}`,
      ),
    hrefsInXrd,
  ),
]
