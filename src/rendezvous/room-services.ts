/** Where are the rooms of this service? Asks its items for a chat conference (XEP-0030 §4, XEP-0045 §6.1). */
import { StanzaError, type Stanzas } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'

const DISCO_ITEMS_NS = 'http://jabber.org/protocol/disco#items'
const DISCO_INFO_NS = 'http://jabber.org/protocol/disco#info'
const MUC_NS = 'http://jabber.org/protocol/muc'
const MAX_ITEMS = 20 // A guess: public services list about ten components.

/** The first in the alphabet, so that all find the same; undefined if there is none. */
export async function findRoomService(stanzas: Stanzas): Promise<string | undefined> {
  const items = await ask(stanzas, stanzas.domain, DISCO_ITEMS_NS)
  const listed = items?.getChildren('item') ?? []
  const jids = listed.filter((item) => item.attrs.node === undefined).map((item): unknown => item.attrs.jid)
  const domains = jids.filter((jid): jid is string => typeof jid === 'string' && /^[^@/\s]+$/.test(jid)).sort()
  const found = await Promise.all(
    domains.slice(0, MAX_ITEMS).map(async (jid) => {
      const info = await ask(stanzas, jid, DISCO_INFO_NS)
      return info !== undefined && isRoomService(info) ? jid : undefined
    }),
  )
  return found.find((jid) => jid !== undefined)
}

function isRoomService(info: Element): boolean {
  const hasRooms = info.getChildren('feature').some((feature) => feature.attrs.var === MUC_NS)
  // Gateways to other networks have rooms, too, and are `irc` or the like.
  const isText = info
    .getChildren('identity')
    .some(({ attrs }) => attrs.category === 'conference' && attrs.type === 'text')
  return hasRooms && isText
}

async function ask(stanzas: Stanzas, to: string, xmlns: string): Promise<Element | undefined> {
  try {
    return await stanzas.request({ type: 'get', to, child: xml('query', { xmlns }) })
  } catch (error) {
    if (error instanceof StanzaError) return undefined
    throw error
  }
}
