/**
 * Who is in a room, and what do the others hear? One multi-user chat (XEP-0045): open, non-anonymous, temporary,
 * without history. The first occupant owns it.
 */
import { Element, xml } from '../xmpp/stanza.ts'
import { circular, readdressed } from './frame.ts'
import type { Session } from './session.ts'

export const MUC_NS = 'http://jabber.org/protocol/muc'
export const MUC_USER_NS = 'http://jabber.org/protocol/muc#user'

/** XEP-0045 §15.6.2. */
const STATUS = { nonAnonymous: '100', self: '110', created: '201', nickChanged: '303' } as const

export type Occupant = { readonly session: Session; nick: string; readonly owner: boolean; presence: Element }

export class Room {
  readonly jid: string
  private readonly byNick: Map<string, Occupant>
  private readonly bySession: Map<Session, Occupant>

  constructor(jid: string) {
    this.jid = jid
    this.byNick = new Map()
    this.bySession = new Map()
  }

  get size(): number {
    return this.byNick.size
  }

  get nicks(): string[] {
    return [...this.byNick.keys()]
  }

  occupant(session: Session): Occupant | undefined {
    return this.bySession.get(session)
  }

  withNick(nick: string): Occupant | undefined {
    return this.byNick.get(nick)
  }

  /**
   * XEP-0045 §7.1: the newcomer gets everybody's presence, the others get the newcomer's, the newcomer's own comes
   * last, then the subject. An occupant who joins again under its nick is shown everything again.
   */
  join(session: Session, nick: string, presence: Element): void {
    const created = this.size === 0
    const occupant = this.bySession.get(session) ?? { session, nick, owner: created, presence }
    occupant.presence = presence
    this.byNick.set(nick, occupant)
    this.bySession.set(session, occupant)
    for (const other of this.byNick.values()) {
      if (other !== occupant) session.deliver(addressed(this.presenceOf(other), session))
    }
    this.tellOthers(occupant, this.presenceOf(occupant))
    const codes = [STATUS.nonAnonymous, STATUS.self, ...(created ? [STATUS.created] : [])]
    session.deliver(addressed(this.presenceOf(occupant, codes), session))
    const subject = xml('message', { xmlns: 'jabber:client', type: 'groupchat', from: this.jid }, xml('subject'))
    session.deliver(addressed(subject, session))
  }

  /** XEP-0045 §7.7. */
  update(occupant: Occupant, presence: Element): void {
    occupant.presence = presence
    this.tellOthers(occupant, this.presenceOf(occupant))
    occupant.session.deliver(addressed(this.presenceOf(occupant, [STATUS.self]), occupant.session))
  }

  /** XEP-0045 §7.6; the nick must be free. */
  rename(occupant: Occupant, nick: string, presence: Element): void {
    const { session, nick: old } = occupant
    const change = (codes: string[]) => this.unavailableOf(occupant, undefined, codes, nick)
    this.tellOthers(occupant, change([STATUS.nickChanged]))
    session.deliver(addressed(change([STATUS.nickChanged, STATUS.self]), session))
    this.byNick.delete(old)
    this.byNick.set(nick, occupant)
    occupant.nick = nick
    this.update(occupant, presence)
  }

  /** XEP-0045 §7.14. `presence` is the occupant's own goodbye, if there was one. */
  leave(occupant: Occupant, presence?: Element): void {
    const { session } = occupant
    this.byNick.delete(occupant.nick)
    this.bySession.delete(session)
    this.tellOthers(occupant, this.unavailableOf(occupant, presence))
    session.deliver(addressed(this.unavailableOf(occupant, presence, [STATUS.self]), session))
  }

  /** XEP-0045 §7.4: to everybody, the speaker included. */
  say(occupant: Occupant, message: Element): void {
    const letter = circular(readdressed(message, { from: this.addressOf(occupant) }))
    for (const { session } of this.byNick.values()) session.deliver(letter(session.jid.full))
  }

  addressOf(occupant: Occupant): string {
    return `${this.jid}/${occupant.nick}`
  }

  private tellOthers(occupant: Occupant, presence: Element): void {
    const letter = circular(presence)
    for (const { session } of this.byNick.values()) {
      if (session !== occupant.session) session.deliver(letter(session.jid.full))
    }
  }

  private presenceOf(occupant: Occupant, codes: string[] = []): Element {
    return this.clothe(occupant, occupant.presence, occupant.owner ? 'moderator' : 'participant', codes)
  }

  private unavailableOf(occupant: Occupant, presence?: Element, codes: string[] = [], newNick?: string): Element {
    const goodbye = presence ?? xml('presence', { xmlns: 'jabber:client' })
    const clothed = this.clothe(occupant, goodbye, 'none', codes, newNick)
    clothed.attrs.type = 'unavailable'
    return clothed
  }

  /** The occupant's stanza with its payload, from its place in the room, and with the room's word on who it is. */
  private clothe(occupant: Occupant, stanza: Element, role: string, codes: string[], nick?: string): Element {
    const clothed = readdressed(stanza, { from: this.addressOf(occupant), to: undefined })
    const affiliation = occupant.owner ? 'owner' : 'none'
    const item = xml('item', { affiliation, role, jid: occupant.session.jid.full, nick })
    const statuses = codes.map((code) => xml('status', { code }))
    // What a client says in the room's namespaces is for the room; passing it on would let it lie about roles.
    const payload = stanza.children.filter((child) => !(child instanceof Element && isRoomsOwn(child)))
    clothed.children = [...payload, xml('x', { xmlns: MUC_USER_NS }, item, ...statuses)]
    return clothed
  }
}

function isRoomsOwn(element: Element): boolean {
  return element.is('x', MUC_NS) || element.is('x', MUC_USER_NS)
}

function addressed(stanza: Element, session: Session): string {
  return readdressed(stanza, { to: session.jid.full }).toString()
}
