/**
 * Stream: one connection to the XMPP service, from the WebSocket to its end. Each has an @xmpp/client of its own, since
 * a client that was cut off while it signed in keeps listeners that disturb the next try. What lives on across streams
 * is the stream management state (XEP-0198 §5), which is carried over so that the service can resume the binding.
 *
 *   opening --features--> signing in --bind--> bound
 *      |                      |   '--resume--> resumed      any --> ended, once
 */
import { type Client, client, type Options } from '@xmpp/client'
import { OvertureError } from '../overture-error.ts'
import { type Random, StanzaError } from '../ports.ts'
import { FrameParser } from './frame-parser.ts'
import { octetsOf, ScramMechanisms } from './scram-mechanisms.ts'
import type { Door, SignIn } from './sign-in.ts'
import { type Element, xml } from './stanza.ts'
import { readStreamLimits, type StreamLimits } from './stream-limits.ts'

const SOCKET_TIMEOUT_MS = 10_000 // A guess: browsers wait minutes for a host that swallows packets.
const SIGN_IN_TIMEOUT_MS = 20_000 // A guess: eight round trips of a bad mobile network.
const STEP_TIMEOUT_MS = 10_000 // A guess; @xmpp/client's own 2 s is short for a tab that wakes up.
const MAX_UNSENT_BYTES = 262_144 // A guess: beyond, the network is slower than our pacer thinks.

const MESSAGE_TOO_BIG = 1009 // RFC 6455 §7.4.1.

const STREAM_MANAGEMENT_NS = 'urn:xmpp:sm:3'
const SASL_CONDITIONS_OF_LIBRARY = 'SASL:' // @xmpp/client: its own complaints about mechanisms begin so.

/** What a later stream needs to take over the binding of this one. */
export type Resumption = { jid: string; id: string; inbound: number; outbound: number; outbound_q: unknown[] }

/** The fields of @xmpp/stream-management that its types leave out. */
type StreamManagement = Omit<Resumption, 'jid'> & {
  timeout: number
  requestAckInterval: number
  preferredMaximum: number | null
  on(event: 'resumed', listener: () => void): void
}

export type StreamOptions = {
  /** The WebSocket's URL. */
  url: string
  domain: string
  resource: string
  signIn: SignIn
  /** Must be unpredictable: it makes the nonces of a sign-in. */
  random: Random
  resumption: Resumption | undefined
  /** How long the service need not keep a binding that was cut off: nobody will come back for it. */
  resumeWithinS: number
}

export interface StreamEvents {
  bound(jid: string): void
  /** The binding of the earlier stream lives on, and what was unacknowledged has been sent again. */
  resumed(jid: string): void
  /** What the service takes of who has signed in. */
  limited(limits: StreamLimits): void
  /** Anything came in. */
  heard(): void
  /** Anything went out. */
  said(): void
  /** A presence, a message, or the answer to an IQ. */
  stanza(stanza: Element): void
  /** One of these, or a question, was too much and comes without its content. */
  cut(): void
  /** An IQ get or set; the result is its answer: a payload, undefined for an empty one, or an <error/>. */
  asked(iq: Element, child: Element): Element | undefined
  /** At most once, and nothing is called after it. `condition` is what the service has called the reason. */
  ended(error: OvertureError, condition: string | undefined): void
}

export class Stream {
  private readonly options: StreamOptions
  private readonly client: Client
  private readonly scram: ScramMechanisms
  private events: StreamEvents | undefined
  private jid: string | undefined
  /** The WebSocket is open; the service has opened its stream; it has said anything in it; it has let us in. */
  private connected = false
  private opened = false
  private spoken = false
  private anonymous = false
  private signedIn = false
  private patience: ReturnType<typeof setTimeout> | undefined

