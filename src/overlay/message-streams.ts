/**
 * MessageStreams: messages to one node arrive once each, in the order sent, and the sender learns of it.
 *
 * The ring carries packets as a datagram service: a packet is lost when a channel dies under it or a table is behind
 * the times. Reliability is therefore kept end to end, between the two nodes that talk, whatever path the packets take;
 * so a message survives the change from relay to direct link and back.
 *
 *   sender     queued --window--> in flight --cumulative ack--> settled
 *                                    |  ^
 *                                    +--+ sent again: on a new path at once, on a routed path after a time-out
 *
 * Over a link no time-out is needed: its channel delivers all, or closes and so makes a new path.
 */
import type { Address } from './address.ts'
import type { BroadcastContent } from './broadcast.ts'
import type { SendFailure, Ticket } from './effects.ts'
import { IncomingStreams, MAX_STREAMS } from './incoming-streams.ts'
import type { Path } from './message-path.ts'
import type { NodeCore } from './node-core.ts'
import { PacketSlab } from './packet-slab.ts'
import { fitsRelays, loadOf, type RelayLoad } from './relay-budget.ts'
import { timeToLive } from './routing.ts'
import type { SealedPackets } from './sealed-packets.ts'
import {
  asDataFrame,
  type Content,
  encodeForStream,
  encodeReset,
  encodeStreamAck,
  type StreamAck,
  type StreamData,
} from './wire.ts'

/** Bytes in flight. Direct: a fast link's bandwidth times its delay; relay: what one can lose without grief. Guesses. */
const WINDOW_BYTES = { direct: 1_048_576, relay: 16_384, routed: 65_536 } as const
/** Bytes that may wait for one node. */
export const MAX_QUEUED_BYTES = 16_777_216
/** And for all nodes together: broadcasts of others wait for each slow link of ours. A guess: what a page can spare. */
export const MAX_QUEUED_TOTAL_BYTES = 4 * MAX_QUEUED_BYTES
const RESEND_FIRST_MS = 1_000
const RESEND_MAX_MS = 8_000
/** Without any acknowledgement for so long, the node is taken to be unreachable. */
const SEND_TIMEOUT_MS = 20_000
/** A relay has a keepalive of its own, and takes 31 s for the largest message at ejabberd's default of 3 kB/s. */
const SEND_TIMEOUT_RELAY_MS = 60_000
/** Counted for each message beside its data. */
const MESSAGE_OVERHEAD_BYTES = 64

type Message = {
  /** Encoded when the message was given; its head is set anew each time that it is sent. Channels copy what they send. */
  encoded: Uint8Array
  bytes: number
  broadcast: BroadcastContent | undefined
  ticket: Ticket | undefined
}

type Outgoing = {
  to: Address
  stream: number
  /** Sequence number of the first message kept. */
  first: number
  messages: Message[]
  /** How many of them are in flight. */
  sent: number
  sentBytes: number
  /** One more than the highest sequence number ever sent: a path change sends again what may yet be acknowledged. */
  reached: number
  queuedBytes: number
  resendAtMs: number | undefined
  resendDelayMs: number
  failAtMs: number
}

export interface MessageStreamsEvents {
  pathTo(address: Address): Path
  /** Whether messages to this node leave over a relay, and nothing better is about to take its place. */
  isRelayed(address: Address): boolean
  received(from: Address, content: Content): void
  /** A message, and no broadcast, leaves for this node, perhaps again. */
  sent(to: Address, bytes: number): void
  settled(
    to: Address,
    broadcast: BroadcastContent | undefined,
    ticket: Ticket | undefined,
    failure: SendFailure | undefined,
  ): void
}

export class MessageStreams {
  private readonly core: NodeCore
  private readonly sealed: SealedPackets
  private readonly events: MessageStreamsEvents
  private readonly outgoing = new Map<Address, Outgoing>()
  private readonly incoming: IncomingStreams
  private queuedBytes = 0
  private readonly slab = new PacketSlab()
  private readonly roomFor = (bytes: number) => this.slab.take(bytes)

