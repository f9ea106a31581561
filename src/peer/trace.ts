/** Trace: the last inputs and effects of a node, for whoever looks at a snapshot. */
import type { Effect, Input } from '../overlay/effects.ts'

const TRACE_LENGTH = 200

export type TraceEntry = { atMs: number; what: string }

type Noted = { atMs: number; what: { type: string } & Record<string, unknown>; text?: string }

export class Trace {
  private readonly noted: Noted[] = []
  private count = 0

  note(atMs: number, what: Input | Effect): void {
    this.noted[this.count++ % TRACE_LENGTH] = { atMs, what: withoutBytes(what) }
  }

  /** The oldest first. */
  get entries(): readonly TraceEntry[] {
    const oldest = this.count % TRACE_LENGTH
    const inOrder = [...this.noted.slice(oldest), ...this.noted.slice(0, oldest)]
    return inOrder.map((entry) => {
      entry.text ??= summaryOf(entry.what)
      return { atMs: Math.round(entry.atMs), what: entry.text }
    })
  }
}

/** Frames may be large and the trace outlives them: their length is kept. */
function withoutBytes(what: Input | Effect): Noted['what'] {
  switch (what.type) {
    case 'frame':
    case 'transmit':
      return { type: what.type, channel: what.channel, bytes: what.bytes.length }
    case 'tunnel-frame':
    case 'tunnel-send':
      return { type: what.type, tunnel: what.tunnel, bytes: what.bytes.length }
    case 'send':
      return { type: what.type, to: what.to, ticket: what.ticket, bytes: what.data.length }
    case 'broadcast':
      return { type: what.type, ticket: what.ticket, bytes: what.data.length }
    case 'deliver':
      return { type: what.type, from: what.from, broadcast: what.broadcast, bytes: what.data.length }
    case 'dht-put':
      return { type: what.type, ticket: what.ticket, key: what.record.key, bytes: what.record.value.length }
    case 'dht-found':
      return { type: what.type, ticket: what.ticket, records: what.records?.length, more: what.more }
    case 'dht-check':
      return { type: what.type, check: what.check, records: what.records.length }
    case 'signal':
      return { type: what.type, to: what.to, attempt: what.attempt, bytes: what.data.length }
    case 'inner':
    case 'signalled':
      return { type: what.type, from: what.from, bytes: what.data.length }
    default:
      return { ...what }
  }
}

function summaryOf({ type, ...details }: Record<string, unknown>): string {
  const told = Object.entries(details).filter(([, value]) => value !== undefined)
  return [type, ...told.map(([key, value]) => `${key} ${value}`)].join(', ')
}
