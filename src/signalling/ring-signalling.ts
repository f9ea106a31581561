/**
 * Ring signalling: how do two agree on a link when they are in one ring already? The sessions of Jingle, as signals
 * through the ring instead of stanzas through an XMPP service, which is spared and need not be there. Keeps the sessions
 * of one node: gives each signal to the session of its sender, drops and counts what fits none, and bounds them all.
 *
 * A session is for one attempt and is forgotten by both ends some time after, without a word. Of two offers that cross
 * that of the greater address stands. A session that has ended is remembered for a while: whoever goes on is told so.
 */
import { type Address, parseAddress } from '../overlay/address.ts'
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import {
  type Clock,
  type Random,
  type SessionDescription,
  type Signalling,
  type SignallingSession,
  StanzaError,
} from '../ports.ts'
import type { JingleReason } from './jingle-reason.ts'
import { JingleSession, type JingleSessionKeeper } from './jingle-session.ts'
import type { JingleStanza } from './jingle-xml.ts'
import { RingDelivery } from './ring-delivery.ts'
import { decodeSignal, encodeSignal, MAX_CANDIDATES_PER_SIGNAL, type RingSignal, type Saying } from './ring-signal.ts'

const SCHEME = 'webrtc'
const SESSION_MS = 30_000 // A guess: twice what a WebRTC attempt gets.
const MAX_SESSIONS = 128 // A guess: two for each live connection that the WebRTC transport allows.
const MAX_SESSIONS_PER_NODE = 8 // A guess: attempts of both sides that have not expired yet.
const MAX_ENDED_REMEMBERED = 256 // A guess: enough to tell late signals from made-up ones.

type Incoming = (session: SignallingSession, offer: SessionDescription) => void
type Kept = { session: JingleSession; delivery: RingDelivery; cancelExpiry: () => void }

/** Carries a signal to a node of the ring, perhaps; a later attempt takes another way. */
export type SignalCarrier = (to: Address, data: Uint8Array, attempt: number) => void

export class RingSignalling implements Signalling, JingleSessionKeeper {
  readonly clock: Clock
  readonly endpoint: Endpoint
  readonly dropped = new Map<string, number>()
  private readonly address: Address
  private readonly random: Random
  private readonly kept = new Map<string, Kept>()
  private readonly endedKeys = new Set<string>()
  private carrier: SignalCarrier = () => undefined
  private incoming: Incoming | undefined

  constructor(address: Address, clock: Clock, random: Random) {
    this.address = address
    this.clock = clock
    this.random = random
    this.endpoint = endpointOf(SCHEME, address)
  }

  /** Must be called before anything can leave. */
  carryBy(carrier: SignalCarrier): void {
    this.carrier = carrier
  }

  listen(incoming: Incoming): void {
    this.incoming = incoming
  }

  offer(to: Endpoint, offer: SessionDescription): SignallingSession {
    const far = targetOf(to)
    const session = new JingleSession(this, this.nextSessionId(), to, far, offer)
    if (!parseAddress(far)) queueMicrotask(() => session.fail('item-not-found'))
    else if (this.isFull(far)) queueMicrotask(() => session.fail('resource-constraint'))
    else this.keep(session)
    return session
  }

  close(): void {
    for (const { session } of [...this.kept.values()]) session.end('gone')
    this.incoming = undefined
    this.carrier = () => undefined
  }

  /** A signal that the ring has brought. Never throws. */
  receive(from: Address, data: Uint8Array): void {
    const signal = decodeSignal(data)
    if (signal === undefined) {
      this.drop('malformed signal')
      return
    }
    const key = keyOf(from, signal.session)
    const kept = this.kept.get(key)
    if (kept) this.handle(kept, signal)
    else if (this.endedKeys.has(key)) {
      this.drop('stale signal')
      if (signal.number !== undefined) this.refuse(from, signal.session, 'gone')
    } else if (signal.saying?.action === 'session-initiate') this.handleInitiate(from, signal, signal.saying)
    else this.drop('unknown session')
  }

