/**
 * Which room is meant, and may the sender do that there? The conference component (XEP-0045): rooms appear with their
 * first occupant and vanish with the last; whoever does not know a room's name does not find it.
 */
import type { Element } from '../xmpp/stanza.ts'
import { DISCO_INFO_NS, DISCO_ITEMS_NS, discoInfo, discoItems } from './disco.ts'
import type { StanzaCondition } from './errors.ts'
import { readdressed } from './frame.ts'
import { type Answer, isRequest, type Request, readRequest } from './iq.ts'
import type { Jid } from './jid.ts'
import type { Limits } from './limits.ts'
import { PING_NS } from './ping.ts'
import { MUC_NS, Room } from './room.ts'
import type { Session } from './session.ts'

const OWNER_NS = 'http://jabber.org/protocol/muc#owner'
const SELF_PING_FEATURE = 'http://jabber.org/protocol/muc#self-ping-optimization' // XEP-0410 §3.2.
const ROOM_FEATURES = [
  'muc_hidden',
  'muc_nonanonymous',
  'muc_open',
  'muc_temporary',
  'muc_unmoderated',
  'muc_unsecured',
]

export class Rooms {
  private readonly limits: Limits
  private readonly rooms: Map<string, Room>
  private readonly joined: Map<Session, Set<Room>>

  constructor(limits: Limits) {
    this.limits = limits
    this.rooms = new Map()
    this.joined = new Map()
  }

  get size(): number {
    return this.rooms.size
  }

  /** Leaves every room, as at the end of a stream. */
  ended(session: Session, presence?: Element): void {
    for (const room of [...(this.joined.get(session) ?? [])]) this.leave(room, session, presence)
  }

  presence(session: Session, stanza: Element, to: Jid): StanzaCondition | undefined {
    const type: string | undefined = stanza.attrs.type
    const room = this.rooms.get(to.bare)
    const occupant = room?.occupant(session)
    if (type === 'unavailable') {
      if (room !== undefined) this.leave(room, session, stanza)
      return undefined
    }
    if (type !== undefined) return type === 'error' ? undefined : 'service-unavailable'
    if (to.local === '') return undefined
    if (to.resource === '') return 'jid-malformed'
    const holder = room?.withNick(to.resource)
    if (holder !== undefined && holder !== occupant) return 'conflict'
    const asksToJoin = stanza.getChild('x', MUC_NS) !== undefined
    if (room !== undefined && occupant !== undefined) {
      if (occupant.nick !== to.resource) room.rename(occupant, to.resource, stanza)
      else if (asksToJoin) room.join(session, to.resource, stanza)
      else room.update(occupant, stanza)
      return undefined
    }
    // A client that believes to be inside must learn that it is not.
    return asksToJoin ? this.join(session, stanza, to) : 'item-not-found'
  }

  message(session: Session, stanza: Element, to: Jid): StanzaCondition | undefined {
    if (stanza.attrs.type === 'error') return undefined
    const room = this.rooms.get(to.bare)
    if (room === undefined) return 'item-not-found'
    const speaker = room.occupant(session)
    if (speaker === undefined) return 'not-acceptable'
    if (to.resource === '') {
      if (stanza.attrs.type !== 'groupchat') return 'bad-request'
      room.say(speaker, stanza)
      return undefined
    }
    // XEP-0045 §7.5: a private message.
    if (stanza.attrs.type === 'groupchat') return 'bad-request'
    const listener = room.withNick(to.resource)
    if (listener === undefined) return 'item-not-found'
    listener.session.deliver(
      readdressed(stanza, { from: room.addressOf(speaker), to: listener.session.jid.full }).toString(),
    )
    return undefined
  }

  /** IQs to an occupant, and answers to them: handed on between their places in the room. */
  handOn(session: Session, stanza: Element, to: Jid): 'handed-on' | Answer {
    const room = this.rooms.get(to.bare)
    const asker = room?.occupant(session)
    if (room === undefined) return 'item-not-found'
    if (asker === undefined) return 'not-acceptable'
    const answerer = room.withNick(to.resource)
    if (answerer === undefined) return 'item-not-found'
    // XEP-0410 §3.2: the room answers an occupant's ping to itself.
    if (answerer === asker && isRequest(stanza) && readRequest(session, stanza).query.is('ping', PING_NS))
      return undefined
    const attrs = { from: room.addressOf(asker), to: answerer.session.jid.full }
    answerer.session.deliver(readdressed(stanza, attrs).toString())
    return 'handed-on'
  }

  /** Requests to the component or to a room. */
  answer({ session, type, query }: Request, to: Jid): Answer {
    if (query.is('ping', PING_NS) && type === 'get') return undefined
    if (to.local === '') return type === 'get' ? this.answerForComponent(query) : 'service-unavailable'
    const room = this.rooms.get(to.bare)
    if (room === undefined) return 'item-not-found'
    const occupant = room.occupant(session)
    if (query.is('query', OWNER_NS)) {
      // XEP-0045 §10.1.2: an owner who accepts the defaults; there is nothing to configure.
      if (!occupant?.owner) return 'forbidden'
      return type === 'set' && query.getChild('x')?.attrs.type === 'submit' ? undefined : 'not-allowed'
    }
    if (type === 'set') return 'service-unavailable'
    if (query.is('query', DISCO_INFO_NS)) {
      return discoInfo({ category: 'conference', type: 'text' }, [
        DISCO_INFO_NS,
        MUC_NS,
        SELF_PING_FEATURE,
        ...ROOM_FEATURES,
      ])
    }
    if (query.is('query', DISCO_ITEMS_NS)) {
      return discoItems(occupant === undefined ? [] : room.nicks.map((nick) => ({ jid: `${room.jid}/${nick}` })))
    }
    return 'service-unavailable'
  }

  private answerForComponent(query: Element): Answer {
    if (query.is('query', DISCO_INFO_NS)) {
      return discoInfo({ category: 'conference', type: 'text', name: 'Rooms' }, [
        DISCO_INFO_NS,
        DISCO_ITEMS_NS,
        MUC_NS,
        PING_NS,
      ])
    }
    return query.is('query', DISCO_ITEMS_NS) ? discoItems([]) : 'service-unavailable'
  }

  private join(session: Session, stanza: Element, to: Jid): StanzaCondition | undefined {
    const mine = this.joined.get(session) ?? new Set<Room>()
    if (mine.size >= this.limits.roomsPerSession) return 'resource-constraint'
    let room = this.rooms.get(to.bare)
    if (room === undefined) {
      if (this.rooms.size >= this.limits.rooms) return 'resource-constraint'
      room = new Room(to.bare)
      this.rooms.set(to.bare, room)
    }
    // XEP-0045 §7.2.9.
    if (room.size >= this.limits.occupants) return 'service-unavailable'
    this.joined.set(session, mine.add(room))
    room.join(session, to.resource, stanza)
    return undefined
  }

  private leave(room: Room, session: Session, presence?: Element): void {
    const occupant = room.occupant(session)
    if (occupant === undefined) return
    room.leave(occupant, presence)
    if (room.size === 0) this.rooms.delete(room.jid)
    const mine = this.joined.get(session)
    mine?.delete(room)
    if (mine?.size === 0) this.joined.delete(session)
  }
}