  constructor(core: NodeCore, sealed: SealedPackets, events: MessageStreamsEvents) {
    this.core = core
    this.sealed = sealed
    this.events = events
    this.incoming = new IncomingStreams(core, {
      unbegun: (from, { id }) => sealed.answer(from, 'reset', encodeReset(id)),
      due: (from, stream) => {
        const payload = encodeStreamAck({ ackStream: stream.id, ack: stream.acknowledge(core.nowMs) })
        sealed.answer(from, 'ack', payload)
      },
    })
  }

  get deadlineMs(): number | undefined {
    if (this.outgoing.size === 0 && this.incoming.size === 0) return undefined
    let earliest = this.incoming.deadlineMs
    for (const { resendAtMs, failAtMs, messages } of this.outgoing.values()) {
      if (messages.length > 0) earliest = Math.min(earliest, failAtMs, resendAtMs ?? failAtMs)
    }
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
  }

  /** Every message given is settled exactly once. */
  send(to: Address, content: Content, ticket: Ticket | undefined): void {
    const outgoing = this.outgoing.get(to) ?? this.open(to)
    const bytes = content.data.length + MESSAGE_OVERHEAD_BYTES
    const broadcast = content.type === 'broadcast' ? content : undefined
    const refusal = this.refusalOf(to, bytes, broadcast ? 'handed' : loadOf(bytes))
    const isFull = !outgoing || outgoing.queuedBytes + bytes > MAX_QUEUED_BYTES
    if (isFull || this.queuedBytes + bytes > MAX_QUEUED_TOTAL_BYTES || refusal) {
      this.core.count(`stream: ${refusal ?? 'too much unsent'}`)
      this.events.settled(to, broadcast, ticket, refusal ?? 'too-much-unsent')
      return
    }
    const encoded = encodeForStream(content, this.roomFor)
    if (outgoing.messages.length === 0) outgoing.failAtMs = this.failAtMs(to)
    outgoing.messages.push({ encoded, bytes, broadcast, ticket })
    this.queue(outgoing, bytes)
    this.pump(outgoing)
  }

  /** Whether messages of this size to all of these would have to wait too long for relays. */
  exceedsRelays(tos: readonly Address[], dataBytes: number): boolean {
    const relayed = tos.filter((to) => this.events.isRelayed(to)).length
    const bytes = dataBytes + MESSAGE_OVERHEAD_BYTES
    return relayed > 0 && !fitsRelays(loadOf(bytes), relayed * bytes, this.waitingForRelays())
  }

  /** What it carries is delivered before what it acknowledges is settled: somebody may be waiting to answer. */
  onData(from: Address, data: StreamData): void {
    this.receive(from, data)
    this.onAck(from, data)
  }

  onAck(from: Address, { ackStream, ack }: StreamAck): void {
    const outgoing = this.outgoing.get(from)
    if (!outgoing || outgoing.stream !== ackStream) return
    const count = ack - outgoing.first
    if (count <= 0 || ack > outgoing.reached) return
    const done = outgoing.messages.splice(0, count)
    done.forEach(({ encoded, bytes }, index) => {
      if (index < outgoing.sent) outgoing.sentBytes -= bytes
      this.queue(outgoing, -bytes)
      this.slab.giveBack(encoded)
    })
    outgoing.first += count
    outgoing.sent = Math.max(0, outgoing.sent - count)
    outgoing.failAtMs = this.failAtMs(from)
    outgoing.resendDelayMs = RESEND_FIRST_MS
    outgoing.resendAtMs = undefined
    this.pump(outgoing)
    for (const { broadcast, ticket } of done) this.events.settled(from, broadcast, ticket, undefined)
  }

  /** The receiver knows nothing of the stream: what it has not acknowledged begins a new one. */
  onReset(from: Address, stream: number): void {
    const outgoing = this.outgoing.get(from)
    if (outgoing?.stream !== stream) return
    outgoing.stream = this.newStream(outgoing.stream)
    outgoing.first = 0
    outgoing.reached = 0
    this.sendAgain(outgoing)
  }

