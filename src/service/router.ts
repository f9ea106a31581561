/**
 * Where does a stanza go? Applies the delivery rules of RFC 6120 §10 and RFC 6121 §8 to what bound resources send:
 * to the domain, to accounts and their resources, to rooms; elsewhere leads nowhere, for there is no federation.
 */
import type { Element } from '../xmpp/stanza.ts'
import type { Account, Accounts } from './accounts.ts'
import { accountInfo, DISCO_INFO_NS, DISCO_ITEMS_NS, discoItems, domainInfo } from './disco.ts'
import { errorReply, resultReply, type StanzaCondition } from './errors.ts'
import { answerExternalServices, EXTERNAL_SERVICES_NS, type ExternalService } from './external-services.ts'
import { readdressed } from './frame.ts'
import { type Answer, isRequest, isWellFormedIq, type Request, readRequest } from './iq.ts'
import { type Jid, parseJid } from './jid.ts'
import type { Limits } from './limits.ts'
import { PING_NS } from './ping.ts'
import { availableSessions, Presences } from './presence.ts'
import { answerAccount, REGISTER_NS } from './registration.ts'
import { Rooms } from './rooms.ts'
import { answerRoster, ROSTER_NS } from './roster.ts'
import { priorityOf, type Session } from './session.ts'
import { SUBSCRIPTION_TYPES, Subscriptions, type SubscriptionType } from './subscriptions.ts'

const SESSION_NS = 'urn:ietf:params:xml:ns:xmpp-session' // RFC 3921 §3; old clients insist.

export type RouterOptions = {
  domain: string
  accounts: Accounts
  limits: Limits
  registration: boolean
  externalServices: () => ExternalService[]
  meddle: Meddle | undefined
}

/** What a hostile operator makes of what one client says to another: another stanza, or nothing. */
export type Meddle = (stanza: Element) => Element | undefined

export class Router {
  readonly conference: string
  private readonly options: RouterOptions
  private readonly rooms: Rooms
  private readonly presences: Presences
  private readonly subscriptions: Subscriptions

  constructor(options: RouterOptions) {
    const { accounts, limits } = options
    this.options = options
    this.conference = `conference.${options.domain}`
    this.rooms = new Rooms(limits)
    this.presences = new Presences(accounts, limits)
    this.subscriptions = new Subscriptions(accounts, this.presences, limits)
  }

  get roomCount(): number {
    return this.rooms.size
  }

  /** Handles one message, presence or IQ in `jabber:client`. */
  handle(session: Session, received: Element): void {
    const address: string | undefined = received.attrs.to
    const to = address === undefined ? undefined : parseJid(address)
    // RFC 6120 §8.1.2.1: whatever the client claims, the server says who it is.
    const stanza = readdressed(received, { from: session.jid.full, ...(to && { to: to.full }) })
    const malformed = address !== undefined && to === undefined
    const refusal = malformed ? 'jid-malformed' : this.deliver(session, stanza, to)
    const reply = refusal === undefined ? undefined : errorReply(stanza, refusal)
    if (reply !== undefined) session.deliver(reply.toString())
  }

  /** The stream is gone: everybody who knew the resource hears of it at once. */
  ended(session: Session): void {
    const { account, jid } = session
    if (account.sessions.get(jid.resource) === session) account.sessions.delete(jid.resource)
    this.rooms.ended(session)
    this.presences.unavailable(session)
    if (account.passwordDigest === undefined) this.forget(account)
  }

  /** Takes an anonymous account away once its only stream is gone. */
  forget(account: Account): void {
    this.subscriptions.forget(account)
    this.options.accounts.remove(account)
  }

  /** Undefined when delivered, answered, or to be dropped in silence. */
  private deliver(session: Session, stanza: Element, to: Jid | undefined): StanzaCondition | undefined {
    switch (stanza.name) {
      case 'iq':
        return this.handleIq(session, stanza, to ?? session.account.jid)
      case 'message':
        return this.handleMessage(session, stanza, to ?? session.account.jid)
      default:
        return this.handlePresence(session, stanza, to)
    }
  }

  private handleIq(session: Session, stanza: Element, to: Jid): StanzaCondition | undefined {
    if (!isWellFormedIq(stanza)) return 'bad-request'
    if (to.domain === this.options.domain && to.local !== '' && to.resource !== '') {
      const target = this.options.accounts.find(to.local)?.sessions.get(to.resource)
      const { meddle } = this.options
      const passedOn = meddle ? meddle(stanza) : stanza
      if (passedOn) target?.deliver(passedOn.toString())
      return target === undefined ? 'service-unavailable' : undefined
    }
    const toOccupant = to.domain === this.conference && to.resource !== ''
    if (!toOccupant && !isRequest(stanza)) return undefined
    const answer = toOccupant ? this.rooms.handOn(session, stanza, to) : this.answer(readRequest(session, stanza), to)
    if (answer === 'handed-on') return undefined
    if (typeof answer === 'string') return answer
    if (isRequest(stanza)) session.deliver(resultReply(stanza, answer).toString())
    return undefined
  }

