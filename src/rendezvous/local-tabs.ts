/**
 * Which other tabs of this browser are in the namespace? They call each other on a BroadcastChannel that is named by the
 * namespace's hash: no server, no network. What the paper does with multicast on a local network.
 *
 *   hello   from who comes: all that are there answer `here`
 *   here    to all, so that everyone sees who is still there: who does not answer a hello is gone
 *   bye     from who goes
 */
import { type Endpoint, parseEndpoint, schemeOf } from '../overlay/endpoint.ts'
import type { Clock, Rendezvous, RendezvousEvents, Visibility } from '../ports.ts'

export const MAX_TABS = 256 // A guess: more tabs than anybody opens.
export const ROLL_CALL_MS = 5_000 // A guess: a tab that is busy answers within; one that crashed never does.
const CHANNEL_PREFIX = 'overture tabs '

type Call = { type: 'hello' | 'here' | 'bye'; endpoint: Endpoint }

export type LocalTabsOptions = {
  namespaceHash: string
  /** Where the other tabs can dial us. */
  endpoint: Endpoint
  clock: Clock
}

export class LocalTabs implements Rendezvous {
  readonly name = 'local-tabs'
  /** Not through the service. */
  readonly isSeen = false
  readonly dropped = new Map<string, number>()
  private readonly options: LocalTabsOptions
  private channel: BroadcastChannel | undefined
  private events: RendezvousEvents | undefined
  /** Whether they are known as elders. */
  private readonly tabs = new Map<Endpoint, { elder: boolean }>()
  /** Who has not answered yet. */
  private readonly unheard = new Set<Endpoint>()
  private cancelRollCall: (() => void) | undefined

  constructor(options: LocalTabsOptions) {
    this.options = options
  }

  start(events: RendezvousEvents): void {
    if (this.channel !== undefined) throw new Error('This rendezvous is started already.')
    this.events = events
    this.channel = new BroadcastChannel(`${CHANNEL_PREFIX}${this.options.namespaceHash}`)
    this.channel.onmessage = ({ data }) => this.handle(data)
    this.channel.onmessageerror = () => this.drop('unreadable')
    this.say('hello')
  }

  stop(): void {
    if (this.channel === undefined) return
    this.say('bye')
    this.channel.close()
    this.channel = undefined
    this.events = undefined
    this.cancelRollCall?.()
    this.tabs.clear()
    this.unheard.clear()
  }

  /** Costs nobody but this browser anything, so a tab is seen by the others whatever its part in the ring. */
  show(_visibility: Visibility): void {}

  private say(type: Call['type']): void {
    this.channel?.postMessage({ type, endpoint: this.options.endpoint })
  }

  private handle(data: unknown): void {
    const call = readCall(data, schemeOf(this.options.endpoint))
    if (call === undefined || call.endpoint === this.options.endpoint) {
      this.drop('malformed')
      return
    }
    switch (call.type) {
      case 'hello':
        this.callRoll()
        this.see(call.endpoint, false)
        this.say('here')
        break
      case 'here':
        this.see(call.endpoint, true)
        break
      case 'bye':
        this.lose(call.endpoint)
        break
    }
  }

  private see(endpoint: Endpoint, answers: boolean): void {
    this.unheard.delete(endpoint)
    const known = this.tabs.get(endpoint)
    if (known === undefined) {
      if (this.tabs.size >= MAX_TABS) this.drop('too-many-tabs')
      else {
        this.tabs.set(endpoint, { elder: answers })
        this.events?.appeared({ endpoint, elder: answers })
      }
    } else if (answers && !known.elder && endpoint < this.options.endpoint) {
      // Two that came at once have heard each other's hello and answer, and one of them has to ask.
      known.elder = true
      this.events?.appeared({ endpoint, elder: true })
    }
  }

  private lose(endpoint: Endpoint): void {
    this.unheard.delete(endpoint)
    if (this.tabs.delete(endpoint)) this.events?.vanished(endpoint)
  }

  /** Somebody has said hello: who is there answers, and we hear it, too. */
  private callRoll(): void {
    if (this.cancelRollCall !== undefined) return
    for (const endpoint of this.tabs.keys()) this.unheard.add(endpoint)
    const { clock } = this.options
    this.cancelRollCall = clock.wakeAt(clock.now() + ROLL_CALL_MS, () => {
      this.cancelRollCall = undefined
      for (const endpoint of [...this.unheard]) this.lose(endpoint)
    })
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

/** Undefined for whatever another script of this origin may say there. */
export function readCall(data: unknown, scheme: string): Call | undefined {
  if (typeof data !== 'object' || data === null) return undefined
  const { type, endpoint: text } = data as Record<string, unknown>
  if ((type !== 'hello' && type !== 'here' && type !== 'bye') || typeof text !== 'string') return undefined
  const endpoint = parseEndpoint(text)
  return endpoint === undefined || schemeOf(endpoint) !== scheme ? undefined : { type, endpoint }
}
