/**
 * Jingle errors: how is a Jingle stanza refused? A stanza error of RFC 6120 §8.3 together with the application-specific
 * condition that XEP-0166 1.1.2 §10 (table 2) pairs it with.
 */
import { StanzaError } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'

const JINGLE_ERRORS_XMLNS = 'urn:xmpp:jingle:errors:1'

const STANZA_CONDITIONS = {
  'unknown-session': 'item-not-found',
  'out-of-order': 'unexpected-request',
  'tie-break': 'conflict',
  'unsupported-info': 'feature-not-implemented',
} as const

export type JingleCondition = keyof typeof STANZA_CONDITIONS

export class JingleError extends StanzaError {
  readonly jingleCondition: JingleCondition

  constructor(jingleCondition: JingleCondition) {
    super(STANZA_CONDITIONS[jingleCondition], jingleCondition)
    this.jingleCondition = jingleCondition
  }

  override get application(): Element {
    return writeJingleCondition(this.jingleCondition)
  }
}

export function writeJingleCondition(condition: JingleCondition): Element {
  return xml(condition, { xmlns: JINGLE_ERRORS_XMLNS })
}

/** Reads the `<error/>` of an IQ. */
export function readJingleCondition(error: Element): JingleCondition | undefined {
  const found = error.getChildElements().find((child) => child.getNS() === JINGLE_ERRORS_XMLNS)
  const name = found?.getName()
  return name !== undefined && Object.hasOwn(STANZA_CONDITIONS, name) ? (name as JingleCondition) : undefined
}
