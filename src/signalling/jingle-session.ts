/**
 * Jingle session: one offer, its answer and the candidates of both sides, on its way to one far end (XEP-0166 1.1.2 §5):
 * to a full JID as stanzas, or through the ring to an address.
 *
 *   we offer:      gathering --a moment later--> offering --session-accept--> active
 *   they offer:    offered ----accept()--> answering --a moment later-------> active
 *   each of them:  --end(), session-terminate, an error, the deadline, offline--> ended
 *
 * Offers and answers wait a moment for the first candidates, so that most sessions need no transport-info at all: each
 * IQ costs its answer too, on a service that paces us.
 */
import type { Endpoint } from '../overlay/endpoint.ts'
import type { SignallingSession } from '../ports.ts'
import { type Clock, type IceCandidate, type SessionDescription, type SignallingEvents, StanzaError } from '../ports.ts'
import { JingleError } from './jingle-error.ts'
import { isJingleReason } from './jingle-reason.ts'
import { type CandidateList, type JingleStanza, MAX_CANDIDATES_PER_STANZA } from './jingle-xml.ts'

const FIRST_CANDIDATES_MS = 10 // Measured: Chromium has its host candidates within 4 ms, more when the machine is busy.
const CANDIDATE_BATCH_MS = 100 // A guess: server-reflexive ones come one after another.
const ACCEPT_DEADLINE_MS = 30_000 // A guess: twice what a WebRTC attempt gets.
const MAX_CANDIDATES = 64 // For each side. A guess: two full stanzas.

export type JingleSessionState =
  | { name: 'gathering'; offer: SessionDescription }
  | { name: 'offering' }
  | { name: 'offered' }
  | { name: 'answering'; answer: SessionDescription }
  | { name: 'active' }
  | { name: 'ended' }

/** What a session needs of the one who keeps it. */
export interface JingleSessionKeeper {
  readonly clock: Clock
  send(session: JingleSession, stanza: JingleStanza): void
  forget(session: JingleSession): void
  drop(reason: string): void
}

export class JingleSession implements SignallingSession {
  readonly id: string
  readonly endpoint: Endpoint
  /** A full JID, or an address of the ring. */
  readonly far: string
  state: JingleSessionState
  private readonly keeper: JingleSessionKeeper
  private events: SignallingEvents | undefined
  private batch: IceCandidate[] = []
  private localCandidates = 0
  private remoteCandidates = 0
  private readonly cancelDeadline: () => void
  private cancelFlush: (() => void) | undefined

  /** Without an offer of ours the far end has offered. */
  constructor(
    keeper: JingleSessionKeeper,
    id: string,
    endpoint: Endpoint,
    far: string,
    offer: SessionDescription | undefined,
  ) {
    this.keeper = keeper
    this.id = id
    this.endpoint = endpoint
    this.far = far
    this.state = offer === undefined ? { name: 'offered' } : { name: 'gathering', offer }
    this.cancelDeadline = keeper.clock.wakeAt(keeper.clock.now() + ACCEPT_DEADLINE_MS, () => this.expire())
    if (offer !== undefined) this.flushIn(FIRST_CANDIDATES_MS)
  }

  /** True while an offer of the far end would cross ours (XEP-0166 §7.2.16). */
  get isPendingOffer(): boolean {
    return this.state.name === 'gathering' || this.state.name === 'offering'
  }

  bind(events: SignallingEvents): void {
    this.events = events
  }

  accept(answer: SessionDescription): void {
    if (this.state.name === 'ended') return
    if (this.state.name !== 'offered') throw new Error(`A session that is ${this.state.name} has nothing to accept.`)
    this.state = { name: 'answering', answer }
    this.flushIn(FIRST_CANDIDATES_MS)
  }

  addCandidate(candidate: IceCandidate): void {
    if (this.state.name === 'ended') return
    this.localCandidates += 1
    if (this.localCandidates > MAX_CANDIDATES) return
    this.batch.push(candidate)
    if (this.state.name === 'offering' || this.state.name === 'active') this.flushIn(CANDIDATE_BATCH_MS)
  }

  end(reason: string): void {
    this.events = undefined
    this.terminate(reason)
  }

  /** A stanza of the far end for this session. Throws what its IQ is answered with. */
  handle(stanza: JingleStanza): void {
    switch (stanza.action) {
      case 'session-initiate':
        throw new JingleError('out-of-order')
      case 'session-accept':
        if (this.state.name !== 'offering') throw new JingleError('out-of-order')
        // RFC 8842 §5.3: an answer chooses a role.
        if (stanza.description.setup === 'actpass') throw new StanzaError('bad-request')
        this.state = { name: 'active' }
        this.cancelDeadline()
        this.events?.accepted(stanza.description)
        this.receiveCandidates(stanza)
        return
      case 'transport-info':
        this.receiveCandidates(stanza)
        return
      case 'session-terminate':
        this.fail(stanza.reason)
        return
      case 'session-info':
        if (stanza.payload === 'unsupported') throw new JingleError('unsupported-info')
    }
  }

  receiveCandidates({ candidates, unreadable }: CandidateList): void {
    for (let i = 0; i < unreadable; i += 1) this.keeper.drop('unreadable candidate')
    const taken = candidates.slice(0, Math.max(0, MAX_CANDIDATES - this.remoteCandidates))
    for (let i = taken.length; i < candidates.length; i += 1) this.keeper.drop('too many candidates')
    this.remoteCandidates += taken.length
    if (taken.length > 0) this.events?.candidates(taken)
  }

  /** Ends without a word to the far end, which knows or cannot be told. */
  fail(reason: string): void {
    if (this.state.name === 'ended') return
    const { events } = this
    this.events = undefined
    this.state = { name: 'ended' }
    this.batch = []
    this.cancelDeadline()
    this.cancelFlush?.()
    this.keeper.forget(this)
    events?.ended(reason)
  }

  private expire(): void {
    this.terminate('timeout')
  }

  private terminate(reason: string): void {
    if (this.state.name === 'ended') return
    if (this.state.name !== 'gathering') {
      const told = isJingleReason(reason) ? { reason } : ({ reason: 'general-error', text: reason } as const)
      this.keeper.send(this, { action: 'session-terminate', sid: this.id, ...told })
    }
    this.fail(reason)
  }

  private flushIn(delayMs: number): void {
    this.cancelFlush ??= this.keeper.clock.wakeAt(this.keeper.clock.now() + delayMs, () => {
      this.cancelFlush = undefined
      this.flush()
    })
  }

  private flush(): void {
    const sid = this.id
    const candidates = this.batch.splice(0, MAX_CANDIDATES_PER_STANZA)
    switch (this.state.name) {
      case 'gathering': {
        const description = this.state.offer
        this.state = { name: 'offering' }
        this.keeper.send(this, { action: 'session-initiate', sid, description, candidates, unreadable: 0 })
        break
      }
      case 'answering': {
        const description = this.state.answer
        this.state = { name: 'active' }
        this.cancelDeadline()
        this.keeper.send(this, { action: 'session-accept', sid, description, candidates, unreadable: 0 })
        break
      }
      case 'offering':
      case 'active':
        this.keeper.send(this, { action: 'transport-info', sid, candidates, unreadable: 0 })
        break
      case 'offered':
      case 'ended':
        break
    }
    if (this.batch.length > 0) this.flushIn(CANDIDATE_BATCH_MS)
  }
}
