/**
 * BorderChannel: a channel whose far end lives in another shard. What is sent becomes mail.
 *
 *   opening --opened--> open --closed by either end--> closed
 *      +--- deadline -------------------------------------^
 *
 * As in the memory network, less what only a crash, a cut or bulk would show: far ends always listen, and nothing tells
 * how much of what was sent has arrived, so channels across are never congested.
 */
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type { Channel, ChannelEvents, ChannelKind } from '../ports.ts'
import type { Border, Incoming } from './border.ts'
import type { MailKind } from './border-mail.ts'
import { numberOf } from './node-number.ts'

/** As in the memory network. */
const OPEN_DEADLINE_MS = 15_000

export class BorderChannel implements Channel {
  readonly kind: ChannelKind
  readonly endpoint: Endpoint
  readonly congested = false
  private readonly border: Border
  private readonly index: number
  private readonly name: string
  private readonly farName: string
  private readonly end: number
  private farEnd: number | undefined
  private events: ChannelEvents | undefined
  private readonly beforeOpen: Uint8Array[] = []
  private lastArrivalAt = 0
  private cancelDeadline: (() => void) | undefined

  private constructor(border: Border, index: number, name: string, farName: string, farEnd: number | undefined) {
    const network = border.network(index)
    this.border = border
    this.index = index
    this.name = name
    this.farName = farName
    this.farEnd = farEnd
    this.end = border.nextEnd()
    this.endpoint = endpointOf(network.scheme, farName)
    this.kind = network.kindOf(name, farName)
    border.ends.set(this.end, this)
  }

  static knock(border: Border, index: number, name: string, farName: string): BorderChannel {
    const channel = new BorderChannel(border, index, name, farName, undefined)
    const network = border.network(index)
    network.asked.dials += 1
    channel.cancelDeadline = border.time.wakeAt(border.time.now() + OPEN_DEADLINE_MS, () => channel.fail('timeout'))
    if (network.canReach(name, farName)) channel.mail('knock', numberOf(farName), numberOf(name))
    return channel
  }

  static answer(border: Border, index: number, name: string, farName: string, farEnd: number, incoming: Incoming) {
    const channel = new BorderChannel(border, index, name, farName, farEnd)
    channel.mail('opened', farEnd, numberOf(name))
    incoming(channel)
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    if (!this.border.ends.has(this.end)) return
    const { asked } = this.border.network(this.index)
    asked.frames += 1
    asked.bytes += bytes.byteLength
    if (this.farEnd !== undefined) this.mail('frame', this.farEnd, 0, bytes)
    else this.beforeOpen.push(bytes.slice())
  }

  close(_reason: string): void {
    if (!this.border.ends.has(this.end)) return
    if (this.farEnd !== undefined) this.mail('closed', this.farEnd)
    this.over()
  }

  hear(kind: 'opened' | 'frame' | 'closed', from: number, bytes: Uint8Array): void {
    if (kind === 'frame') this.events?.message(bytes)
    else if (kind === 'closed') this.fail('closed by the far end')
    else {
      this.farEnd = from
      this.cancelDeadline?.()
      for (const waiting of this.beforeOpen.splice(0)) this.mail('frame', from, 0, waiting)
      this.events?.opened()
    }
  }

  private mail(kind: MailKind, to: number, more = 0, payload?: Uint8Array): void {
    const { border, name, farName } = this
    const latencyMs = border.network(this.index).latencyMs(name, farName)
    this.lastArrivalAt = Math.max(this.lastArrivalAt, border.time.now() + latencyMs)
    border.send(kind, this.index, farName, { atMs: this.lastArrivalAt, to, from: this.end, more }, payload)
  }

  private fail(reason: string): void {
    const { events } = this
    this.over()
    events?.closed(reason)
  }

  private over(): void {
    this.cancelDeadline?.()
    this.events = undefined
    this.border.ends.delete(this.end)
  }
}
