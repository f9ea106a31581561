/** What do requests to the service itself look like? The form that each answering part takes and gives. */
import type { Element } from '../xmpp/stanza.ts'
import type { StanzaCondition } from './errors.ts'
import { childElements } from './frame.ts'
import type { Session } from './session.ts'

/** One IQ get or set: its stanza with the stamped sender, and its only child. */
export type Request = { session: Session; stanza: Element; type: 'get' | 'set'; query: Element }

/** An element or undefined for a result with or without child, a condition for an error. */
export type Answer = Element | undefined | StanzaCondition

export function isRequest(stanza: Element): boolean {
  return stanza.name === 'iq' && (stanza.attrs.type === 'get' || stanza.attrs.type === 'set')
}

/** Whether an IQ obeys RFC 6120 §8.2.3: an id, a known type, exactly one child in a request. */
export function isWellFormedIq(stanza: Element): boolean {
  const { id, type } = stanza.attrs
  if (id === undefined || id === '') return false
  const children = childElements(stanza).length
  if (type === 'get' || type === 'set') return children === 1
  return type === 'error' || (type === 'result' && children <= 1)
}

export function readRequest(session: Session, stanza: Element): Request {
  const [query] = childElements(stanza)
  if (query === undefined) throw new Error('A request is checked before it is read.')
  return { session, stanza, type: stanza.attrs.type === 'set' ? 'set' : 'get', query }
}