  private answer(request: Request, to: Jid): Answer {
    if (to.domain === this.conference) return this.rooms.answer(request, to)
    if (to.domain !== this.options.domain) return 'remote-server-not-found'
    if (to.local === '') return this.answerForDomain(request)
    return to.bare === request.session.account.jid.bare ? this.answerForAccount(request) : 'service-unavailable'
  }

  private answerForDomain(request: Request): Answer {
    const { query, type, session } = request
    const { accounts, registration } = this.options
    const remove = (account: Account) => this.removeAccount(account)
    switch (query.getNS()) {
      case REGISTER_NS:
        return registration ? answerAccount(request, accounts, remove) : 'service-unavailable'
      case EXTERNAL_SERVICES_NS:
        return answerExternalServices(request, this.options.externalServices())
      case SESSION_NS:
        return undefined
      case ROSTER_NS:
        return answerRoster(request, this.subscriptions, this.options.limits)
    }
    if (type === 'set') return 'service-unavailable'
    switch (query.getNS()) {
      case PING_NS:
        return undefined
      case DISCO_INFO_NS:
        return domainInfo(registration && session.account.passwordDigest !== undefined)
      case DISCO_ITEMS_NS:
        return discoItems([{ jid: this.conference, name: 'Rooms' }])
      default:
        return 'service-unavailable'
    }
  }

  private answerForAccount(request: Request): Answer {
    const { query, type, session } = request
    if (type === 'get' && query.getNS() === DISCO_INFO_NS) {
      return accountInfo(session.account.passwordDigest === undefined)
    }
    if (type === 'get' && query.getNS() === DISCO_ITEMS_NS) return discoItems([])
    // RFC 6120 §10.3.3: the server answers for the account.
    return this.answerForDomain(request)
  }

  private handleMessage(session: Session, stanza: Element, to: Jid): StanzaCondition | undefined {
    if (to.domain === this.conference) return this.rooms.message(session, stanza, to)
    if (to.domain !== this.options.domain) return 'remote-server-not-found'
    const account = this.options.accounts.find(to.local)
    const type = stanza.attrs.type ?? 'normal'
    const exact = account?.sessions.get(to.resource)
    exact?.deliver(stanza.toString())
    if (exact !== undefined || type === 'error') return undefined
    // RFC 6121 §8.5.2 and §8.5.3: chat falls back to the account, nothing is kept for later.
    const forAccount = to.resource === '' ? type !== 'groupchat' : type === 'chat'
    const targets = forAccount && account ? availableSessions(account).filter((it) => priorityOf(it) >= 0) : []
    for (const target of targets) target.deliver(stanza.toString())
    return targets.length === 0 && type !== 'headline' ? 'service-unavailable' : undefined
  }

  private handlePresence(session: Session, stanza: Element, to: Jid | undefined): StanzaCondition | undefined {
    const type: string | undefined = stanza.attrs.type
    if (type === 'error' || type === 'probe') return undefined
    const subscription = SUBSCRIPTION_TYPES.find((it) => it === type)
    if (subscription === undefined && type !== undefined && type !== 'unavailable') return 'bad-request'
    if (Buffer.byteLength(stanza.toString()) > this.options.limits.presenceBytes) return 'policy-violation'
    if (to !== undefined) return this.handleDirected(session, stanza, to, subscription)
    if (subscription !== undefined) return 'bad-request'
    if (type === 'unavailable') {
      // XEP-0045 §7.14: a room is told like any other receiver of directed presence.
      this.rooms.ended(session, stanza)
      this.presences.unavailable(session, stanza)
    } else if (this.presences.available(session, stanza)) {
      this.subscriptions.remind(session)
    }
    return undefined
  }

  private handleDirected(
    session: Session,
    stanza: Element,
    to: Jid,
    subscription: SubscriptionType | undefined,
  ): StanzaCondition | undefined {
    if (to.domain === this.conference) return this.rooms.presence(session, stanza, to)
    if (to.domain !== this.options.domain) return 'remote-server-not-found'
    if (to.local === '') return undefined
    if (subscription !== undefined) return this.subscriptions.handle(session.account, subscription, to.bare, stanza)
    return this.presences.directed(session, stanza, to) ? undefined : 'resource-constraint'
  }

  private removeAccount(account: Account): void {
    this.forget(account)
    // RFC 6120 §4.9.3.12, as XEP-0077 §3.2 asks; later, so that the result leaves first.
    for (const session of account.sessions.values()) queueMicrotask(() => session.end('not-authorized'))
  }
}
