/** What is here, and what can it do? Service discovery (XEP-0030) of the domain and of accounts. */
import { type Element, xml } from '../xmpp/stanza.ts'
import { EXTERNAL_SERVICES_NS } from './external-services.ts'
import { PING_NS } from './ping.ts'
import { REGISTER_NS } from './registration.ts'
import { ROSTER_NS } from './roster.ts'

export const DISCO_INFO_NS = 'http://jabber.org/protocol/disco#info'
export const DISCO_ITEMS_NS = 'http://jabber.org/protocol/disco#items'

export type Identity = { category: string; type: string; name?: string }

export function discoInfo({ category, type, name }: Identity, features: string[]): Element {
  return xml(
    'query',
    { xmlns: DISCO_INFO_NS },
    xml('identity', { category, type, name }),
    ...features.map((feature) => xml('feature', { var: feature })),
  )
}

export function discoItems(items: { jid: string; name?: string }[]): Element {
  return xml('query', { xmlns: DISCO_ITEMS_NS }, ...items.map(({ jid, name }) => xml('item', { jid, name })))
}

export function domainInfo(registration: boolean): Element {
  const features = [DISCO_INFO_NS, DISCO_ITEMS_NS, PING_NS, ROSTER_NS, EXTERNAL_SERVICES_NS]
  const identity = { category: 'server', type: 'im', name: 'Overture embedded service, for development only' }
  return discoInfo(identity, registration ? [...features, REGISTER_NS] : features)
}

export function accountInfo(anonymous: boolean): Element {
  const identity = { category: 'account', type: anonymous ? 'anonymous' : 'registered' }
  return discoInfo(identity, [DISCO_INFO_NS, DISCO_ITEMS_NS, PING_NS])
}
