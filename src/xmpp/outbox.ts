/** Outbox: what waits to be sent, and when does it go? Joins the pacer to a clock and to the stream of the moment. */
import { type Clock, StanzaError } from '../ports.ts'
import { Pacer } from './pacer.ts'
import type { Element } from './stanza.ts'

export const MAX_STANZA_BYTES = 200_000 // Prosody ends the stream at 262 144 (measured); the service adds addresses.

const CONGESTION_POLL_MS = 100 // Browsers have no event for a drained WebSocket.

export type Outgoing = {
  stanza: Element
  /** Whether somebody still waits for it when its turn has come. */
  wanted: () => boolean
  /** Goes when nothing else waits. */
  bulk?: boolean
}

/** Where stanzas go; undefined while there is no stream to take them. */
export type Sink = { readonly congested: boolean; send(stanza: Element): void }

export class Outbox {
  private readonly clock: Clock
  private readonly sink: () => Sink | undefined
  private readonly pacer: Pacer<Outgoing>
  private cancelPump: (() => void) | undefined

  constructor(clock: Clock, sink: () => Sink | undefined) {
    this.clock = clock
    this.sink = sink
    this.pacer = new Pacer(clock.now())
  }

  /** Sends or queues; returns why it does neither. */
  offer(outgoing: Outgoing): StanzaError | undefined {
    const bytes = byteLength(outgoing.stanza.toString())
    if (bytes > MAX_STANZA_BYTES) return new StanzaError('policy-violation', `a stanza of ${bytes} bytes is too large`)
    if (!this.pacer.offer(outgoing, bytes, outgoing.bulk))
      return new StanzaError('resource-constraint', 'too much waits to be sent')
    this.pump()
    return undefined
  }

  /** Accounts for an answer, which went out past the queue. */
  spend(bytes: number): void {
    this.pacer.spend(bytes, this.clock.now())
  }

  /** Sends what may go; to be called when a sink has appeared, too. */
  pump(): void {
    this.cancelPump?.()
    this.cancelPump = undefined
    const sink = this.sink()
    if (sink === undefined || this.pacer.length === 0) return
    if (!sink.congested) {
      for (const { stanza, wanted } of this.pacer.take(this.clock.now())) if (wanted()) sink.send(stanza)
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
}

function byteLength(text: string): number {
  return text.length * 3 <= MAX_STANZA_BYTES ? text.length : new TextEncoder().encode(text).length
}
