/**
 * Stanza exchange: an XMPP service in a few lines of memory, so that rooms which speak through `Stanzas` can be tested
 * without a server. Each stanza is written and parsed on its way; stanzas between two JIDs arrive in the order sent.
 * For tests only.
 */
import { Parser } from '@xmpp/xml'
import { type Clock, type IqHandler, StanzaError, type Stanzas } from '../ports.ts'
import { type Element, xml } from './stanza.ts'

const IQ_BYTES = 120 // An IQ without its child: two full JIDs and an id.
const REQUEST_TIMEOUT_MS = 10_000 // As a session would have it; a request may ask for another.

/** A clock over the runtime's timers, so that fake timers move it too. */
export const timerClock: Clock = {
  now: () => performance.now(),
  wakeAt(at, wake) {
    const timer = setTimeout(wake, Math.max(0, at - performance.now()))
    return () => clearTimeout(timer)
  },
}

export type ExchangedIq = { from: string; to: string; type: 'get' | 'set'; child: Element }

/** What happens to an IQ instead of its delivery: nothing at all, an error, or (undefined) delivery. */
export type Interception = 'lost' | StanzaError | undefined

export class StanzaExchange {
  readonly domain: string
  readonly clock: Clock
  /** Every IQ asked for so far, oldest first. */
  readonly iqs: ExchangedIq[] = []
  /** How long a stanza or an answer is on its way; undefined is a microtask. */
  latencyMs: number | undefined
  /** How fast the service reads from each member, what it has written in order; undefined is at once. */
  bytesPerS: number | undefined
  intercept: (iq: ExchangedIq) => Interception = () => undefined
  private readonly members = new Map<string, ExchangedStanzas>()

  constructor(domain = 'example.org', clock: Clock = timerClock) {
    this.domain = domain
    this.clock = clock
  }

  /** Signs in with this full JID. */
  connect(jid: string): ExchangedStanzas {
    const member = new ExchangedStanzas(this, jid)
    this.admit(jid, member)
    return member
  }

  admit(jid: string, member: ExchangedStanzas): void {
    this.members.set(jid, member)
  }

  disconnect(jid: string): void {
    const member = this.members.get(jid)
    this.members.delete(jid)
    member?.goOffline()
  }

  find(jid: string): ExchangedStanzas | undefined {
    return this.members.get(jid)
  }

  /** What this member has written comes to whom it is for. */
  carry(from: ExchangedStanzas | undefined, bytes: number, arrive: () => void): void {
    const { latencyMs, bytesPerS } = this
    if (from === undefined || (latencyMs === undefined && bytesPerS === undefined)) {
      queueMicrotask(arrive)
      return
    }
    from.readAtMs =
      Math.max(from.readAtMs, this.clock.now()) + (bytesPerS === undefined ? 0 : (1_000 * bytes) / bytesPerS)
    this.clock.wakeAt(from.readAtMs + (latencyMs ?? 0), arrive)
  }
}

export class ExchangedStanzas implements Stanzas {
  jid: string | undefined
  readonly domain: string
  maxStanzaBytes = 200_000
  /** When the service will have read what we have written so far. */
  readAtMs = 0
  private readonly exchange: StanzaExchange
  private readonly handlers = new Map<string, IqHandler>()
  private readonly online = new Set<(jid: string) => void>()
  private readonly offline = new Set<() => void>()
  private readonly presence = new Set<(presence: Element) => void>()
  private readonly messages = new Set<(message: Element) => void>()
  private readonly pending = new Set<(error: StanzaError) => void>()

  constructor(exchange: StanzaExchange, jid: string) {
    this.exchange = exchange
    this.domain = exchange.domain
    this.jid = jid
  }

  onOnline(listener: (jid: string) => void): () => void {
    if (this.jid !== undefined) listener(this.jid)
    return subscribe(this.online, listener)
  }

  onOffline(listener: () => void): () => void {
    return subscribe(this.offline, listener)
  }

