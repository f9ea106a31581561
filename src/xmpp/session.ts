/**
 * Session: are we signed in to the XMPP service, and as whom? Keeps one binding alive across streams, and gives the
 * other rooms a way to speak through it. Stream management: XEP-0198; reconnecting: RFC 6120 §3.3.
 *
 *   idle --start--> connecting --bound--> online --cut--> waiting --deadline--> connecting …
 *                       |                                     |
 *                       '-- refused --> ended <-- refused ----'        stop: any --> ended
 *
 * Where only a domain is known, `connecting` begins with `seeking`: its service has to be found first.
 *
 * The binding (the full JID) outlives a stream for RESUME_GRACE_MS where the service can resume it; only when a new one
 * takes its place, or that time is over, those who listen are told that it is gone.
 */
import { OvertureError } from '../overture-error.ts'
import { type Clock, type IqHandler, StanzaError, type Stanzas } from '../ports.ts'
import { Backoff, type BackoffLimits } from './backoff.ts'
import { errorElement, IqAnswers } from './iq-answers.ts'
import { Keepalive } from './keepalive.ts'
import { Outbox } from './outbox.ts'
import { realClock } from './real-clock.ts'
import { Requests } from './requests.ts'
import { answersHttp, readServiceAddress, type ServiceAddress } from './service-address.ts'
import { ServiceLocation } from './service-discovery.ts'
import { SessionAudiences } from './session-audiences.ts'
import type { SessionOptions, SessionState } from './session-options.ts'
import { SignIn } from './sign-in.ts'
import { type Element, xml } from './stanza.ts'
import { type Resumption, Stream, type StreamEvents } from './stream.ts'

const BACKOFF: BackoffLimits = { firstMs: 500, capMs: 30_000 } // A guess: soon for a blip, rarely for a dead server.
const STABLE_MS = 10_000 // A guess: who is thrown out sooner than this has not really been let in.
const RESUME_GRACE_MS = 5_000 // A guess: a change of networks, and less than peers take to call us dead.
const PROBE_TIMEOUT_MS = 5_000 // A guess: for a tab that wakes up and wants to know now.
const MAX_SHORT_STREAMS = 3 // A guess: after so many in a row it may be what we send again that ends them.
const GOODBYE_MS = 2_000 // A guess: what an awaited stop waits for the service to close.

type Phase =
  | { name: 'ended'; reason: string }
  | { name: 'seeking'; abort: AbortController }
  | { name: 'connecting'; stream: Stream }
  | { name: 'online'; stream: Stream; sinceMs: number }
  | { name: 'waiting'; reason: string; retryAtMs: number; cancel: () => void }

type Binding = { jid: string; resumption: Resumption | undefined; cancelGrace: () => void }
type Starting = { resolve: () => void; reject: (error: OvertureError) => void }

export class XmppSession implements Stanzas {
  /** What came in or was to go out, and was dropped, by reason. */
  readonly dropped = new Map<string, number>()
  private readonly options: SessionOptions
  private readonly clock: Clock
  private readonly answers = new IqAnswers()
  private readonly requests: Requests
  private readonly outbox: Outbox
  private readonly backoff: Backoff
  private readonly idPrefix: string
  private readonly keepalive: Keepalive
  private readonly listeners = new SessionAudiences((error) => this.fault('listener-failed', error))
  private address: ServiceAddress | undefined
  private location: ServiceLocation | undefined
  private phase: Phase = { name: 'ended', reason: 'not started' }
  private binding: Binding | undefined
  private starting: Starting | undefined
  private requestCount = 0
  /** Streams that have ended soon, since one that has not. */
  private shortStreams = 0

  constructor(options: SessionOptions) {
    this.options = options
    this.clock = options.clock ?? realClock
    this.requests = new Requests(this.clock)
    this.outbox = new Outbox(this.clock, () => (this.phase.name === 'online' ? this.phase.stream : undefined))
    this.backoff = new Backoff(BACKOFF, options.random)
    this.keepalive = new Keepalive(this.clock, { ask: (timeoutMs) => this.ping(timeoutMs), dead: () => this.giveUp() })
    this.idPrefix = Math.floor(options.random() * 2 ** 40).toString(36)
  }