  /** Packets to this node go another way from now on, or can go again. */
  pathChanged(address: Address): void {
    const outgoing = this.outgoing.get(address)
    if (!outgoing) return
    outgoing.failAtMs = Math.min(outgoing.failAtMs, this.failAtMs(address))
    this.sendAgain(outgoing)
  }

  /** What waited for keys, or was sealed with others, goes again; over a link none are needed. */
  introduced(address: Address): void {
    if (this.events.pathTo(address)?.kind === 'routed') this.pathChanged(address)
  }

  writable(address: Address): void {
    const outgoing = this.outgoing.get(address)
    if (outgoing) this.pump(outgoing)
  }

  /** The ring changed: routed streams may have a way now. */
  pumpAll(): void {
    for (const outgoing of this.outgoing.values()) this.pump(outgoing)
  }

  wake(): void {
    if (this.outgoing.size === 0 && this.incoming.size === 0) return
    const { nowMs } = this.core
    for (const outgoing of [...this.outgoing.values()]) {
      if (outgoing.messages.length === 0) continue
      if (outgoing.failAtMs <= nowMs) this.failAll(outgoing.to, 'unreachable')
      else if (outgoing.resendAtMs !== undefined && outgoing.resendAtMs <= nowMs) {
        outgoing.resendDelayMs = Math.min(RESEND_MAX_MS, 2 * outgoing.resendDelayMs)
        if (outgoing.sent > 0) this.core.count('stream: sent again')
        this.sendAgain(outgoing)
      }
    }
    this.incoming.wake()
  }

  unsettledBroadcasts(to: Address): BroadcastContent[] {
    const broadcasts = this.outgoing.get(to)?.messages.map(({ broadcast }) => broadcast) ?? []
    return broadcasts.filter((broadcast) => broadcast !== undefined)
  }

  /** Gives up what is unsettled to one node; later messages begin a new stream. */
  failAll(to: Address, failure: SendFailure): void {
    const outgoing = this.outgoing.get(to)
    if (!outgoing) return
    this.outgoing.delete(to)
    this.queuedBytes -= outgoing.queuedBytes
    for (const { encoded, broadcast, ticket } of outgoing.messages) {
      this.slab.abandon(encoded)
      this.events.settled(to, broadcast, ticket, failure)
    }
  }

  failEverything(failure: SendFailure): void {
    for (const to of [...this.outgoing.keys()]) this.failAll(to, failure)
  }

  private receive(from: Address, data: StreamData): void {
    const relayed = this.events.pathTo(from)?.kind !== 'direct'
    for (const content of this.incoming.receive(from, data, relayed)) this.events.received(from, content)
  }

  private queue(outgoing: Outgoing, bytes: number): void {
    outgoing.queuedBytes += bytes
    this.queuedBytes += bytes
  }

  private open(to: Address): Outgoing | undefined {
    if (this.outgoing.size >= MAX_STREAMS) {
      const idle = [...this.outgoing.values()].find(({ messages }) => messages.length === 0)
      if (!idle) return undefined
      this.outgoing.delete(idle.to)
    }
    const outgoing: Outgoing = {
      to,
      stream: this.newStream(0),
      first: 0,
      messages: [],
      sent: 0,
      sentBytes: 0,
      reached: 0,
      queuedBytes: 0,
      resendAtMs: undefined,
      resendDelayMs: RESEND_FIRST_MS,
      failAtMs: this.failAtMs(to),
    }
    this.outgoing.set(to, outgoing)
    return outgoing
  }

