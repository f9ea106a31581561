/** Requests: which answer belongs to which question? IQs on their way, their deadlines, and who may answer them. */
import { type Clock, StanzaError } from '../ports.ts'
import type { Element } from './stanza.ts'

export const REQUEST_TIMEOUT_MS = 10_000 // A guess: many slow round trips through a server that throttles.
export const MAX_PENDING_REQUESTS = 1_000 // A guess: ten candidates with a hundred each.

type Pending = { to: string | undefined; settle: (outcome: StanzaError | Element | undefined) => void }

export class Requests {
  private readonly clock: Clock
  private readonly pending = new Map<string, Pending>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  get full(): boolean {
    return this.pending.size >= MAX_PENDING_REQUESTS
  }

  has(id: string): boolean {
    return this.pending.has(id)
  }

  /** Resolves to the child of the result. */
  add(id: string, to: string | undefined, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Element | undefined> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.wakeAt(this.clock.now() + timeoutMs, () => this.fail(id, new StanzaError('timeout')))
      this.pending.set(id, {
        to,
        settle: (outcome) => {
          cancel()
          this.pending.delete(id)
          if (outcome instanceof StanzaError) reject(outcome)
          else resolve(outcome)
        },
      })
    })
  }

  fail(id: string, error: StanzaError): void {
    this.pending.get(id)?.settle(error)
  }

  failAll(error: StanzaError): void {
    for (const { settle } of [...this.pending.values()]) settle(error)
  }

  /** Takes an IQ result or error; returns why it is none of ours. */
  handle(iq: Element, own: { jid: string | undefined; domain: string }): 'late-answer' | 'forged-answer' | undefined {
    const pending = this.pending.get(iq.attrs.id ?? '')
    if (pending === undefined) return 'late-answer'
    if (!mayAnswer(iq.attrs.from, pending.to, own)) return 'forged-answer'
    pending.settle(iq.attrs.type === 'error' ? errorOf(iq) : iq.getChildElements()[0])
    return undefined
  }
}

/** RFC 6120 §8.1.2.1: what has no `from` is from our own account's server; what went there may come back from it so. */
function mayAnswer(from: string | undefined, to: string | undefined, own: { jid: string | undefined; domain: string }) {
  if (to !== undefined && from !== undefined) return normal(from) === normal(to)
  const home = [own.domain, own.jid, own.jid?.split('/')[0]].flatMap((jid) => (jid === undefined ? [] : [normal(jid)]))
  const other = from ?? to
  return other === undefined || home.includes(normal(other))
}

/** RFC 7622 §3: case does not matter before the resource. */
function normal(jid: string): string {
  const slash = jid.indexOf('/')
  return slash < 0 ? jid.toLowerCase() : jid.slice(0, slash).toLowerCase() + jid.slice(slash)
}

/** RFC 6120 §8.3.2. */
function errorOf(iq: Element): StanzaError {
  const children = iq.getChild('error')?.getChildElements() ?? []
  const condition = children.find((child) => child.getNS() === STANZA_ERRORS_NS && !child.is('text'))
  const text = children.find((child) => child.is('text'))?.getText()
  return new StanzaError(condition?.getName() ?? 'undefined-condition', text || undefined)
}

export const STANZA_ERRORS_NS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