  // ------------------------------------------------------------------------------------------ coming and going

  /** Resolves when signed in; rejects with an OvertureError, after which it may be called again. */
  start(): Promise<void> {
    if (this.phase.name !== 'ended') throw new Error('The session is started already.')
    return new Promise((resolve, reject) => {
      this.starting = { resolve, reject }
      try {
        this.address = readServiceAddress(this.options)
        this.location = new ServiceLocation(this.address)
        this.connect()
      } catch (error) {
        this.starting = undefined
        reject(error)
      }
    })
  }

  /** After a `start` that failed and may succeed later: goes on trying as after a cut. */
  keepTrying(): void {
    if (this.phase.name === 'ended' && this.address !== undefined) this.retryLater(this.phase.reason)
  }

  /** After a `stop`: signs in again, and goes on trying as after a cut. Does nothing while it is up. */
  async comeBack(): Promise<void> {
    if (this.phase.name !== 'ended') return
    await this.start().catch((error) => {
      if (error instanceof OvertureError && error.retryable) this.keepTrying()
    })
  }

  /** The network is back, or the page is seen again: tries at once if offline, and asks if online still means online. */
  reconnectNow(timeoutMs = PROBE_TIMEOUT_MS): void {
    if (this.phase.name === 'waiting') {
      this.phase.cancel()
      this.connect()
    } else if (this.phase.name === 'online') this.keepalive.probe(timeoutMs)
  }

  /** Says goodbye. Its first part is synchronous, so that `pagehide` may call it; resolves when the socket is closed. */
  async stop(): Promise<void> {
    const { phase } = this
    if (phase.name === 'waiting') phase.cancel()
    if (phase.name === 'seeking') phase.abort.abort()
    this.keepalive.stop()
    const closed = 'stream' in phase ? phase.stream.close() : undefined
    this.enter({ name: 'ended', reason: 'stopped' })
    this.loseBinding()
    this.starting?.reject(OvertureError.left())
    this.starting = undefined
    if (closed === undefined) return
    let cancel = () => {}
    const patience = new Promise<void>((resolve) => {
      cancel = this.clock.wakeAt(this.clock.now() + GOODBYE_MS, resolve)
    })
    await Promise.race([closed, patience])
    cancel()
  }

  get state(): SessionState {
    const { phase, binding } = this
    if (phase.name === 'connecting' || phase.name === 'seeking') return { name: 'connecting' }
    if (phase.name === 'online') return { name: 'online', jid: binding?.jid ?? '' }
    return { name: 'offline', reason: phase.reason, retryAtMs: phase.name === 'waiting' ? phase.retryAtMs : undefined }
  }

  onState(listener: (state: SessionState) => void): () => void {
    return this.listeners.state.add(listener)
  }

  // ------------------------------------------------------------------------------------------ for the other rooms

  get jid(): string | undefined {
    return this.binding?.jid
  }

  get domain(): string {
    return this.address?.domain ?? readServiceAddress(this.options).domain
  }

  get maxStanzaBytes(): number {
    return this.outbox.maxStanzaBytes
  }

  onOnline(listener: (jid: string) => void): () => void {
    const stop = this.listeners.online.add(listener)
    if (this.binding !== undefined) listener(this.binding.jid)
    return stop
  }

  onOffline(listener: () => void): () => void {
    return this.listeners.offline.add(listener)
  }

  onPresence(listener: (presence: Element) => void): () => void {
    return this.listeners.presence.add(listener)
  }

  onMessage(listener: (message: Element) => void): () => void {
    return this.listeners.message.add(listener)
  }

  onIq(type: 'get' | 'set', name: string, xmlns: string, handler: IqHandler): () => void {
    return this.answers.add(type, name, xmlns, handler)
  }