  private pump(outgoing: Outgoing): void {
    if (outgoing.sent === outgoing.messages.length) return
    const path = this.events.pathTo(outgoing.to)
    if (!path) return
    const relayed = path.kind !== 'direct' && this.events.isRelayed(outgoing.to)
    if (relayed) this.refuseBulk(outgoing)
    if (path.congested) return
    if (path.kind === 'routed' && !this.sealed.isReady(outgoing.to)) {
      this.awaitIntroduction(outgoing)
      return
    }
    const windowBytes = WINDOW_BYTES[relayed ? 'relay' : path.kind]
    while (outgoing.sent < outgoing.messages.length) {
      const message = outgoing.messages[outgoing.sent] as Message
      if (outgoing.sent > 0 && outgoing.sentBytes + message.bytes > windowBytes) break
      const sequence = outgoing.first + outgoing.sent
      outgoing.sent++
      outgoing.sentBytes += message.bytes
      outgoing.reached = Math.max(outgoing.reached, sequence + 1)
      this.transmit(outgoing, message, sequence, path)
    }
  }

  /** What was to go over a better link and cannot any more. Messages that were sent once keep their numbers and stay. */
  private refuseBulk(outgoing: Outgoing): void {
    let waitingBytes = this.waitingForRelays()
    const { messages, first } = outgoing
    for (let index = messages.length - 1; index >= 0 && first + index >= outgoing.reached; index--) {
      const { encoded, bytes, broadcast, ticket } = messages[index] as Message
      if (fitsRelays('bulk', 0, waitingBytes)) return
      if (loadOf(bytes) === 'small' || broadcast) continue
      messages.splice(index, 1)
      this.queue(outgoing, -bytes)
      waitingBytes -= bytes
      this.slab.abandon(encoded)
      this.events.settled(outgoing.to, broadcast, ticket, 'relay-too-slow')
    }
  }

  private refusalOf(to: Address, bytes: number, load: RelayLoad): SendFailure | undefined {
    if (!this.events.isRelayed(to) || fitsRelays(load, bytes, this.waitingForRelays())) return undefined
    return 'relay-too-slow'
  }

  /** Over all nodes: all relays of a page share one session with the service. */
  private waitingForRelays(): number {
    let bytes = 0
    for (const { to, queuedBytes } of this.outgoing.values()) {
      if (queuedBytes > 0 && this.events.isRelayed(to)) bytes += queuedBytes
    }
    return bytes
  }

  private failAtMs(to: Address): number {
    const kind = this.events.pathTo(to)?.kind
    // By way of others over relays it takes as long, and longer.
    const isRelay = kind === 'relay' || (kind === 'routed' && this.events.isRelayed(to))
    return this.core.nowMs + (isRelay ? SEND_TIMEOUT_RELAY_MS : SEND_TIMEOUT_MS)
  }

  private transmit(outgoing: Outgoing, message: Message, sequence: number, path: NonNullable<Path>): void {
    const { to, stream } = outgoing
    if (!message.broadcast) this.events.sent(to, message.bytes)
    const incoming = this.incoming.get(to)
    const ack = incoming?.acknowledge(this.core.nowMs) ?? 0
    const head = { stream, sequence, ackStream: incoming?.id ?? 0, ack }
    if (path.kind !== 'routed') {
      this.core.emit({ type: 'transmit', channel: path.channel, bytes: asDataFrame(message.encoded, head) })
      return
    }
    outgoing.resendAtMs ??= this.core.nowMs + outgoing.resendDelayMs
    const ttl = timeToLive(this.core.table.estimateSize(this.core.config.perSide))
    this.sealed.sendData(to, message.encoded, head, ttl)
  }

  /** As when a packet was lost: it is asked for again after a while, until the messages have waited too long. */
  private awaitIntroduction(outgoing: Outgoing): void {
    if (outgoing.resendAtMs !== undefined) return
    outgoing.resendAtMs = this.core.nowMs + outgoing.resendDelayMs
    this.sealed.introduce(outgoing.to)
  }

  private sendAgain(outgoing: Outgoing): void {
    outgoing.sent = 0
    outgoing.sentBytes = 0
    outgoing.resendAtMs = undefined
    this.pump(outgoing)
  }

  /** Never zero, which stands for no stream. */
  private newStream(previous: number): number {
    const stream = Math.floor(this.core.random() * 0xffff_fffe) + 1
    return stream === previous ? this.newStream(previous) : stream
  }
}
