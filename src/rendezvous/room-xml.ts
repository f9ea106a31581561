/** What do a room's presences say? Stanzas of multi-user chat (XEP-0045) to facts and back. */
import type { Visibility } from '../ports.ts'
import type { Element } from '../xmpp/stanza.ts'
import { xml } from '../xmpp/stanza.ts'
import { greeterMark, isGreeter } from './greeter-watch.ts'

const MUC_NS = 'http://jabber.org/protocol/muc'
const MUC_USER_NS = 'http://jabber.org/protocol/muc#user'
const MUC_OWNER_NS = 'http://jabber.org/protocol/muc#owner'
const PEER_NS = 'urn:overture:rendezvous:0'
const STANZA_ERRORS_NS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

const SELF = '110' // XEP-0045 §15.6.2: the presence is the receiver's own.
const CREATED = '201' // A room that did not exist before.

export type RoomPresence =
  | {
      type: 'present'
      nick: string
      jid: string | undefined
      /** Whether the room says so, and not that person alone. */
      vouched: boolean
      self: boolean
      created: boolean
      greeter: boolean
    }
  | { type: 'absent'; nick: string; self: boolean }
  | { type: 'error'; condition: string }

/** XEP-0045 §7.2; the history would be of no use (§7.2.15). */
export function joinPresence(room: string, nick: string, jid: string, visibility: Visibility = 'newcomer'): Element {
  const history = xml('history', { maxstanzas: '0' })
  const join = xml('x', { xmlns: MUC_NS }, history)
  return xml('presence', { to: `${room}/${nick}` }, join, ...ownFacts(jid, visibility))
}

/** XEP-0045 §7.7: an occupant is to be seen otherwise. */
export function changedPresence(room: string, nick: string, jid: string, visibility: Visibility): Element {
  return xml('presence', { to: `${room}/${nick}` }, ...ownFacts(jid, visibility))
}

function ownFacts(jid: string, visibility: Visibility): Element[] {
  return [xml('peer', { xmlns: PEER_NS, jid }), ...greeterMark(visibility)]
}

export function leavePresence(room: string, nick: string): Element {
  return xml('presence', { to: `${room}/${nick}`, type: 'unavailable' })
}

/** XEP-0045 §10.1.2: an empty form accepts the defaults and opens the room to others. */
export function unlockForm(): Element {
  return xml('query', { xmlns: MUC_OWNER_NS }, xml('x', { xmlns: 'jabber:x:data', type: 'submit' }))
}

/** Reads a presence from this room; undefined for others' and for what says nothing. Never throws. */
export function readRoomPresence(presence: Element, room: string): RoomPresence | undefined {
  const { from, type } = presence.attrs as { from?: string; type?: string }
  const slash = from?.indexOf('/') ?? -1
  const bare = slash < 0 ? from : from?.slice(0, slash)
  if (from === undefined || bare?.toLowerCase() !== room.toLowerCase()) return undefined
  if (type === 'error') return { type: 'error', condition: conditionOf(presence) }
  const nick = slash < 0 ? '' : from.slice(slash + 1)
  if (nick === '') return undefined
  const user = presence.getChild('x', MUC_USER_NS)
  const statuses = user?.getChildren('status').map((status) => status.attrs.code) ?? []
  const self = statuses.includes(SELF)
  if (type === 'unavailable') return { type: 'absent', nick, self }
  if (type !== undefined) return undefined
  // The room's word for who somebody is counts more than that person's.
  const real: unknown = user?.getChild('item')?.attrs.jid
  const jid: unknown = real ?? presence.getChild('peer', PEER_NS)?.attrs.jid
  return {
    type: 'present',
    nick,
    jid: typeof jid === 'string' ? jid : undefined,
    vouched: typeof real === 'string',
    self,
    created: statuses.includes(CREATED),
    greeter: isGreeter(presence),
  }
}

function conditionOf(presence: Element): string {
  const children = presence.getChild('error')?.getChildElements() ?? []
  return children.find((child) => child.getNS() === STANZA_ERRORS_NS && !child.is('text'))?.getName() ?? 'unknown'
}
