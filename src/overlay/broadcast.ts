/**
 * Broadcast: every node once, n − 1 messages. Each node is handed an arc of the ring, from itself up to an end, and hands
 * the parts of it on to its links that lie inside, each up to the next (Brunet, BroadcastSender). Messages to the links
 * are acknowledged. When a link dies with an arc in hand, the parts that we have links to go to those, and the rest goes
 * back along the ring to whoever lies closest before it and so must know what is there.
 */
import { type Address, isBetween } from './address.ts'
import { nearestOn } from './connection-table.ts'
import type { SendFailure, Ticket } from './effects.ts'
import type { NodeCore } from './node-core.ts'
import type { Content } from './wire.ts'

/**
 * Somebody else may say something under a number that the origin is yet to use, and must not be taken for it: where
 * broadcasts are sealed, each begins with bytes that nobody can guess.
 */
const BEGINNING_BYTES = 8
/** Broadcasts remembered, so that one that comes twice is delivered once. A guess. */
const MAX_REMEMBERED = 4_096
/** Our own that are under way at once. A guess: some seconds' worth of the smallest. */
export const MAX_OPEN = 4_096

export type BroadcastContent = Extract<Content, { type: 'broadcast' }>

export interface BroadcastEvents {
  hand(to: Address, content: BroadcastContent): void
  deliver(origin: Address, data: Uint8Array): void
  /** Whether so many bytes to each of these links are more than relays can be asked to carry. */
  exceedsRelays(links: readonly Address[], bytes: number): boolean
  /** Whether we have broadcast as much as the ring can be asked to carry for one. */
  exceedsShare(bytes: number): boolean
  /** Nobody is handed our own broadcast. */
  refused(ticket: Ticket, failure: SendFailure): void
  /** All nodes that we handed our own broadcast to have it. */
  done(ticket: Ticket): void
}

export class Broadcast {
  private readonly core: NodeCore
  private readonly events: BroadcastEvents
  private readonly remembered = new Set<string>()
  /** Our own broadcasts that some link has not acknowledged yet. */
  private readonly open = new Map<number, { ticket: Ticket; waiting: number }>()
  private lastId: number

  constructor(core: NodeCore, events: BroadcastEvents) {
    this.core = core
    this.events = events
    this.lastId = Math.floor(core.random() * 2 ** 32)
  }

  start(data: Uint8Array, ticket: Ticket): void {
    const origin = this.core.config.address
    if (this.events.exceedsRelays(this.core.table.addresses(), data.length)) {
      this.events.refused(ticket, 'relay-too-slow')
      return
    }
    if (this.open.size >= MAX_OPEN || this.events.exceedsShare(data.length)) {
      this.events.refused(ticket, 'too-much-unsent')
      return
    }
    this.lastId = (this.lastId + 1) >>> 0
    const content: BroadcastContent = {
      type: 'broadcast',
      origin,
      id: this.lastId,
      after: undefined,
      until: origin,
      data,
    }
    this.open.set(content.id, { ticket, waiting: 1 })
    this.remember(content)
    this.spread(content, origin)
    this.settle(content)
  }

  received(content: BroadcastContent): void {
    const isNew = content.origin !== this.core.config.address && this.remember(content)
    if (isNew) this.events.deliver(content.origin, content.data)
    if (content.after) this.handAround(content.after, content)
    else if (isNew) this.spread(content, this.core.config.address)
    else this.core.count('broadcast: repeated')
  }

  /** A link has the broadcast and will hand it on, or never will. */
  settled(to: Address, content: BroadcastContent, failed: boolean): void {
    if (failed && !content.after) this.handAround(to, content)
    this.settle(content)
  }

  /** The node at `lost` may be dead: who lies beyond it in its arc shall hear all the same. */
  handAround(lost: Address, content: BroadcastContent): void {
    this.core.count('broadcast: handed around a lost link')
    const first = this.spread(content, lost)
    const self = this.core.config.address
    const [closest] = nearestOn(this.core.table.addresses(), lost, 'right', 1)
    if (!closest || !isBetween(closest, self, lost)) return
    this.hand(closest, { ...content, after: lost, until: first ?? content.until })
  }

  private settle(content: BroadcastContent): void {
    const open = content.origin === this.core.config.address ? this.open.get(content.id) : undefined
    if (!open || --open.waiting > 0) return
    this.open.delete(content.id)
    this.events.done(open.ticket)
  }

  /** Hands the arc between `from` and the content's end to our links in it; returns the first of them. */
  private spread(content: BroadcastContent, from: Address): Address | undefined {
    const inside = this.core.table
      .addresses()
      .filter((address) => isBetween(address, from, content.until) || (from === content.until && address !== from))
    const beyond = inside.findIndex((address) => address > from)
    const ordered = beyond > 0 ? [...inside.slice(beyond), ...inside.slice(0, beyond)] : inside
    ordered.forEach((address, index) => {
      this.hand(address, { ...content, after: undefined, until: ordered[index + 1] ?? content.until })
    })
    return ordered[0]
  }

  private hand(to: Address, content: BroadcastContent): void {
    const open = content.origin === this.core.config.address ? this.open.get(content.id) : undefined
    if (open) open.waiting++
    this.events.hand(to, content)
  }

  private remember(content: BroadcastContent): boolean {
    const key = `${content.origin}/${content.id}/${content.data.subarray(0, BEGINNING_BYTES).join()}`
    if (this.remembered.has(key)) return false
    this.remembered.add(key)
    const oldest = this.remembered.values().next().value
    if (this.remembered.size > MAX_REMEMBERED && oldest !== undefined) this.remembered.delete(oldest)
    return true
  }
}