  async request(iq: {
    type: 'get' | 'set'
    to?: string
    child: Element
    timeoutMs?: number
    bulk?: boolean
  }): Promise<Element | undefined> {
    if (this.binding === undefined) throw new StanzaError('disconnected')
    if (this.requests.full) throw new StanzaError('resource-constraint', 'too many requests wait for their answer')
    const id = `${this.idPrefix}-${++this.requestCount}`
    const stanza = xml('iq', { type: iq.type, to: iq.to, id }, iq.child)
    const outcome = this.requests.add(id, iq.to, iq.timeoutMs)
    const refused = (why: StanzaError) => this.requests.fail(id, why)
    const refusal = this.outbox.offer({ stanza, wanted: () => this.requests.has(id), bulk: iq.bulk === true, refused })
    if (refusal !== undefined) refused(refusal)
    return outcome
  }

  send(stanza: Element): void {
    if (this.binding === undefined) {
      this.drop('send-disconnected')
      return
    }
    const refused = (why: StanzaError) => this.drop(`send-${why.condition}`)
    const refusal = this.outbox.offer({ stanza, wanted: () => true, refused })
    if (refusal !== undefined) refused(refusal)
  }

  // ------------------------------------------------------------------------------------------ streams

  private connect(): void {
    const { location } = this
    if (location === undefined) throw new Error('A session connects only after it knows where to.')
    if (location.url !== undefined) {
      this.openStream(location.url)
      return
    }
    const phase: Phase = { name: 'seeking', abort: new AbortController() }
    this.enter(phase)
    location.find(phase.abort.signal).then(
      (url) => {
        if (this.phase === phase) this.openStream(url)
      },
      (error: OvertureError) => {
        if (this.phase === phase) this.handleEnded(undefined, error)
      },
    )
  }

  private openStream(url: string): void {
    const { options, address } = this
    if (address === undefined) throw new Error('A session connects only after it knows as whom.')
    const { resource, password, storage, random } = options
    const signIn = new SignIn({ address, password, storage, random })
    const events: StreamEvents = {
      bound: (jid) => this.handleBound(stream, jid),
      resumed: (jid) => this.handleResumed(stream, jid),
      limited: ({ maxStanzaBytes, idleMs }) => {
        this.outbox.limit(maxStanzaBytes)
        this.keepalive.limit(idleMs)
      },
      heard: () => this.keepalive.heard(),
      said: () => this.keepalive.said(),
      stanza: (stanza) => this.handleStanza(stanza),
      cut: () => this.drop('stanza-too-much'),
      asked: (iq, child) => this.handleQuestion(iq, child),
      ended: (error, condition) => this.handleEnded(stream, error, condition),
    }
    const { domain } = address
    const resumption = this.binding?.resumption
    const resumeWithinS = RESUME_GRACE_MS / 1_000
    const stream = new Stream({ url, domain, resource, signIn, random, resumption, resumeWithinS }, events)
    this.enter({ name: 'connecting', stream })
    stream.open()
  }

  private handleBound(stream: Stream, jid: string): void {
    this.loseBinding()
    this.binding = { jid, resumption: undefined, cancelGrace: () => {} }
    this.goOnline(stream)
    this.listeners.online.tell(jid)
    this.starting?.resolve()
    this.starting = undefined
  }

  private handleResumed(stream: Stream, jid: string): void {
    // Resumed too late: it was given up, and those who listen must hear that it is back.
    if (this.binding === undefined) {
      this.handleBound(stream, jid)
      return
    }
    this.binding.cancelGrace()
    this.goOnline(stream)
    this.outbox.pump()
  }

  private goOnline(stream: Stream): void {
    this.enter({ name: 'online', stream, sinceMs: this.clock.now() })
    this.keepalive.start()
  }

