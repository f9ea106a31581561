/** How does the service say no? Stanza errors (RFC 6120 §8.3) and stream errors (RFC 6120 §4.9), as elements. */
import { Element, xml } from '../xmpp/stanza.ts'

/** With the type that RFC 6120 §8.3.3 gives each condition. */
const ERROR_TYPES = {
  'bad-request': 'modify',
  conflict: 'cancel',
  forbidden: 'auth',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'policy-violation': 'modify',
  'remote-server-not-found': 'cancel',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
} as const

export type StanzaCondition = keyof typeof ERROR_TYPES

export type StreamCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-unknown'
  | 'internal-server-error'
  | 'invalid-namespace'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'resource-constraint'
  | 'system-shutdown'
  | 'unsupported-stanza-type'

/** Undefined where an answer is forbidden: errors and results are never answered (RFC 6120 §8.3.1). */
export function errorReply(stanza: Element, condition: StanzaCondition): Element | undefined {
  const type = stanza.attrs.type
  if (type === 'error' || (stanza.name === 'iq' && type === 'result')) return undefined
  return xml(
    stanza.name,
    {
      xmlns: 'jabber:client',
      type: 'error',
      id: stanza.attrs.id,
      from: stanza.attrs.to,
      to: stanza.attrs.from,
    },
    xml(
      'error',
      { type: ERROR_TYPES[condition] },
      new Element(condition, { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' }),
    ),
  )
}

export function resultReply(iq: Element, child?: Element): Element {
  const attrs = {
    xmlns: 'jabber:client',
    type: 'result',
    id: iq.attrs.id,
    from: iq.attrs.to,
    to: iq.attrs.from,
  }
  return child === undefined ? xml('iq', attrs) : xml('iq', attrs, child)
}

export function streamError(condition: StreamCondition): Element {
  return xml(
    'stream:error',
    { 'xmlns:stream': 'http://etherx.jabber.org/streams' },
    new Element(condition, { xmlns: 'urn:ietf:params:xml:ns:xmpp-streams' }),
  )
}
