/**
 * Session: are we signed in to the XMPP service, and as whom? Keeps one binding alive across streams, and gives the
 * other rooms a way to speak through it. Stream management: XEP-0198; reconnecting: RFC 6120 §3.3.
 *
 *   idle --start--> connecting --bound--> online --cut--> waiting --deadline--> connecting …
 *                       |                                     |
 *                       '-- refused --> ended <-- refused ----'        stop: any --> ended
 *
 * The binding (the full JID) outlives a stream for RESUME_GRACE_MS where the service can resume it; only when a new one
 * takes its place, or that time is over, those who listen are told that it is gone.
 */
import { OvertureError } from '../overture-error.ts'
import { type Clock, type IqHandler, type Random, StanzaError, type Stanzas, type Storage } from '../ports.ts'
import { Backoff, type BackoffLimits } from './backoff.ts'
import { IqAnswers } from './iq-answers.ts'
import { Outbox } from './outbox.ts'
import { realClock } from './real-clock.ts'
import { Requests } from './requests.ts'
import { answersHttp, readServiceAddress, type ServiceAddress } from './service-address.ts'
import { SignIn } from './sign-in.ts'
import { type Element, xml } from './stanza.ts'
import { type Resumption, Stream, type StreamEvents } from './stream.ts'

const BACKOFF: BackoffLimits = { firstMs: 500, capMs: 30_000 } // A guess: soon for a blip, rarely for a dead server.
const STABLE_MS = 10_000 // A guess: who is thrown out sooner than this has not really been let in.
const RESUME_GRACE_MS = 5_000 // A guess: a change of networks, and less than peers take to call us dead.
const KEEPALIVE_MS = 30_000 // A guess: below the minute after which many NATs forget a TCP connection.
const PROBE_TIMEOUT_MS = 5_000 // A guess: for a tab that wakes up and wants to know now.
const GOODBYE_MS = 2_000 // A guess: what an awaited stop waits for the service to close.

export type SessionOptions = {
  /** ws://… or wss://… */
  service: string
  /** The service's host unless told; `localhost` for an IP address. */
  domain?: string
  /** The user's account; without it we come as a stranger. */
  jid?: string
  password?: string
  /** What we ask for; the service may give another. */
  resource: string
  storage: Storage
  /** Must be unpredictable: it makes passwords. */
  random: Random
  clock?: Clock
}

export type SessionState =
  | { name: 'online'; jid: string }
  | { name: 'connecting' }
  | { name: 'offline'; reason: string; retryAtMs: number | undefined }