  constructor(options: StreamOptions, events: StreamEvents) {
    this.options = options
    this.events = events
    const { url, domain, resource, resumption, resumeWithinS } = options
    const clientOptions: Options & { userAgent: Element } = {
      service: url,
      domain,
      resource,
      credentials: (authenticate, mechanisms, _fast, entity) =>
        options.signIn.through(this.doorOf(authenticate, mechanisms, entity as Client)),
      // The library's own needs `crypto.randomUUID`, which a page has only over https or on localhost.
      userAgent: xml('user-agent'),
    }
    this.client = client(clientOptions)
    this.scram = new ScramMechanisms(this.client, { domain, random: options.random })
    this.client.timeout = STEP_TIMEOUT_MS
    this.client.reconnect.stop()
    // Its keepalive runs only where the service has stream management; the session has one for all.
    Object.assign(this.management, { timeout: 0, requestAckInterval: 0, preferredMaximum: resumeWithinS })
    if (resumption !== undefined) this.adopt(resumption)
    this.listen()
  }

  open(): void {
    this.expectWithin(SOCKET_TIMEOUT_MS)
    const { url, domain } = this.options
    const opening = async () => {
      await this.client.connect(url)
      const cut = () => this.events?.cut()
      ;(this.client as unknown as { Parser: unknown }).Parser = class extends FrameParser {
        constructor() {
          super(cut)
        }
      }
      this.connected = true
      this.expectWithin(SIGN_IN_TIMEOUT_MS)
      await this.client.open({ domain })
    }
    opening().catch((error) => this.end(error))
  }

  /** True while the network has not taken what it was given. */
  get congested(): boolean {
    const socket = (this.client.socket as { socket?: WebSocket | null } | null)?.socket
    return (socket?.bufferedAmount ?? 0) > MAX_UNSENT_BYTES
  }

  send(stanza: Element): void {
    // A stanza that meets a closing socket is lost with it, or sent again when the binding is resumed.
    this.client.send(stanza).catch(() => undefined)
  }

  /** Says goodbye, at once and for good: the service forgets the binding. Resolves when the socket is closed. */
  close(): Promise<void> {
    const { client } = this
    const closed = new Promise<void>((resolve) => {
      client.on('disconnect', () => resolve())
      if (client.socket === null) resolve()
    })
    this.events = undefined
    clearTimeout(this.patience)
    if (this.signedIn) client.send(xml('presence', { type: 'unavailable' })).catch(() => undefined)
    if (this.opened) client.write('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>').catch(() => undefined)
    this.endSocket()
    return closed
  }

  /** Lets go of a stream that has died without saying so. The service keeps the binding for a while. */
  abandon(error: OvertureError): void {
    this.end(error)
  }

  /** Undefined where the service cannot resume. Meant for after the end. */
  get resumption(): Resumption | undefined {
    const { id, inbound, outbound, outbound_q } = this.management
    if (this.jid === undefined || !id) return undefined
    return { jid: this.jid, id, inbound, outbound, outbound_q: [...outbound_q] }
  }

  private get management(): StreamManagement {
    return this.client.streamManagement as unknown as StreamManagement
  }

  private adopt({ jid, ...counters }: Resumption): void {
    ;(this.client as unknown as { _jid(jid: string): void })._jid(jid)
    this.jid = jid
    Object.assign(this.management, counters)
  }

  private listen(): void {
    const { client } = this
    client.on('online', (jid) => {
      clearTimeout(this.patience)
      this.signedIn = true
      this.jid = jid.toString()
      this.events?.bound(this.jid)
    })
    this.management.on('resumed', () => {
      clearTimeout(this.patience)
      this.signedIn = true
      if (this.jid !== undefined) this.events?.resumed(this.jid)
    })
    client.on('open', () => {
      this.opened = true
    })
    // Before the library's own listener. Who comes anonymously comes as somebody else each time (XEP-0175 §2), and can
    // resume nothing; its presence would only outlive it by minutes (600 s on Prosody unless told).
    client.prependListener('element', (element: Element) => {
      const complaint = this.scram.complaintAbout(element)
      if (complaint !== undefined) this.end(complaint)
      const limits = element.is('features') ? readStreamLimits(element) : undefined
      if (limits !== undefined) this.events?.limited(limits)
      if (this.anonymous && element.is('features')) element.remove('sm', STREAM_MANAGEMENT_NS)
    })
    client.on('element', () => {
      this.spoken = true
      this.events?.heard()
    })
    client.on('send', () => this.events?.said())
    client.on('stanza', (stanza: Element) => {
      // Before that, answers are to the library's own questions.
      if (this.signedIn && !isQuestion(stanza)) this.events?.stanza(stanza)
    })
    client.middleware.use(async (context, next) => {
      const { stanza } = context
      const child = stanza.getChildElements()[0]
      const { events } = this
      if (events === undefined || !isQuestion(stanza) || child === undefined) return next()
      // An empty object is @xmpp/iq's word for an empty result.
      return events.asked(stanza, child) ?? {}
    })
    client.on('error', (error) => this.end(error))
    client.on('disconnect', ({ event, reason }: { event?: unknown; reason?: unknown }) => this.end(event ?? reason))
    const guarded = client as unknown as { _onData(data: unknown): void; _onSeeOtherHost(error: unknown): void }
    // The library would go to any host that it is sent to, sign in there, and stay when this stream has ended.
    guarded._onSeeOtherHost = (error) => this.end(error)
    // What the library throws at bytes that are no XML would otherwise leave through the socket's event.
    const onData = guarded._onData.bind(client)
    guarded._onData = (data) => {
      try {
        onData(data)
      } catch (error) {
        this.end(error)
      }
    }
  }

