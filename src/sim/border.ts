/**
 * Border: what one shard of a world knows of the nodes that live in others, and how channels lead there. To a node the
 * memory network is one; where a channel's far end lives elsewhere, what is sent becomes mail, which reaches the other
 * shard before its time has come: frames take longer than a window of time.
 */
import type { Address } from '../overlay/address.ts'
import type { Input } from '../overlay/effects.ts'
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import type { Channel, Transport } from '../ports.ts'
import type { MemoryNetwork } from '../transport/memory.ts'
import { BorderChannel } from './border-channel.ts'
import type { Mail, MailKind, MailWriter } from './border-mail.ts'
import { nameOf, numberOf } from './node-number.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { JITTER } from './wire-model.ts'
import { type Inhabitant, LOOK_MS } from './world.ts'

export type BorderOptions = {
  shard: number
  shards: number
  /** What is written to it reaches that shard after the window that is being run. */
  writerTo: (shard: number) => MailWriter
  /** Those who start together are shown to each other in every shard alike until then: only what comes later is told. */
  firstPresencesMs: number
}

export type Incoming = (channel: Channel) => void

export class Border {
  readonly ends = new Map<number, BorderChannel>()
  private readonly options: BorderOptions
  private readonly networks: MemoryNetwork[] = []
  /** By network and number of a node that lives here. */
  private readonly listeners: Map<number, Incoming>[] = []
  private readonly drivers = new Map<number, Inhabitant['driver']>()
  private clock: VirtualClock | undefined
  private lastEnd = 0

  constructor(options: BorderOptions) {
    this.options = options
  }

  get shard(): number {
    return this.options.shard
  }

  /** To be called once, before anybody is there. */
  lay(clock: VirtualClock, networks: readonly MemoryNetwork[]): void {
    this.clock = clock
    for (const network of networks) {
      this.networks.push(network)
      this.listeners.push(new Map())
    }
  }

  /** Neighbours in number live in different shards: the work is spread evenly. */
  isOurs(name: string): boolean {
    return this.shardOf(numberOf(name)) === this.options.shard
  }

  /** A node that lives elsewhere: it can be shown to others, and what it is shown is told where it lives. */
  stranger(name: string, address: Address): Inhabitant {
    const give = (input: Input) => {
      if (input.type === 'candidate-appeared') this.tellPresence(numberOf(name), input.endpoint, input.elder)
    }
    const [driver, node] = [{ give }, { state: 'connected' }] as unknown as [Inhabitant['driver'], Inhabitant['node']]
    return { name, address, driver, node, delivered: [], transports: [], startedAtMs: 0, gone: false, elsewhere: true }
  }

  /** Who lives here and can be told what others are shown. */
  settle({ name, driver }: Inhabitant): void {
    this.drivers.set(numberOf(name), driver)
  }

  /** The transport of one who lives here, leading to everybody. */
  across(inner: Transport, network: MemoryNetwork, name: string): Transport {
    return new BorderTransport(this, inner, this.networks.indexOf(network), name)
  }

  listen(network: number, name: string, incoming: Incoming): void {
    this.listeners[network]?.set(numberOf(name), incoming)
  }

  network(index: number): MemoryNetwork {
    return this.networks[index] as MemoryNetwork
  }

  get time(): VirtualClock {
    if (!this.clock) throw new Error('the border was not laid')
    return this.clock
  }

  nextEnd(): number {
    return ++this.lastEnd
  }

  send(kind: MailKind, network: number, farName: string, mail: Omit<Mail, 'kind' | 'network'>, payload?: Uint8Array) {
    this.options.writerTo(this.shardOf(numberOf(farName))).write({ kind, network, ...mail }, payload)
  }

  /** What another shard has said in the window that is over. */
  take({ kind, network, atMs, to, from, more }: Mail, payload: Uint8Array): void {
    this.time.callAt(atMs, () => {
      switch (kind) {
        case 'knock': {
          const incoming = this.listeners[network]?.get(to)
          if (incoming) BorderChannel.answer(this, network, nameOf(to), nameOf(more), from, incoming)
          return
        }
        case 'presence':
          this.drivers.get(to)?.give({
            type: 'candidate-appeared',
            endpoint: endpointOf('xmpp', nameOf(from)),
            elder: more === 1,
          })
          return
        case 'opened':
        case 'frame':
        case 'closed': {
          const end = this.ends.get(to)
          if (end) end.hear(kind, from, payload)
          else if (kind === 'opened') this.refuse(network, from, nameOf(more))
        }
      }
    })
  }

  /** It comes late by the window that is being run. */
  private tellPresence(viewer: number, endpoint: Endpoint, elder: boolean): void {
    const atMs = this.time.now()
    if (atMs <= this.options.firstPresencesMs) return
    this.send('presence', 0, nameOf(viewer), {
      atMs,
      to: viewer,
      from: numberOf(targetOf(endpoint)),
      more: Number(elder),
    })
  }

  /** The end that it opened was given up meanwhile. */
  private refuse(network: number, end: number, name: string): void {
    const atMs = this.time.now() + this.network(network).latencyMs('', name)
    this.send('closed', network, name, { atMs, to: end, from: 0, more: 0 })
  }

  private shardOf(number: number): number {
    return number % this.options.shards
  }
}

class BorderTransport implements Transport {
  readonly scheme: string
  readonly dropped: ReadonlyMap<string, number>
  private readonly border: Border
  private readonly inner: Transport
  private readonly network: number
  private readonly name: string

  constructor(border: Border, inner: Transport, network: number, name: string) {
    this.border = border
    this.inner = inner
    this.network = network
    this.name = name
    this.scheme = inner.scheme
    this.dropped = inner.dropped
  }

  get endpoint(): Endpoint | undefined {
    return this.inner.endpoint
  }

  listen(incoming: Incoming): void {
    this.inner.listen(incoming)
    this.border.listen(this.network, this.name, incoming)
  }

  dial(endpoint: Endpoint): Channel {
    const farName = targetOf(endpoint)
    if (this.border.isOurs(farName)) return this.inner.dial(endpoint)
    return BorderChannel.knock(this.border, this.network, this.name, farName)
  }

  close(): void {
    this.inner.close()
  }
}

/**
 * The length of a window for this latency: no frame is quicker, so that what is sent in a window arrives after it; in whole
 * looks. Zero where frames are too quick for any.
 */
export function windowMs(latencyMs: number): number {
  return LOOK_MS * Math.floor(((1 - JITTER) * latencyMs) / LOOK_MS)
}