  onPresence(listener: (presence: Element) => void): () => void {
    return subscribe(this.presence, listener)
  }

  onMessage(listener: (message: Element) => void): () => void {
    return subscribe(this.messages, listener)
  }

  onIq(type: 'get' | 'set', name: string, xmlns: string, handler: IqHandler): () => void {
    const key = `${type} ${name} ${xmlns}`
    this.handlers.set(key, handler)
    return () => this.handlers.delete(key)
  }

  request(iq: Parameters<Stanzas['request']>[0]): Promise<Element | undefined> {
    const from = this.jid
    if (from === undefined) return Promise.reject(new StanzaError('disconnected'))
    const asked: ExchangedIq = { from, to: iq.to ?? this.domain, type: iq.type, child: copyOf(iq.child) }
    this.exchange.iqs.push(asked)
    return new Promise((resolve, reject) => {
      const { clock } = this.exchange
      const deadline = clock.now() + (iq.timeoutMs ?? REQUEST_TIMEOUT_MS)
      const fail = (error: StanzaError) => settle(() => reject(error))
      const cancel = clock.wakeAt(deadline, () => fail(new StanzaError('timeout')))
      const settle = (how: () => void) => {
        cancel()
        this.pending.delete(fail)
        how()
      }
      this.pending.add(fail)
      const outcome = this.exchange.intercept(asked)
      if (outcome === 'lost') return
      this.exchange.carry(this, asked.child.toString().length + IQ_BYTES, () => {
        const far = outcome === undefined ? this.exchange.find(asked.to) : undefined
        const answer = outcome ?? far?.answer(asked) ?? new StanzaError('service-unavailable')
        this.exchange.carry(far ?? this, far === undefined ? 0 : IQ_BYTES, () => {
          if (answer instanceof StanzaError) fail(answer)
          else settle(() => resolve(answer.child))
        })
      })
    })
  }

  send(stanza: Element): void {
    if (this.jid === undefined) return
    const sent = copyOf(stanza)
    sent.attrs.from = this.jid
    this.exchange.carry(this, sent.toString().length, () => this.exchange.find(String(sent.attrs.to))?.receive(sent))
  }

  receive(stanza: Element): void {
    for (const listener of stanza.is('presence') ? this.presence : this.messages) listener(stanza)
  }

  answer(iq: ExchangedIq): StanzaError | { child: Element | undefined } {
    const handler = this.handlers.get(`${iq.type} ${iq.child.getName()} ${iq.child.getNS()}`)
    if (handler === undefined) return new StanzaError('service-unavailable')
    try {
      // Inside an <iq/> as it would arrive, so that a handler which looks upwards finds one.
      const child = copyOf(iq.child)
      xml('iq', { type: iq.type, from: iq.from, to: iq.to }, child)
      const answer = handler(child, iq.from)
      return { child: answer && copyOf(answer) }
    } catch (error) {
      if (error instanceof StanzaError) return error
      throw error
    }
  }

  goOffline(): void {
    this.jid = undefined
    for (const fail of [...this.pending]) fail(new StanzaError('disconnected'))
    for (const listener of [...this.offline]) listener()
  }

  /** Comes back, perhaps under another full JID, as after a new binding. */
  goOnline(jid: string): void {
    this.jid = jid
    this.exchange.admit(jid, this)
    for (const listener of [...this.online]) listener(jid)
  }
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function copyOf(element: Element): Element {
  const copy = parseStanza(element.toString())
  if (copy === undefined) throw new Error(`Not XML that a server would take: ${element.toString()}`)
  return copy
}

/** Parses one stanza with its children, as a stream would. */
export function parseStanza(text: string): Element | undefined {
  const parser = new Parser()
  let stanza: Element | undefined
  parser.on('element', (element: Element) => {
    stanza = element
  })
  try {
    parser.write(`<stream>${text}</stream>`)
  } catch {
    return undefined
  }
  return stanza
}
