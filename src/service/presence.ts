/**
 * Who learns that a resource is there? Broadcast among the resources of an account and its subscribers (RFC 6121 §4),
 * presence of those who were there before, and directed presence (§4.6). All contacts are local: there is no
 * federation, so a probe is a look into the contact's account.
 */
import type { Element } from '../xmpp/stanza.ts'
import { xml } from '../xmpp/stanza.ts'
import type { Account, Accounts } from './accounts.ts'
import { circular, readdressed } from './frame.ts'
import type { Jid } from './jid.ts'
import type { Limits } from './limits.ts'
import type { Session } from './session.ts'

export class Presences {
  private readonly accounts: Accounts
  private readonly limits: Limits

  constructor(accounts: Accounts, limits: Limits) {
    this.accounts = accounts
    this.limits = limits
  }

  /** Handles available presence without `to`. Returns whether it was the initial one. */
  available(session: Session, stanza: Element): boolean {
    const initial = session.presence === undefined
    session.presence = stanza
    this.broadcast(session, stanza)
    if (initial) this.showOthers(session)
    return initial
  }

  /** Handles unavailable presence without `to`, and the loss of a stream (RFC 6121 §4.5). */
  unavailable(session: Session, stanza: Element = unavailableFrom(session)): void {
    const wasAvailable = session.presence !== undefined
    session.presence = undefined
    const told = wasAvailable ? this.broadcast(session, stanza) : new Set<Session>()
    const letter = circular(stanza)
    for (const full of session.directed) {
      for (const target of this.targetsOf(full)) {
        if (!told.has(target)) target.deliver(letter(full))
      }
    }
    session.directed.clear()
  }

  /** Handles available or unavailable presence to somebody. Returns false if it cannot be remembered, so was not sent. */
  directed(session: Session, stanza: Element, to: Jid): boolean {
    if (stanza.attrs.type === 'unavailable') session.directed.delete(to.full)
    else if (!session.directed.has(to.full)) {
      if (session.directed.size >= this.limits.directedPresences) return false
      session.directed.add(to.full)
    }
    const text = stanza.toString()
    for (const target of this.targetsOf(to.full)) target.deliver(text)
    return true
  }

  /** Tells a contact's resources about every available resource of an account, or that they are all gone. */
  show(account: Account, contact: Account, type?: 'unavailable'): void {
    for (const session of availableSessions(account)) {
      const presence = type === 'unavailable' ? unavailableFrom(session) : session.presence
      if (presence !== undefined) deliverTo(contact, presence)
    }
  }

  private broadcast(session: Session, stanza: Element): Set<Session> {
    const letter = circular(stanza)
    const told = new Set<Session>()
    const tell = (account: Account) => {
      const text = letter(account.jid.bare)
      for (const target of availableSessions(account)) {
        target.deliver(text)
        told.add(target)
      }
    }
    tell(session.account)
    for (const item of session.account.roster.items.values()) {
      const contact = item.from ? this.accounts.findBare(item.jid) : undefined
      if (contact !== undefined) tell(contact)
    }
    return told
  }

  private showOthers(session: Session): void {
    const show = (account: Account) => {
      for (const other of availableSessions(account)) {
        if (other === session || other.presence === undefined) continue
        session.deliver(readdressed(other.presence, { to: session.jid.full }).toString())
      }
    }
    show(session.account)
    for (const item of session.account.roster.items.values()) {
      const contact = item.to ? this.accounts.findBare(item.jid) : undefined
      if (contact?.roster.items.get(session.account.jid.bare)?.from) show(contact)
    }
  }

  private targetsOf(address: string): Session[] {
    const slash = address.indexOf('/')
    const account = this.accounts.findBare(slash < 0 ? address : address.slice(0, slash))
    if (account === undefined) return []
    if (slash < 0) return availableSessions(account)
    const target = account.sessions.get(address.slice(slash + 1))
    return target === undefined ? [] : [target]
  }
}

export function availableSessions(account: Account): Session[] {
  return [...account.sessions.values()].filter((session) => session.presence !== undefined)
}

export function deliverTo(account: Account, presence: Element): void {
  const text = readdressed(presence, { to: account.jid.bare }).toString()
  for (const target of availableSessions(account)) target.deliver(text)
}

export function unavailableFrom(session: Session): Element {
  return xml('presence', { xmlns: 'jabber:client', type: 'unavailable', from: session.jid.full })
}