  /** `stream` is undefined where there was nowhere to open one. */
  private handleEnded(stream: Stream | undefined, error: OvertureError, condition?: string): void {
    const { phase, binding } = this
    this.keepalive.stop()
    if (phase.name === 'connecting') this.location?.failed()
    if (this.starting !== undefined) {
      this.enter({ name: 'ended', reason: error.message })
      void this.refuseStart(this.starting, error, condition)
      this.starting = undefined
      return
    }
    if (phase.name === 'online') {
      const wasStable = this.clock.now() - phase.sinceMs >= STABLE_MS
      this.shortStreams = wasStable ? 0 : this.shortStreams + 1
      if (wasStable) this.backoff.reset()
      // Whoever resumes sends again what was too much. A service may reset the connection before it can say so.
      const wasTooMuch = condition === 'policy-violation' || this.outbox.isSuspect
      if (wasTooMuch) this.outbox.beCautious()
      const mayResume = !wasTooMuch && this.shortStreams <= MAX_SHORT_STREAMS
      if (binding !== undefined) this.suspendBinding(binding, mayResume ? stream?.resumption : undefined)
    }
    // A door that is closed for good is not knocked at again and again.
    const refused = !error.retryable || error.code === 'registration-refused'
    if (refused) {
      this.enter({ name: 'ended', reason: error.message })
      this.loseBinding()
    } else this.retryLater(error.message)
  }

  private async refuseStart(starting: Starting, error: OvertureError, condition?: string): Promise<void> {
    const isSilent = error.code === 'server-unreachable' && condition === undefined
    const url = isSilent ? this.location?.url : undefined
    const speaksHttp = url !== undefined && (await answersHttp(url))
    const why = 'it answers, but opens no WebSocket for XMPP'
    starting.reject(speaksHttp ? OvertureError.notXmpp(url, why) : error)
  }

  private retryLater(reason: string): void {
    const retryAtMs = this.clock.now() + this.backoff.nextMs()
    const cancel = this.clock.wakeAt(retryAtMs, () => this.connect())
    this.enter({ name: 'waiting', reason, retryAtMs, cancel })
  }

  private enter(phase: Phase): void {
    this.phase = phase
    this.listeners.state.tell(this.state)
  }

  // ------------------------------------------------------------------------------------------ the binding

  private suspendBinding(binding: Binding, resumption: Resumption | undefined): void {
    if (resumption === undefined) {
      this.loseBinding()
      return
    }
    binding.resumption = resumption
    binding.cancelGrace = this.clock.wakeAt(this.clock.now() + RESUME_GRACE_MS, () => this.loseBinding())
  }

  private loseBinding(): void {
    const { binding } = this
    if (binding === undefined) return
    this.binding = undefined
    binding.cancelGrace()
    this.outbox.clear()
    this.requests.failAll(new StanzaError('disconnected'))
    this.listeners.offline.tell()
  }

  private ping(timeoutMs: number | undefined): Promise<unknown> {
    const child = xml('ping', { xmlns: 'urn:xmpp:ping' })
    return this.request({ type: 'get', to: this.domain, child, ...(timeoutMs && { timeoutMs }) })
  }

  private giveUp(): void {
    if (this.phase.name === 'online') this.phase.stream.abandon(OvertureError.serverUnreachable(this.options.service))
  }

  // ------------------------------------------------------------------------------------------ stanzas

  private handleStanza(stanza: Element): void {
    if (stanza.is('presence')) this.listeners.presence.tell(stanza)
    else if (stanza.is('message')) this.listeners.message.tell(stanza)
    else {
      this.outbox.answered(stanza.attrs.id)
      const complaint = this.requests.handle(stanza, { jid: this.jid, domain: this.domain })
      if (complaint !== undefined) this.drop(complaint)
    }
  }

  /** Answers go out at once: somebody's request runs out of time. Our own requests make up for them. */
  private handleQuestion(iq: Element, child: Element): Element | undefined {
    const from: string = iq.attrs.from ?? this.jid?.split('/')[0] ?? this.domain
    const answer = this.answers.answer(iq, child, from, (error) => this.fault('iq-handler-failed', error))
    const refusal = answer && this.outbox.spend(answer)
    if (refusal === undefined) return answer
    this.drop('answer-too-large')
    return errorElement(refusal.condition)
  }

  /** Somebody else's, which must not end the stream. */
  private fault(reason: string, error: unknown): void {
    this.drop(reason)
    console.error(error)
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