  send({ id, far }: JingleSession, stanza: JingleStanza): void {
    const delivery = this.kept.get(keyOf(far, id))?.delivery
    if (!delivery || stanza.action === 'session-info') return
    if (stanza.action === 'session-terminate') {
      delivery.say(stanza)
      return
    }
    const { candidates } = stanza
    delivery.say({ ...stanza, candidates: candidates.slice(0, MAX_CANDIDATES_PER_SIGNAL) })
    for (let from = MAX_CANDIDATES_PER_SIGNAL; from < candidates.length; from += MAX_CANDIDATES_PER_SIGNAL) {
      const more = candidates.slice(from, from + MAX_CANDIDATES_PER_SIGNAL)
      delivery.say({ action: 'transport-info', sid: id, candidates: more, unreadable: 0 })
    }
  }

  forget({ far, id }: JingleSession): void {
    const key = keyOf(far, id)
    const kept = this.kept.get(key)
    kept?.cancelExpiry()
    kept?.delivery.close()
    this.kept.delete(key)
    this.endedKeys.add(key)
    const [oldest] = this.endedKeys
    if (this.endedKeys.size > MAX_ENDED_REMEMBERED && oldest !== undefined) this.endedKeys.delete(oldest)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private handle({ session, delivery }: Kept, signal: RingSignal): void {
    const saying = delivery.receive(signal)
    if (!saying) return
    try {
      session.handle(saying)
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      this.drop(error.message)
    }
  }

  private handleInitiate(from: Address, signal: RingSignal, offer: Saying & { action: 'session-initiate' }): void {
    if (this.incoming === undefined) {
      this.drop('nobody listens')
      return
    }
    if (!this.yieldsTo(from)) {
      this.drop('tie-break')
      this.refuse(from, signal.session, 'alternative-session')
      return
    }
    if (this.isFull(from)) {
      this.drop('too many sessions')
      this.refuse(from, signal.session, 'busy')
      return
    }
    const session = new JingleSession(this, signal.session, endpointOf(SCHEME, from), from, undefined)
    this.keep(session).delivery.receive(signal)
    this.incoming(session, offer.description)
    session.receiveCandidates(offer)
  }

  /** Whether an offer of this node goes before ours to it, which then fails here as it does over there. */
  private yieldsTo(from: Address): boolean {
    for (const { session } of [...this.kept.values()]) {
      if (session.far !== from || !session.isPendingOffer) continue
      if (this.address > from) return false
      session.fail('conflict')
    }
    return true
  }

  private keep(session: JingleSession): Kept {
    const { far, id } = session
    const delivery = new RingDelivery(this.clock, id, {
      transmit: (signal, attempt) => this.carrier(far as Address, encodeSignal(signal), attempt),
      unanswered: () => session.fail('timeout'),
      drop: (reason) => this.drop(reason),
    })
    const cancelExpiry = this.clock.wakeAt(this.clock.now() + SESSION_MS, () => session.fail('expired'))
    const kept = { session, delivery, cancelExpiry }
    this.kept.set(keyOf(far, id), kept)
    return kept
  }

  private refuse(to: Address, session: string, reason: JingleReason): void {
    const saying = { action: 'session-terminate', sid: session, reason } as const
    this.carrier(to, encodeSignal({ session, number: undefined, received: 0, saying }), 0)
  }

  private isFull(far: string): boolean {
    let ofFar = 0
    for (const { session } of this.kept.values()) if (session.far === far) ofFar += 1
    return this.kept.size >= MAX_SESSIONS || ofFar >= MAX_SESSIONS_PER_NODE
  }

  private nextSessionId(): string {
    return Array.from({ length: 4 }, () =>
      Math.floor(this.random() * 0x1_0000)
        .toString(16)
        .padStart(4, '0'),
    ).join('')
  }
}

function keyOf(far: string, session: string): string {
  return `${session} ${far}`
}