type Phase =
  | { name: 'ended'; reason: string }
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
  private readonly listeners = {
    state: new Set<(state: SessionState) => void>(),
    online: new Set<(jid: string) => void>(),
    offline: new Set<() => void>(),
    presence: new Set<(presence: Element) => void>(),
    message: new Set<(message: Element) => void>(),
  }
  private address: ServiceAddress | undefined
  private phase: Phase = { name: 'ended', reason: 'not started' }
  private binding: Binding | undefined
  private starting: Starting | undefined
  private requestCount = 0
  private heardMs = 0
  private cancelKeepalive: (() => void) | undefined

  constructor(options: SessionOptions) {
    this.options = options
    this.clock = options.clock ?? realClock
    this.requests = new Requests(this.clock)
    this.outbox = new Outbox(this.clock, () => (this.phase.name === 'online' ? this.phase.stream : undefined))
    this.backoff = new Backoff(BACKOFF, options.random)
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

  /** The network is back, or the page is seen again: tries at once if offline, and asks if online still means online. */
  reconnectNow(): void {
    if (this.phase.name === 'waiting') {
      this.phase.cancel()
      this.connect()
    } else if (this.phase.name === 'online') this.probe(PROBE_TIMEOUT_MS)
  }

  /** Says goodbye. Its first part is synchronous, so that `pagehide` may call it; resolves when the socket is closed. */
  async stop(): Promise<void> {
    const { phase } = this
    if (phase.name === 'waiting') phase.cancel()
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
    if (phase.name === 'connecting') return { name: 'connecting' }
    if (phase.name === 'online') return { name: 'online', jid: binding?.jid ?? '' }
    return { name: 'offline', reason: phase.reason, retryAtMs: phase.name === 'waiting' ? phase.retryAtMs : undefined }
  }

  onState(listener: (state: SessionState) => void): () => void {
    return subscribe(this.listeners.state, listener)
  }

  // ------------------------------------------------------------------------------------------ for the other rooms

  get jid(): string | undefined {
    return this.binding?.jid
  }

  get domain(): string {
    return this.address?.domain ?? readServiceAddress(this.options).domain
  }

  onOnline(listener: (jid: string) => void): () => void {
    const stop = subscribe(this.listeners.online, listener)
    if (this.binding !== undefined) listener(this.binding.jid)
    return stop
  }

  onOffline(listener: () => void): () => void {
    return subscribe(this.listeners.offline, listener)
  }

  onPresence(listener: (presence: Element) => void): () => void {
    return subscribe(this.listeners.presence, listener)
  }

  onMessage(listener: (message: Element) => void): () => void {
    return subscribe(this.listeners.message, listener)
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
    const refusal = this.outbox.offer({ stanza, wanted: () => this.requests.has(id), bulk: iq.bulk === true })
    if (refusal !== undefined) this.requests.fail(id, refusal)
    return outcome
  }

  send(stanza: Element): void {
    if (this.binding === undefined) {
      this.drop('send-disconnected')
      return
    }
    const refusal = this.outbox.offer({ stanza, wanted: () => true })
    if (refusal !== undefined) this.drop(`send-${refusal.condition}`)
  }

  // ------------------------------------------------------------------------------------------ streams

  private connect(): void {
    const { options, address } = this
    if (address === undefined) throw new Error('A session connects only after it knows where to.')
    const { resource, password, storage, random } = options
    const signIn = new SignIn({ address, password, storage, random })
    const events: StreamEvents = {
      bound: (jid) => this.handleBound(stream, jid),
      resumed: (jid) => this.handleResumed(stream, jid),
      heard: () => {
        this.heardMs = this.clock.now()
      },
      stanza: (stanza) => this.handleStanza(stanza),
      asked: (iq, child) => this.handleQuestion(iq, child),
      ended: (error) => this.handleEnded(stream, error),
    }
    const resumption = this.binding?.resumption
    const resumeWithinS = RESUME_GRACE_MS / 1_000
    const stream = new Stream({ address, resource, signIn, random, resumption, resumeWithinS }, events)
    this.enter({ name: 'connecting', stream })
    stream.open()
  }

  private handleBound(stream: Stream, jid: string): void {
    this.loseBinding()
    this.binding = { jid, resumption: undefined, cancelGrace: () => {} }
    this.goOnline(stream)
    this.tell(this.listeners.online, jid)
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
    this.keepAlive()
  }

  private handleEnded(stream: Stream, error: OvertureError): void {
    const { phase, binding } = this
    this.cancelKeepalive?.()
    if (this.starting !== undefined) {
      this.enter({ name: 'ended', reason: error.message })
      void this.refuseStart(this.starting, error)
      this.starting = undefined
      return
    }
    if (phase.name === 'online') {
      if (this.clock.now() - phase.sinceMs >= STABLE_MS) this.backoff.reset()
      if (binding !== undefined) this.suspendBinding(binding, stream.resumption)
    }
    // A door that is closed for good is not knocked at again and again.
    const refused = !error.retryable || error.code === 'registration-refused'
    if (refused) {
      this.enter({ name: 'ended', reason: error.message })
      this.loseBinding()
    } else this.retryLater(error.message)
  }

  private async refuseStart(starting: Starting, error: OvertureError): Promise<void> {
    const { address } = this
    const speaksHttp = error.code === 'server-unreachable' && address !== undefined && (await answersHttp(address))
    const why = 'it answers, but opens no WebSocket for XMPP'
    starting.reject(speaksHttp ? OvertureError.notXmpp(address.url, why) : error)
  }

  private retryLater(reason: string): void {
    const retryAtMs = this.clock.now() + this.backoff.nextMs()
    const cancel = this.clock.wakeAt(retryAtMs, () => this.connect())
    this.enter({ name: 'waiting', reason, retryAtMs, cancel })
  }

  private enter(phase: Phase): void {
    this.phase = phase
    this.tell(this.listeners.state, this.state)
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
    for (const listener of [...this.listeners.offline]) this.call(listener)
  }

  /** Asks the service now and then, so that a network that died in silence is noticed. */
  private keepAlive(): void {
    this.cancelKeepalive?.()
    this.heardMs = this.clock.now()
    const check = () => {
      if (this.clock.now() - this.heardMs >= KEEPALIVE_MS) this.probe()
      this.cancelKeepalive = this.clock.wakeAt(this.clock.now() + KEEPALIVE_MS, check)
    }
    this.cancelKeepalive = this.clock.wakeAt(this.heardMs + KEEPALIVE_MS, check)
  }

  private probe(timeoutMs?: number): void {
    const { phase } = this
    if (phase.name !== 'online') return
    const child = xml('ping', { xmlns: 'urn:xmpp:ping' })
    this.request({ type: 'get', to: this.domain, child, ...(timeoutMs && { timeoutMs }) }).catch((error) => {
      const dead = error instanceof StanzaError && error.condition === 'timeout' && this.phase === phase
      if (dead) phase.stream.abandon(OvertureError.serverUnreachable(this.options.service))
    })
  }

  // ------------------------------------------------------------------------------------------ stanzas

  private handleStanza(stanza: Element): void {
    if (stanza.is('presence')) this.tell(this.listeners.presence, stanza)
    else if (stanza.is('message')) this.tell(this.listeners.message, stanza)
    else {
      const complaint = this.requests.handle(stanza, { jid: this.jid, domain: this.domain })
      if (complaint !== undefined) this.drop(complaint)
    }
  }

  /** Answers go out at once: somebody's request runs out of time. Our own requests make up for them. */
  private handleQuestion(iq: Element, child: Element): Element | undefined {
    const from: string = iq.attrs.from ?? this.jid?.split('/')[0] ?? this.domain
    const answer = this.answers.answer(iq, child, from, (error) => {
      this.drop('iq-handler-failed')
      console.error(error)
    })
    this.outbox.spend(answer?.toString().length ?? 0)
    return answer
  }

  // ------------------------------------------------------------------------------------------ listeners

  private tell<T>(listeners: ReadonlySet<(value: T) => void>, value: T): void {
    for (const listener of [...listeners]) this.call(() => listener(value))
  }

  /** One listener's fault must not end the stream for the others. */
  private call(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.drop('listener-failed')
      console.error(error)
    }
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
