/** What stanzas say, as decoders: those of peers, which a service passes on, and those of a service. */
import fc from 'fast-check'
import { MAX_FRAME_BYTES } from '../../src/ports.ts'
import { chooseIceServers, readIceService } from '../../src/reflection/ice-server.ts'
import { readJingleInfo } from '../../src/reflection/jingle-info.ts'
import { GreeterList } from '../../src/rendezvous/greeter-list.ts'
import { readSubscriptionRequest, standingIn, subscribePresence } from '../../src/rendezvous/invitation-xml.ts'
import { joinPresence, readRoomPresence } from '../../src/rendezvous/room-xml.ts'
import { ScriptedClock, ScriptedStanzas } from '../../src/rendezvous/scripted-stanzas.ts'
import { parseJid } from '../../src/service/jid.ts'
import { readCandidate, writeCandidate } from '../../src/signalling/candidate-xml.ts'
import { JingleError, readJingleCondition } from '../../src/signalling/jingle-error.ts'
import { readJingle, writeJingle } from '../../src/signalling/jingle-xml.ts'
import { FrameJoiner, FramePacker } from '../../src/transport/frame-stream.ts'
import { RelayReceiver } from '../../src/transport/relay-receiver.ts'
import { readPiece, writePiece } from '../../src/transport/relay-xml.ts'
import { xml } from '../../src/xmpp/stanza.ts'
import { readStreamLimits } from '../../src/xmpp/stream-limits.ts'
import { type Decoder, fullJids, HASH, jidLocal, stanzaDecoder, textDecoder } from './decoder.ts'
import { candidates, descriptions } from './overlay-decoders.ts'

const ROOM = 'r@rooms.example.org'
const ACCOUNT = 'ann@example.org'

const sid = fc.stringMatching(/^[a-z0-9]{8}$/)
const payloads = fc.uint8Array({ maxLength: 60 })
const jingles = fc.oneof(
  fc
    .record({
      action: fc.constantFrom('session-initiate' as const, 'session-accept' as const),
      sid,
      description: descriptions,
      candidates: fc.array(candidates, { maxLength: 3 }),
      unreadable: fc.constant(0),
    })
    .map(writeJingle),
  sid.map((each) => writeJingle({ action: 'session-terminate', sid: each, reason: 'success', text: 'Good night' })),
  fc
    .tuple(sid, candidates)
    .map(([each, one]) => writeJingle({ action: 'transport-info', sid: each, candidates: [one], unreadable: 0 })),
  sid.map((each) => writeJingle({ action: 'session-info', sid: each, payload: 'ping' })),
)
const pieces = fc
  .record({ sid, seq: fc.nat(3), payload: payloads, bulk: fc.constant(false), close: fc.boolean() })
  .map((piece) => writePiece(piece))
const occupants = fc.tuple(jidLocal, fullJids).map(([nick, jid]) => {
  const presence = joinPresence(ROOM, nick, jid, 'greeter')
  presence.attrs.from = presence.attrs.to
  const item = xml('item', { jid })
  presence.cnode(xml('x', { xmlns: 'http://jabber.org/protocol/muc#user' }, item, xml('status', { code: '110' })))
  return presence
})
const services = fc.ipV4().map((host) => {
  const given = { username: 'a', password: 'b', restricted: '1', expires: '2030-01-01T00:00:00Z' }
  return xml('service', { type: 'turn', transport: 'udp', host, port: '3478', ...given })
})
const jingleInfo = fc
  .ipV4()
  .map((host) =>
    xml(
      'query',
      { xmlns: 'google:jingleinfo' },
      xml('stun', {}, xml('server', { host, udp: '3478' })),
      xml('relay', {}, xml('token', {}, 't'), xml('server', { host, udp: '1', tcp: '2', tcpssl: '3' })),
    ),
  )
const greeterLists = fc
  .array(jidLocal, { maxLength: 4 })
  .map((resources) =>
    xml(
      'query',
      { xmlns: 'jabber:iq:private' },
      xml(
        'greeters',
        { xmlns: `urn:overture:greeters:${HASH}` },
        ...resources.map((resource) => xml('greeter', { resource: `${HASH}.${resource}` })),
      ),
    ),
  )

/** What a page makes of the list that an account's storage holds. */
async function greetersIn(query: ReturnType<typeof xml>): Promise<string[]> {
  const stanzas = new ScriptedStanzas(`${ACCOUNT}/${HASH}.self`)
  stanzas.answer = () => Promise.resolve(query)
  return new GreeterList({ stanzas, namespaceHash: HASH, clock: new ScriptedClock(), random: () => 0 }).read()
}

/** In pieces as long as their first byte says, as a relay's stanzas cut it. */
function joinFrames(bytes: Uint8Array): unknown {
  const joiner = new FrameJoiner(MAX_FRAME_BYTES)
  const frames: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + (bytes[at] ?? 0)
    const whole = joiner.push(bytes.slice(at + 1, at + 1 + length))
    if (whole === undefined) return frames
    frames.push(...whole)
    at += 1 + length
  }
  return frames
}

const packedFrames = fc.array(payloads, { maxLength: 6 }).map((frames) => {
  const packer = new FramePacker()
  for (const frame of frames) packer.push(frame)
  const cut: number[] = []
  while (packer.byteLength > 0) {
    const piece = packer.shift(50)
    cut.push(piece.length - 1, ...piece)
  }
  return Uint8Array.from(cut)
})

export const STANZA_DECODERS: Decoder[] = [
  stanzaDecoder('jingle', jingles, readJingle),
  stanzaDecoder('ice-candidate', candidates.map(writeCandidate), readCandidate),
  stanzaDecoder(
    'jingle-error',
    fc
      .constantFrom('unknown-session' as const, 'tie-break' as const)
      .map((condition) => xml('error', {}, new JingleError(condition).application)),
    readJingleCondition,
  ),
  stanzaDecoder('relay-piece', pieces, (element) => {
    const piece = readPiece(element)
    return piece && new RelayReceiver(new ScriptedClock(), () => {}).take(piece)
  }),
  { name: 'relay-stream', valid: packedFrames, decode: joinFrames },
  stanzaDecoder('room-presence', occupants, (element) => readRoomPresence(element, ROOM)),
  stanzaDecoder(
    'subscription-request',
    fullJids.map((jid) => {
      const presence = subscribePresence(ACCOUNT, HASH.slice(0, 32).repeat(2))
      presence.attrs.from = jid
      return presence
    }),
    readSubscriptionRequest,
  ),
  stanzaDecoder(
    'roster',
    fullJids.map((jid) => xml('query', { xmlns: 'jabber:iq:roster' }, xml('item', { jid, subscription: 'both' }))),
    (element) => standingIn(element, ACCOUNT),
  ),
  stanzaDecoder('greeter-list', greeterLists, greetersIn),
  stanzaDecoder('ice-service', services, (element) => {
    const service = readIceService(element)
    return service && [service, chooseIceServers([service], 0)]
  }),
  stanzaDecoder('jingle-info', jingleInfo, (element) => readJingleInfo(element, 16)),
  stanzaDecoder(
    'stream-limits',
    fc
      .nat()
      .map((bytes) =>
        xml('features', {}, xml('limits', { xmlns: 'urn:xmpp:stream-limits:0' }, xml('max-bytes', {}, String(bytes)))),
      ),
    readStreamLimits,
  ),
  textDecoder('jid', fullJids, parseJid),
]