  private doorOf(authenticate: unknown, mechanisms: string[], { iqCaller }: Client): Door {
    return {
      mechanisms,
      authenticate: async (mechanism, credentials) => {
        this.anonymous = mechanism === 'ANONYMOUS'
        this.scram.prepare(mechanism, credentials)
        // RFC 4616 §2: PLAIN carries UTF-8.
        const octets = credentials && {
          username: octetsOf(credentials.username),
          password: octetsOf(credentials.password),
        }
        await (authenticate as Authenticate)(octets ?? {}, mechanism).catch(rethrow)
      },
      register: async ({ username, password }) => {
        const fields = [xml('username', {}, username), xml('password', {}, password)]
        const query = xml('query', { xmlns: 'jabber:iq:register' }, ...fields)
        await iqCaller.request(xml('iq', { type: 'set' }, query), STEP_TIMEOUT_MS).catch(rethrow)
      },
    }
  }

  private expectWithin(ms: number): void {
    clearTimeout(this.patience)
    this.patience = setTimeout(() => this.end(undefined), ms)
  }

  private end(cause: unknown): void {
    clearTimeout(this.patience)
    const { events } = this
    this.events = undefined
    this.endSocket()
    const condition = conditionOf(cause)
    events?.ended(this.explain(cause, condition), condition)
  }

  /** Without the library's closing handshake, which waits for a peer that may be gone. */
  private endSocket(): void {
    try {
      this.client.socket?.end()
    } catch {
      // It was closed already.
    }
  }

  private explain(cause: unknown, condition: string | undefined): OvertureError {
    const { url, domain } = this.options
    if (cause instanceof OvertureError) return cause
    const { name } = (cause ?? {}) as { name?: string }
    if (name === 'SASLError' && condition?.startsWith(SASL_CONDITIONS_OF_LIBRARY)) return this.options.signIn.noWayIn
    if (condition === 'host-unknown') return OvertureError.unknownDomain(url, domain)
    if (condition !== undefined) return OvertureError.serverRefused(url, condition)
    if (name === 'XMLError') return OvertureError.notXmpp(url, 'it sends what is not XML')
    if (this.connected && !this.spoken) return OvertureError.notXmpp(url, 'it opens no stream')
    return OvertureError.serverUnreachable(url)
  }
}

/** Of a stream error or of an error of SASL; or what a WebSocket has to say of the same. */
function conditionOf(cause: unknown): string | undefined {
  const { condition, code } = (cause ?? {}) as { condition?: unknown; code?: unknown }
  if (code === MESSAGE_TOO_BIG) return 'policy-violation'
  return typeof condition === 'string' ? condition : undefined
}

function isQuestion({ name, attrs }: Element): boolean {
  return name === 'iq' && attrs.type !== 'result' && attrs.type !== 'error'
}

type Authenticate = (credentials: object, mechanism: string) => Promise<void>

function rethrow(error: unknown): never {
  const { condition } = error as { condition?: unknown }
  throw typeof condition === 'string' ? new StanzaError(condition) : error
}
