/**
 * Jingle XML: how is a Jingle stanza written, and what does one say? Stanzas to objects and back, without behaviour.
 *
 * XEP-0166 1.1.2 (Jingle), XEP-0176 1.1.1 (ICE-UDP), XEP-0320 1.0.0 (DTLS fingerprint). The application is our own. The
 * transport is written as `webrtc-datachannel:1` around `ice-udp:1`; the older shape of XEP-0343 0.3.1, an `ice-udp:1`
 * with an `sctpmap` inside, is read too. What a stranger sends is read to an object or to undefined; nothing throws.
 */
import type { IceCandidate, SessionDescription } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { readCandidate, writeCandidate } from './candidate-xml.ts'
import { isJingleReason, type JingleReason } from './jingle-reason.ts'

export const JINGLE_XMLNS = 'urn:xmpp:jingle:1'
const APPLICATION_XMLNS = 'urn:overture:jingle:0'
const DATA_CHANNEL_XMLNS = 'urn:xmpp:jingle:transports:webrtc-datachannel:1'
const ICE_XMLNS = 'urn:xmpp:jingle:transports:ice-udp:1'
const DTLS_XMLNS = 'urn:xmpp:jingle:apps:dtls:0'
const SCTP_MAP_XMLNS = 'urn:xmpp:jingle:transports:dtls-sctp:1'

const CONTENT_NAME = '0' // The only a=mid of a data-only SDP.
export const MAX_CANDIDATES_PER_STANZA = 32 // A guess: eight interfaces, with a candidate of each type.
const MAX_TEXT_LENGTH = 256 // A guess: a sentence for people.
const DEFAULT_MAX_MESSAGE_SIZE = 65_536 // RFC 8841 §6.1, when the attribute is absent.
const FINGERPRINT_BYTES: Record<string, number> = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 } // RFC 8122 §5.

/** Candidates that could not be read are left out and counted, so that one odd candidate costs no session. */
export type CandidateList = { candidates: IceCandidate[]; unreadable: number }

export type JingleStanza =
  | ({ action: 'session-initiate'; sid: string; description: SessionDescription } & CandidateList)
  | ({ action: 'session-accept'; sid: string; description: SessionDescription } & CandidateList)
  | ({ action: 'transport-info'; sid: string } & CandidateList)
  | { action: 'session-terminate'; sid: string; reason: JingleReason; text?: string }
  | { action: 'session-info'; sid: string; payload: 'ping' | 'unsupported' }

/** The `<jingle/>` child of an IQ set. */
export function writeJingle(stanza: JingleStanza): Element {
  const { action, sid } = stanza
  const jingle = (...children: Element[]) => xml('jingle', { xmlns: JINGLE_XMLNS, action, sid }, ...children)
  switch (stanza.action) {
    case 'session-initiate':
    case 'session-accept':
      return jingle(
        writeContent(
          xml('description', { xmlns: APPLICATION_XMLNS }),
          writeTransport(stanza.candidates, stanza.description),
        ),
      )
    case 'transport-info':
      return jingle(writeContent(writeTransport(stanza.candidates, undefined)))
    case 'session-terminate': {
      const text = stanza.text === undefined ? [] : [xml('text', {}, stanza.text.slice(0, MAX_TEXT_LENGTH))]
      return jingle(xml('reason', {}, xml(stanza.reason, {}), ...text))
    }
    case 'session-info':
      return jingle()
  }
}

export function readJingle(jingle: Element): JingleStanza | undefined {
  if (!jingle.is('jingle', JINGLE_XMLNS)) return undefined
  const sid = readText(jingle, 'sid', /^[\x21-\x7e]{1,128}$/)
  if (sid === undefined) return undefined
  const action = jingle.attrs.action
  switch (action) {
    case 'session-initiate':
    case 'session-accept': {
      const content = elementsOf(jingle, 'content').find((each) => childOf(each, 'description', APPLICATION_XMLNS))
      const transport = content && readTransport(content)
      const description = transport && readDescription(transport)
      return transport && description && { action, sid, description, ...readCandidates(transport.ice) }
    }
    case 'transport-info': {
      const content = elementsOf(jingle, 'content')[0]
      const transport = content && readTransport(content)
      return transport && { action, sid, ...readCandidates(transport.ice) }
    }
    case 'session-terminate':
      return { action, sid, ...readReason(jingle) }
    case 'session-info':
      // XEP-0166 §6.9: an empty session-info is a ping.
      return { action, sid, payload: jingle.getChildElements().length === 0 ? 'ping' : 'unsupported' }
    default:
      return undefined
  }
}

function writeContent(...children: Element[]): Element {
  return xml('content', { creator: 'initiator', name: CONTENT_NAME }, ...children)
}

