/**
 * What do we answer to those who ask? Handlers of the rooms, and what every client answers: who we are (XEP-0030). The
 * ping (XEP-0199) is @xmpp/client's. The rest gets `service-unavailable`, so that nobody waits (RFC 6120 §8.2.3).
 */
import { type IqHandler, StanzaError } from '../ports.ts'
import { STANZA_ERRORS_NS } from './requests.ts'
import { type Element, xml } from './stanza.ts'

const DISCO_INFO_NS = 'http://jabber.org/protocol/disco#info'

export class IqAnswers {
  private readonly handlers = new Map<string, IqHandler>()
  private readonly features = new Map<string, number>([
    [DISCO_INFO_NS, 1],
    ['urn:xmpp:ping', 1],
  ])

  constructor() {
    this.handlers.set(`get query ${DISCO_INFO_NS}`, (query) => this.discoInfo(query))
  }

  add(type: 'get' | 'set', name: string, xmlns: string, handler: IqHandler): () => void {
    const key = `${type} ${name} ${xmlns}`
    if (this.handlers.has(key)) throw new Error(`Two handlers for ${key}.`)
    this.handlers.set(key, handler)
    this.features.set(xmlns, (this.features.get(xmlns) ?? 0) + 1)
    return () => {
      if (this.handlers.get(key) !== handler) return
      this.handlers.delete(key)
      const users = (this.features.get(xmlns) ?? 1) - 1
      if (users > 0) this.features.set(xmlns, users)
      else this.features.delete(xmlns)
    }
  }

  /** The payload of the answer, undefined for an empty result, an <error/>. Never throws; `failed` gets what a handler threw. */
  answer(iq: Element, child: Element, from: string, failed: (error: unknown) => void): Element | undefined {
    try {
      const handler = this.handlers.get(`${iq.attrs.type} ${child.getName()} ${child.getNS()}`)
      if (handler === undefined) return errorElement('service-unavailable')
      return handler(child, from)
    } catch (error) {
      if (error instanceof StanzaError) return errorElement(error.condition, error.application)
      failed(error)
      return errorElement('internal-server-error')
    }
  }

  private discoInfo(query: Element): Element {
    // XEP-0030 §3.2: we have no nodes.
    if (query.attrs.node !== undefined) throw new StanzaError('item-not-found')
    const identity = xml('identity', { category: 'client', type: 'web', name: 'Overture' })
    const features = [...this.features.keys()].map((namespace) => xml('feature', { var: namespace }))
    return xml('query', { xmlns: DISCO_INFO_NS }, identity, ...features)
  }
}

/** RFC 6120 §8.3.3: the type that belongs to the condition; `cancel` for most. */
const ERROR_TYPES: Record<string, string> = {
  'bad-request': 'modify',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'policy-violation': 'modify',
  forbidden: 'auth',
  'not-authorized': 'auth',
  'resource-constraint': 'wait',
  'unexpected-request': 'wait',
}

export function errorElement(condition: string, application?: Element): Element {
  const type = ERROR_TYPES[condition] ?? 'cancel'
  return xml('error', { type }, xml(condition, { xmlns: STANZA_ERRORS_NS }), ...(application ? [application] : []))
}
