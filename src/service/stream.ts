/**
 * How far has one client come? The stream of one WebSocket (RFC 7395 §3, RFC 6120 §4–§7).
 *
 *   opening --open--> negotiating --auth ok--> reopening --open--> authenticated --bind--> bound
 *                       |     ^
 *              auth w/o |     | response wrong
 *               message v     |            (response ok --> reopening)
 *                     challenged
 *
 *   any --close, stream error, socket gone--> closed
 */
import { randomBytes } from 'node:crypto'
import { Element, xml } from '../xmpp/stanza.ts'
import type { Account, Accounts } from './accounts.ts'
import { errorReply, resultReply, type StanzaCondition, type StreamCondition, streamError } from './errors.ts'
import { parseFrame } from './frame.ts'
import { isRequest, isWellFormedIq } from './iq.ts'
import { isResource, makeJid } from './jid.ts'
import type { Limits } from './limits.ts'
import { answerStranger, REGISTER_FEATURE_NS, REGISTER_NS } from './registration.ts'
import type { Router } from './router.ts'
import { judgePlain, mechanisms, SASL_NS, type SaslOutcome, startSasl } from './sasl.ts'
import type { Session } from './session.ts'

export const FRAMING_NS = 'urn:ietf:params:xml:ns:xmpp-framing'
const CLIENT_NS = 'jabber:client'
const STREAMS_NS = 'http://etherx.jabber.org/streams'
const BIND_NS = 'urn:ietf:params:xml:ns:xmpp-bind'
const ID_BYTES = 12 // RFC 6120 §4.7.3: unpredictable and unique.

/** What the stream needs of its socket. */
export interface Wire {
  send(text: string): void
  /** Closes after what was sent. */
  close(): void
}

export type StreamHost = {
  domain: string
  anonymous: boolean
  registration: boolean
  limits: Limits
  accounts: Accounts
  router: Router
}

export type StreamState =
  | { name: 'opening' }
  | { name: 'negotiating' }
  | { name: 'challenged' }
  | { name: 'reopening'; account: Account }
  | { name: 'authenticated'; account: Account }
  | { name: 'bound'; session: Session }
  | { name: 'closed' }

export class ClientStream {
  private current: StreamState
  private readonly wire: Wire
  private readonly host: StreamHost
  private failedLogins: number

  constructor(wire: Wire, host: StreamHost) {
    this.current = { name: 'opening' }
    this.wire = wire
    this.host = host
    this.failedLogins = 0
  }

  get state(): StreamState {
    return this.current
  }

  /** Handles one text frame. */
  handle(text: string): void {
    const failure = this.read(text)
    if (failure !== undefined) this.fail(failure)
  }

  /** The socket is gone. */
  lost(): void {
    this.leave()
  }

  /** Ends the stream with an error (RFC 6120 §4.9, RFC 7395 §3.5). */
  fail(condition: StreamCondition): void {
    const { name } = this.current
    if (name === 'closed') return
    // RFC 6120 §4.9.1.2: an error needs an open stream to be in.
    if (name === 'opening' || name === 'reopening') this.sendOpen()
    this.send(streamError(condition))
    this.end()
  }