function writeTransport(candidates: IceCandidate[], description: SessionDescription | undefined): Element {
  const children = candidates.slice(0, MAX_CANDIDATES_PER_STANZA).map(writeCandidate)
  if (description === undefined) {
    return xml('transport', { xmlns: DATA_CHANNEL_XMLNS }, xml('transport', { xmlns: ICE_XMLNS }, ...children))
  }
  const { ufrag, pwd, fingerprint, setup, sctpPort, maxMessageSize } = description
  const outer = {
    xmlns: DATA_CHANNEL_XMLNS,
    'sctp-port': String(sctpPort),
    'max-message-size': String(maxMessageSize),
  }
  return xml(
    'transport',
    outer,
    xml(
      'transport',
      { xmlns: ICE_XMLNS, ufrag, pwd },
      xml('fingerprint', { xmlns: DTLS_XMLNS, hash: fingerprint.hash, setup }, fingerprint.value),
      ...children,
    ),
  )
}

type TransportFacts = { ice: Element; sctpPort: number | undefined; maxMessageSize: number | undefined }

function readTransport(content: Element): TransportFacts | undefined {
  const outer = childOf(content, 'transport', DATA_CHANNEL_XMLNS)
  if (outer !== undefined) {
    const ice = childOf(outer, 'transport', ICE_XMLNS)
    const sctpPort = readNumber(outer, 'sctp-port', 1, 65_535)
    const size = outer.attrs['max-message-size']
    const maxMessageSize =
      size === undefined ? DEFAULT_MAX_MESSAGE_SIZE : readNumber(outer, 'max-message-size', 0, Number.MAX_SAFE_INTEGER)
    return ice && { ice, sctpPort, maxMessageSize }
  }
  const ice = childOf(content, 'transport', ICE_XMLNS)
  if (ice === undefined) return undefined
  const map = childOf(ice, 'sctpmap', SCTP_MAP_XMLNS)
  // XEP-0343 0.3.1 calls the attribute `port` in its table and `number` in its example.
  const sctpPort = map && (readNumber(map, 'number', 1, 65_535) ?? readNumber(map, 'port', 1, 65_535))
  return { ice, sctpPort, maxMessageSize: DEFAULT_MAX_MESSAGE_SIZE }
}

function readDescription({ ice, sctpPort, maxMessageSize }: TransportFacts): SessionDescription | undefined {
  const ufrag = readText(ice, 'ufrag', /^[A-Za-z0-9+/]{4,256}$/) // RFC 8839 §5.4.
  const pwd = readText(ice, 'pwd', /^[A-Za-z0-9+/]{22,256}$/)
  const element = childOf(ice, 'fingerprint', DTLS_XMLNS)
  const setup = element?.attrs.setup
  const fingerprint = element && readFingerprint(element)
  if (ufrag === undefined || pwd === undefined || fingerprint === undefined) return undefined
  if (sctpPort === undefined || maxMessageSize === undefined) return undefined
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') return undefined
  return { ufrag, pwd, fingerprint, setup, sctpPort, maxMessageSize }
}

function readFingerprint(element: Element): { hash: string; value: string } | undefined {
  const hash = readText(element, 'hash', /^sha-(256|384|512)$/)
  const value = element.getText().trim()
  if (hash === undefined || value.length !== (FINGERPRINT_BYTES[hash] ?? 0) * 3 - 1) return undefined
  return /^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*$/.test(value) ? { hash, value: value.toUpperCase() } : undefined
}

function readCandidates(ice: Element): CandidateList {
  const elements = elementsOf(ice, 'candidate')
  const candidates = elements
    .slice(0, MAX_CANDIDATES_PER_STANZA)
    .map(readCandidate)
    .filter((candidate) => candidate !== undefined)
  return { candidates, unreadable: elements.length - candidates.length }
}

function readReason(jingle: Element): { reason: JingleReason; text?: string } {
  const elements = elementsOf(jingle, 'reason')[0]?.getChildElements() ?? []
  const reason = elements.map((element) => element.getName()).find(isJingleReason) ?? 'general-error'
  const text = elements.find((element) => element.getName() === 'text')?.getText()
  const printable = text?.replace(/\p{Cc}/gu, ' ').slice(0, MAX_TEXT_LENGTH)
  return printable === undefined ? { reason } : { reason, text: printable }
}

function elementsOf(parent: Element, name: string): Element[] {
  return parent.getChildElements().filter((child) => child.getName() === name)
}

function childOf(parent: Element, name: string, xmlns: string): Element | undefined {
  return parent.getChildElements().find((child) => child.is(name, xmlns))
}

function readText(element: Element, name: string, shape: RegExp): string | undefined {
  const text: unknown = element.attrs[name]
  return typeof text === 'string' && shape.test(text) ? text : undefined
}

function readNumber(element: Element, name: string, least: number, most: number): number | undefined {
  const text = readText(element, name, /^\d{1,15}$/)
  const number = Number(text)
  return text !== undefined && number >= least && number <= most ? number : undefined
}
