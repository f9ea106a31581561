/**
 * Local tab: how do bytes flow between two tabs of one browser? By its BroadcastChannels: no server, no network, and it
 * works offline. Each transport hears knocks on a channel named by its endpoint; a knock names the path to go on with.
 */
import { type Endpoint, endpointOf, targetOf } from '../overlay/endpoint.ts'
import type { Channel, Clock, Random, Transport } from '../ports.ts'
import { randomText } from '../xmpp/random-text.ts'
import { LocalTabChannel, type LocalTabKeeper } from './local-tab-channel.ts'

const MAX_CHANNELS = 256 // A guess: more tabs than anybody opens.
const ID_LENGTH = 16 // 80 bits: nobody on this origin guesses a path.
const KNOCK_PREFIX = 'overture tab '
const PATH_PREFIX = 'overture path '

export class LocalTabTransport implements Transport, LocalTabKeeper {
  static get supported(): boolean {
    return typeof BroadcastChannel !== 'undefined'
  }

  readonly scheme = 'tab'
  readonly clock: Clock
  readonly endpoint: Endpoint
  readonly dropped = new Map<string, number>()
  private readonly random: Random
  private readonly id: string
  private readonly channels = new Set<LocalTabChannel>()
  private readonly door: BroadcastChannel
  private incoming: ((channel: Channel) => void) | undefined
  private closed = false

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.random = random
    this.id = randomText(random, ID_LENGTH)
    this.endpoint = endpointOf(this.scheme, this.id)
    this.door = new BroadcastChannel(`${KNOCK_PREFIX}${this.id}`)
    this.door.onmessage = ({ data }) => this.answer(data)
    this.door.onmessageerror = () => this.drop('unreadable')
  }

  listen(incoming: (channel: Channel) => void): void {
    this.incoming = incoming
  }

  dial(endpoint: Endpoint): Channel {
    const path = randomText(this.random, ID_LENGTH)
    const channel = new LocalTabChannel(this, endpoint, `${PATH_PREFIX}${path}`, true)
    if (this.closed) queueMicrotask(() => channel.fail('transport closed'))
    else if (this.channels.size >= MAX_CHANNELS) queueMicrotask(() => channel.fail('too many channels'))
    else {
      this.channels.add(channel)
      const door = new BroadcastChannel(`${KNOCK_PREFIX}${targetOf(endpoint)}`)
      door.postMessage({ from: this.id, path })
      door.close()
    }
    return channel
  }

  close(): void {
    this.closed = true
    this.incoming = undefined
    this.door.close()
    for (const channel of [...this.channels]) channel.close('gone')
  }

  forget(channel: LocalTabChannel): void {
    this.channels.delete(channel)
  }

  drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private answer(data: unknown): void {
    const knock = readKnock(data)
    if (knock === undefined) this.drop('malformed knock')
    else if (this.incoming === undefined) this.drop('nobody listens')
    else if (this.channels.size >= MAX_CHANNELS) this.drop('too many channels')
    else {
      const from = endpointOf(this.scheme, knock.from)
      const channel = new LocalTabChannel(this, from, `${PATH_PREFIX}${knock.path}`, false)
      this.channels.add(channel)
      this.incoming(channel)
      channel.welcome()
    }
  }
}

/** Undefined for whatever another script of this origin may say there. */
export function readKnock(data: unknown): { from: string; path: string } | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { from, path } = data as Record<string, unknown>
  return isId(from) && isId(path) ? { from, path } : undefined
}

function isId(text: unknown): text is string {
  return typeof text === 'string' && text.length === ID_LENGTH && /^[a-z2-9]+$/.test(text)
}
