/**
 * XMPP relay: how do bytes flow while nothing but an XMPP service joins two peers? Channels over IQ sets, slow but there
 * at once. Keeps the channels of one signed-in tab, gives each piece to the channel of its sender, and bounds them all.
 */
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import { type Channel, type Clock, type Random, StanzaError, type Stanzas, type Transport } from '../ports.ts'
import type { Element } from '../xmpp/stanza.ts'
import { RelayChannel, type RelayChannelKeeper } from './relay-channel.ts'
import { RelayPace } from './relay-pace.ts'
import { payloadLimit, RELAY_XMLNS, type RelayPiece, readPiece, writePiece } from './relay-xml.ts'

const MAX_CHANNELS = 256 // A guess: far more links than a relay's pace feeds.
const MAX_CHANNELS_PER_JID = 8 // A guess: attempts of both sides and channels that are closing.
const MAX_ENDED_REMEMBERED = 512 // A guess: so that a late first piece does not open a channel again.

export class XmppRelay implements Transport, RelayChannelKeeper {
  readonly scheme = 'xmpp'
  readonly clock: Clock
  readonly pace = new RelayPace()
  readonly dropped = new Map<string, number>()
  private readonly stanzas: Stanzas
  private readonly random: Random
  private readonly channels = new Map<string, RelayChannel>()
  private readonly endedKeys = new Set<string>()
  private readonly stops: (() => void)[]
  private incoming: ((channel: Channel) => void) | undefined
  private closed = false

  constructor(stanzas: Stanzas, clock: Clock, random: Random) {
    this.stanzas = stanzas
    this.clock = clock
    this.random = random
    this.stops = [
      stanzas.onIq('set', 'data', RELAY_XMLNS, (child, from) => this.handle(child, from)),
      stanzas.onOffline(() => {
        for (const channel of [...this.channels.values()]) channel.fail('disconnected')
      }),
    ]
  }

  get endpoint(): Endpoint | undefined {
    const { jid } = this.stanzas
    return jid === undefined ? undefined : endpointOf(this.scheme, jid)
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    const jid = targetOf(endpoint)
    const channel = new RelayChannel(this, endpoint, jid, this.nextSid(), `${this.stanzas.jid} ${jid}`)
    if (this.closed || this.stanzas.jid === undefined) queueMicrotask(() => channel.fail('disconnected'))
    else if (this.isFull(jid)) queueMicrotask(() => channel.fail('too many channels'))
    else {
      this.channels.set(keyOf(jid, channel.sid), channel)
      queueMicrotask(() => channel.opened())
    }
    return channel
  }

  close(): void {
    this.closed = true
    this.incoming = undefined
    for (const channel of [...this.channels.values()]) channel.close('gone')
    this.stopWhenDone()
  }

  maxPayloadBytes(jid: string): number {
    return payloadLimit(this.stanzas.maxStanzaBytes, jid)
  }

  request(jid: string, piece: RelayPiece, timeoutMs: number): Promise<unknown> {
    const { bulk } = piece
    return this.stanzas.request({ type: 'set', to: jid, child: writePiece(piece), timeoutMs, bulk })
  }

  forget(channel: RelayChannel): void {
    const key = keyOf(channel.jid, channel.sid)
    this.channels.delete(key)
    this.endedKeys.add(key)
    const [oldest] = this.endedKeys
    if (this.endedKeys.size > MAX_ENDED_REMEMBERED && oldest !== undefined) this.endedKeys.delete(oldest)
    this.stopWhenDone()
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private handle(child: Element, from: string): undefined {
    const piece = readPiece(child)
    if (piece === undefined) throw this.refusal('malformed piece', 'bad-request')
    const key = keyOf(from, piece.sid)
    const channel = this.channels.get(key)
    if (channel !== undefined) channel.handle(piece)
    else if (this.endedKeys.has(key)) throw this.refusal('stale piece', 'item-not-found')
    else if (piece.seq !== 0 || piece.close) throw this.refusal('unknown channel', 'item-not-found')
    else this.open(piece, from)
  }

  private open(piece: RelayPiece, from: string): void {
    if (this.incoming === undefined) throw this.refusal('nobody listens', 'service-unavailable')
    if (this.isFull(from)) throw this.refusal('too many channels', 'resource-constraint')
    const channel = new RelayChannel(
      this,
      endpointOf(this.scheme, from),
      from,
      piece.sid,
      `${from} ${this.stanzas.jid}`,
    )
    this.channels.set(keyOf(from, piece.sid), channel)
    this.incoming(channel)
    channel.handle(piece)
  }

  /** Deaf only when the last goodbye is said, because until then pieces still have to be acknowledged. */
  private stopWhenDone(): void {
    if (this.closed && this.channels.size === 0) for (const stop of this.stops) stop()
  }

  private isFull(jid: string): boolean {
    let ofJid = 0
    for (const channel of this.channels.values()) if (channel.jid === jid) ofJid += 1
    return this.channels.size >= MAX_CHANNELS || ofJid >= MAX_CHANNELS_PER_JID
  }

  private refusal(reason: string, condition: string): StanzaError {
    this.drop(reason)
    return new StanzaError(condition)
  }

  private nextSid(): string {
    return Array.from({ length: 4 }, () =>
      Math.floor(this.random() * 0x1_0000)
        .toString(16)
        .padStart(4, '0'),
    ).join('')
  }
}

function keyOf(jid: string, sid: string): string {
  return `${sid} ${jid}`
}
