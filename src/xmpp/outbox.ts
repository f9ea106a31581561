/** Outbox: what waits to be sent, and when does it go? Joins the pacer to a clock and to the stream of the moment. */
import { type Clock, StanzaError } from '../ports.ts'
import { Pacer } from './pacer.ts'
import type { Element } from './stanza.ts'
import { GUARANTEED_STANZA_BYTES } from './stream-limits.ts'

export const MAX_STANZA_BYTES = 200_000 // Prosody ends the stream at 262 144 (measured); the service adds addresses.

const FRAMING_BYTES = ' xmlns="jabber:client"'.length // RFC 7395 §3.3.3; not part of what we are given.
const ANSWER_BYTES = 256 // A guess: the IQ around an answer, with the JID of who has asked.
/** An answer to any of them will do. */
const MAX_ASKED_SINCE = 64
const CONGESTION_POLL_MS = 100 // Browsers have no event for a drained WebSocket.

export type Outgoing = {
  stanza: Element
  /** Whether somebody still waits for it when its turn has come. */
  wanted: () => boolean
  /** Goes when nothing else waits. */
  bulk?: boolean
  /** It has waited, and the service takes no more stanzas of its size. */
  refused: (why: StanzaError) => void
}

/** Where stanzas go; undefined while there is no stream to take them. */
export type Sink = { readonly congested: boolean; send(stanza: Element): void }

export class Outbox {
  private readonly clock: Clock
  private readonly sink: () => Sink | undefined
  private readonly pacer: Pacer<Outgoing & { bytes: number }>
  private cancelPump: (() => void) | undefined
  private announcedBytes = MAX_STANZA_BYTES
  private isCautious = false
  /** Whether one has gone out that the service need not take, and what was asked with it and after it. */
  private isLargeOut = false
  private readonly askedSince = new Set<string>()

  constructor(clock: Clock, sink: () => Sink | undefined) {
    this.clock = clock
    this.sink = sink
    this.pacer = new Pacer(clock.now())
  }

  /** The largest stanza that goes out. */
  get maxStanzaBytes(): number {
    return this.isCautious ? Math.min(GUARANTEED_STANZA_BYTES, this.announcedBytes) : this.announcedBytes
  }

  /** What the service says that it takes in one stanza, if it says so. */
  limit(bytes: number | undefined): void {
    this.announcedBytes = Math.min(MAX_STANZA_BYTES, bytes ?? MAX_STANZA_BYTES)
  }

  /** The service has ended a stream for what was sent on it: from now on nothing goes out that it need not take. */
  beCautious(): void {
    this.isCautious = true
    this.isLargeOut = false
    this.askedSince.clear()
  }

  /** It handles stanzas in order: who is answered something asked later has had all before it taken. */
  answered(id: string): void {
    if (!this.askedSince.delete(id)) return
    this.isLargeOut = false
    this.askedSince.clear()
  }

  /** Whether the service was sent a stanza that it need not take, and nothing says that it has. */
  get isSuspect(): boolean {
    return this.isLargeOut
  }

  /** Sends or queues; returns why it does neither. */
  offer(outgoing: Outgoing): StanzaError | undefined {
    const bytes = this.sizeOf(outgoing.stanza)
    if (bytes > this.maxStanzaBytes) return this.refusal(bytes)
    if (!this.pacer.offer({ ...outgoing, bytes }, bytes, outgoing.bulk))
      return new StanzaError('resource-constraint', 'too much waits to be sent')
    this.pump()
    return undefined
  }

  /** Accounts for an answer, which goes out past the queue; returns why it must not go out at all. */
  spend(answer: Element): StanzaError | undefined {
    const bytes = this.sizeOf(answer)
    this.pacer.spend(bytes, this.clock.now())
    return bytes + ANSWER_BYTES > this.maxStanzaBytes ? this.refusal(bytes) : undefined
  }

  /** Sends what may go; to be called when a sink has appeared, too. */
  pump(): void {
    this.cancelPump?.()
    this.cancelPump = undefined
    const sink = this.sink()
    if (sink === undefined || this.pacer.length === 0) return
    if (!sink.congested) {
      for (const { stanza, bytes, wanted, refused } of this.pacer.take(this.clock.now())) {
        if (bytes > this.maxStanzaBytes) refused(this.refusal(bytes))
        else if (wanted()) {
          this.noteSent(stanza, bytes)
          sink.send(stanza)
        }
      }
    }
    const { deadline } = this.pacer
    if (deadline === undefined) return
    const at = sink.congested ? this.clock.now() + CONGESTION_POLL_MS : deadline
    this.cancelPump = this.clock.wakeAt(at, () => this.pump())
  }

  clear(): void {
    this.cancelPump?.()
    this.cancelPump = undefined
    this.pacer.clear()
  }

  private noteSent({ attrs: { type, id } }: Element, bytes: number): void {
    if (bytes > GUARANTEED_STANZA_BYTES) this.isLargeOut = true
    const isQuestion = type === 'get' || type === 'set'
    if (this.isLargeOut && isQuestion && this.askedSince.size < MAX_ASKED_SINCE) this.askedSince.add(id)
  }

  private refusal(bytes: number): StanzaError {
    return new StanzaError('policy-violation', `a stanza of ${bytes} bytes is too large, ${this.maxStanzaBytes} may be`)
  }

  private sizeOf(stanza: Element): number {
    const text = stanza.toString()
    // No letter takes more than three bytes, so that most stanzas need not be encoded to be let through.
    const isSmall = 3 * text.length + FRAMING_BYTES <= this.maxStanzaBytes
    return FRAMING_BYTES + (isSmall ? text.length : new TextEncoder().encode(text).length)
  }
}