  /** Each of these returns the stream error that the frame deserves, if any. */
  private read(text: string): StreamCondition | undefined {
    const { limits } = this.host
    const known = this.current.name === 'bound' || this.current.name === 'authenticated'
    const maxBytes = known ? limits.stanzaBytes : limits.unauthenticatedStanzaBytes
    if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) return 'policy-violation'
    // RFC 7395 §3.8 forbids whitespace as a keepalive; it harms nobody.
    if (text.trim() === '') return undefined
    const element = parseFrame(text, limits.elementDepth)
    if (element === undefined) return 'not-well-formed'
    if (element.name.includes(':')) return 'bad-namespace-prefix'
    if (!element.is('close', FRAMING_NS)) return this.handleElement(element)
    this.end()
    return undefined
  }

  private handleElement(element: Element): StreamCondition | undefined {
    const state = this.current
    switch (state.name) {
      case 'opening':
      case 'reopening': {
        if (!element.is('open', FRAMING_NS)) return 'bad-format'
        if (element.attrs.to?.toLowerCase() !== this.host.domain) return 'host-unknown'
        this.sendOpen()
        this.sendFeatures()
        this.current =
          state.name === 'opening' ? { name: 'negotiating' } : { name: 'authenticated', account: state.account }
        return undefined
      }
      case 'negotiating': {
        const { accounts, anonymous } = this.host
        if (!element.is('auth', SASL_NS)) return this.handleStranger(element)
        return this.conclude(startSasl(element, accounts, anonymous))
      }
      case 'challenged': {
        if (element.is('response', SASL_NS)) return this.conclude(judgePlain(element, this.host.accounts))
        if (element.is('abort', SASL_NS)) return this.conclude({ type: 'failure', condition: 'aborted' })
        return 'not-authorized'
      }
      case 'authenticated': {
        if (element.getNS() !== CLIENT_NS) return 'invalid-namespace'
        // RFC 6120 §7.1: nothing is processed before a resource is bound.
        if (!isBindRequest(element)) return 'not-authorized'
        this.bind(state.account, element)
        return undefined
      }
      case 'bound': {
        if (element.getNS() !== CLIENT_NS) return 'invalid-namespace'
        if (!['iq', 'message', 'presence'].includes(element.name)) return 'unsupported-stanza-type'
        if (isBindRequest(element)) this.refuse(element, 'not-allowed')
        else this.host.router.handle(state.session, element)
        return undefined
      }
      case 'closed':
        return undefined
    }
  }

  /** XEP-0077 §3.1: registration is the one thing that strangers may ask for. */
  private handleStranger(iq: Element): StreamCondition | undefined {
    if (!iq.is('iq', CLIENT_NS) || !isRequest(iq) || !isWellFormedIq(iq)) return 'not-authorized'
    const query = iq.getChild('query', REGISTER_NS)
    if (query === undefined) return 'not-authorized'
    const type = iq.attrs.type === 'set' ? 'set' : 'get'
    const answer = this.host.registration ? answerStranger(type, query, this.host.accounts) : 'not-allowed'
    if (typeof answer === 'string') this.refuse(iq, answer)
    else this.send(resultReply(iq, answer))
    return undefined
  }

  private conclude(outcome: SaslOutcome): StreamCondition | undefined {
    switch (outcome.type) {
      case 'challenge':
        this.current = { name: 'challenged' }
        this.send(xml('challenge', { xmlns: SASL_NS }))
        return undefined
      case 'success':
        this.current = { name: 'reopening', account: outcome.account }
        this.send(xml('success', { xmlns: SASL_NS }))
        return undefined
      case 'failure':
        this.current = { name: 'negotiating' }
        this.send(xml('failure', { xmlns: SASL_NS }, new Element(outcome.condition)))
        this.failedLogins += 1
        return this.failedLogins >= this.host.limits.loginAttempts ? 'policy-violation' : undefined
    }
  }

  /** RFC 6120 §7. A resource in use is not taken away: the newcomer gets another one (§7.7.2.2). */
  private bind(account: Account, iq: Element): void {
    const asked = readBindResource(iq)
    const refusal = this.refusalToBind(account, iq, asked)
    if (refusal !== undefined) this.refuse(iq, refusal)
    else this.begin(account, iq, asked)
  }

  private refusalToBind(account: Account, iq: Element, asked: string | undefined): StanzaCondition | undefined {
    if (!isWellFormedIq(iq) || (asked !== undefined && !isResource(asked))) return 'bad-request'
    // The account can have been taken away since it was signed in to.
    if (this.host.accounts.find(account.jid.local) !== account) return 'not-allowed'
    return account.sessions.size >= this.host.limits.resourcesPerAccount ? 'resource-constraint' : undefined
  }

  private begin(account: Account, iq: Element, asked: string | undefined): void {
    const jid = makeJid(account.jid.local, this.host.domain, freeResource(account, asked))
    const session: Session = {
      jid,
      account,
      deliver: (text) => this.wire.send(text),
      end: (condition) => this.fail(condition),
      presence: undefined,
      interested: false,
      directed: new Set(),
    }
    account.sessions.set(jid.resource, session)
    this.current = { name: 'bound', session }
    this.send(resultReply(iq, xml('bind', { xmlns: BIND_NS }, xml('jid', {}, jid.full))))
  }

  private end(): void {
    this.send(xml('close', { xmlns: FRAMING_NS }))
    this.leave()
    this.wire.close()
  }

  private leave(): void {
    const state = this.current
    this.current = { name: 'closed' }
    if (state.name === 'bound') this.host.router.ended(state.session)
    if (state.name !== 'reopening' && state.name !== 'authenticated') return
    if (state.account.passwordDigest === undefined) this.host.router.forget(state.account)
  }

  private refuse(iq: Element, condition: StanzaCondition): void {
    const reply = errorReply(iq, condition)
    if (reply !== undefined) this.send(reply)
  }

  private sendOpen(): void {
    const id = randomBytes(ID_BYTES).toString('hex')
    this.send(xml('open', { xmlns: FRAMING_NS, from: this.host.domain, id, version: '1.0', 'xml:lang': 'en' }))
  }

  private sendFeatures(): void {
    const features =
      this.current.name === 'reopening'
        ? [
            xml('bind', { xmlns: BIND_NS }),
            xml('session', { xmlns: 'urn:ietf:params:xml:ns:xmpp-session' }, xml('optional')),
          ]
        : [
            xml(
              'mechanisms',
              { xmlns: SASL_NS },
              ...mechanisms(this.host.anonymous).map((mechanism) => xml('mechanism', {}, mechanism)),
            ),
            ...(this.host.registration ? [xml('register', { xmlns: REGISTER_FEATURE_NS })] : []),
          ]
    this.send(xml('stream:features', { 'xmlns:stream': STREAMS_NS }, ...features))
  }

  private send(element: Element): void {
    this.wire.send(element.toString())
  }
}

function isBindRequest(element: Element): boolean {
  return element.name === 'iq' && element.attrs.type === 'set' && element.getChild('bind', BIND_NS) !== undefined
}

function readBindResource(iq: Element): string | undefined {
  const resource = iq.getChild('bind', BIND_NS)?.getChildText('resource')
  return resource ? resource : undefined
}

function freeResource(account: Account, asked: string | undefined): string {
  if (asked !== undefined && !account.sessions.has(asked)) return asked
  const random = randomBytes(ID_BYTES).toString('hex')
  const alike = `${asked}-${random}`
  // Close to what was asked for, because resources can carry meaning to those who read them.
  return asked !== undefined && isResource(alike) ? alike : random
}
