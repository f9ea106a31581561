/**
 * Jingle signalling: how do two agree on a link when all they share is an XMPP service? Keeps the Jingle sessions of one
 * signed-in tab: gives each stanza to the session of its sender, refuses what fits none, and bounds them all.
 */
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import {
  type Clock,
  type Random,
  type SessionDescription,
  type Signalling,
  type SignallingSession,
  StanzaError,
  type Stanzas,
} from '../ports.ts'
import type { Element } from '../xmpp/stanza.ts'
import { JingleError } from './jingle-error.ts'
import { isProved, prove } from './jingle-proof.ts'
import { JingleSession, type JingleSessionKeeper } from './jingle-session.ts'
import { JINGLE_XMLNS, type JingleStanza, readJingle, writeJingle } from './jingle-xml.ts'

const SCHEME = 'webrtc'
const REQUEST_TIMEOUT_MS = 30_000 // As long as an offer may wait; a paced service takes its time.
const MAX_SESSIONS = 128 // A guess: two for each live connection that the WebRTC transport allows.
const MAX_SESSIONS_PER_JID = 8 // A guess: attempts of both sides that have not expired yet.
const MAX_ENDED_REMEMBERED = 256 // A guess: enough to tell late stanzas from made-up ones.

type Incoming = (session: SignallingSession, offer: SessionDescription) => void

export class JingleSignalling implements Signalling, JingleSessionKeeper {
  readonly clock: Clock
  readonly dropped = new Map<string, number>()
  private readonly stanzas: Stanzas
  private readonly random: Random
  private readonly key: Uint8Array | undefined
  private readonly sessions = new Map<string, JingleSession>()
  private readonly endedKeys = new Set<string>()
  private readonly stops: (() => void)[]
  private incoming: Incoming | undefined

  /** `key`: 32 bytes that all members know; without it anybody is believed. */
  constructor(stanzas: Stanzas, clock: Clock, random: Random, key?: Uint8Array) {
    this.stanzas = stanzas
    this.key = key
    this.clock = clock
    this.random = random
    this.stops = [
      stanzas.onIq('set', 'jingle', JINGLE_XMLNS, (child, from) => this.handle(child, from)),
      stanzas.onOffline(() => {
        for (const session of [...this.sessions.values()]) session.fail('disconnected')
      }),
    ]
  }

  get endpoint(): Endpoint | undefined {
    const { jid } = this.stanzas
    return jid === undefined ? undefined : endpointOf(SCHEME, jid)
  }

  listen(incoming: Incoming): void {
    this.incoming = incoming
  }

  offer(to: Endpoint, offer: SessionDescription): SignallingSession {
    const jid = targetOf(to)
    const session = new JingleSession(this, this.nextSessionId(), to, jid, offer)
    if (this.stanzas.jid === undefined) queueMicrotask(() => session.fail('disconnected'))
    else if (this.isFull(jid)) queueMicrotask(() => session.fail('resource-constraint'))
    else this.sessions.set(keyOf(jid, session.id), session)
    return session
  }

  close(): void {
    for (const session of [...this.sessions.values()]) session.end('gone')
    for (const stop of this.stops) stop()
    this.incoming = undefined
  }

  send(session: JingleSession, stanza: JingleStanza): void {
    const { jid: from = '' } = this.stanzas
    const to = session.far
    const child = this.key ? prove(writeJingle(stanza), { from, to }, this.key) : writeJingle(stanza)
    const sent = this.stanzas.request({ type: 'set', to, child, timeoutMs: REQUEST_TIMEOUT_MS })
    sent.catch((error: unknown) => {
      if (!(error instanceof StanzaError)) throw error
      // A session-terminate that finds nobody has done its work: the session has ended here already.
      session.fail(error.condition)
    })
  }

  forget(session: JingleSession): void {
    const key = keyOf(session.far, session.id)
    this.sessions.delete(key)
    this.endedKeys.add(key)
    const [oldest] = this.endedKeys
    if (this.endedKeys.size > MAX_ENDED_REMEMBERED && oldest !== undefined) this.endedKeys.delete(oldest)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private handle(child: Element, from: string): undefined {
    const { jid: to = '' } = this.stanzas
    if (this.key && !isProved(child, { from, to }, this.key)) {
      throw this.refusal('forged stanza', new StanzaError('not-authorized'))
    }
    const stanza = readJingle(child)
    if (stanza === undefined) throw this.refusal('malformed stanza', new StanzaError('bad-request'))
    const key = keyOf(from, stanza.sid)
    const session = this.sessions.get(key)
    try {
      if (session !== undefined) session.handle(stanza)
      else if (this.endedKeys.has(key)) throw this.refusal('stale stanza', new JingleError('unknown-session'))
      else if (stanza.action === 'session-initiate') this.handleInitiate(stanza, from)
      else throw this.refusal('unknown session', new JingleError('unknown-session'))
    } catch (error) {
      if (session !== undefined && error instanceof StanzaError) this.drop(error.message)
      throw error
    }
  }

  private handleInitiate(stanza: JingleStanza & { action: 'session-initiate' }, from: string): void {
    if (this.incoming === undefined) throw this.refusal('nobody listens', new StanzaError('service-unavailable'))
    this.breakTie(stanza.sid, from)
    if (this.isFull(from)) throw this.refusal('too many sessions', new StanzaError('resource-constraint'))
    const session = new JingleSession(this, stanza.sid, endpointOf(SCHEME, from), from, undefined)
    this.sessions.set(keyOf(from, stanza.sid), session)
    this.incoming(session, stanza.description)
    session.receiveCandidates(stanza)
  }

  /** XEP-0166 §7.2.16: when two offers cross, the one with the lower session id overrules the other. */
  private breakTie(theirId: string, from: string): void {
    for (const ours of [...this.sessions.values()]) {
      if (ours.far !== from || !ours.isPendingOffer) continue
      if (ours.id < theirId) throw this.refusal('tie-break', new JingleError('tie-break'))
      // An offer that has left will be refused by the far end; one that has not can be spared.
      if (ours.state.name === 'gathering') ours.fail('conflict')
    }
  }

  private isFull(jid: string): boolean {
    let ofJid = 0
    for (const session of this.sessions.values()) if (session.far === jid) ofJid += 1
    return this.sessions.size >= MAX_SESSIONS || ofJid >= MAX_SESSIONS_PER_JID
  }

  private refusal(reason: string, error: StanzaError): StanzaError {
    this.drop(reason)
    return error
  }

  private nextSessionId(): string {
    return Array.from({ length: 4 }, () =>
      Math.floor(this.random() * 0x1_0000)
        .toString(16)
        .padStart(4, '0'),
    ).join('')
  }
}

function keyOf(jid: string, sid: string): string {
  return `${sid} ${jid}`
}
