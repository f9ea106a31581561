/**
 * Whom were we linked to a while ago? Helps a page that is opened again while nobody shows their presence: where those who
 * were linked lately could be reached, by full JID or by address in an outer ring, kept over a reload and shown as candidates
 * at the next start. They count as newcomers, so that whom the others show is asked first, and those who do not answer are
 * forgotten.
 */
import { parseAddress } from '../overlay/address.ts'
import { type Endpoint, hasScheme, parseEndpoint, targetOf } from '../overlay/endpoint.ts'
import type { Clock, MeetingPlace, Rendezvous, RendezvousEvents, Stanzas, Storage, Visibility } from '../ports.ts'
import { showsNamespace } from './resource.ts'

export const MAX_RECENT_PEERS = 32 // A guess: about three rounds of dials.
export const MAX_AGE_MS = 24 * 3_600_000 // A guess: a full JID lives as long as somebody's tab, seldom longer than a day.
export const TRIED_FOR_MS = 30_000 // A guess: time for three rounds, and for a slow answer to the last.
export const SAVED_AFTER_MS = 500 // A guess: peers that join together are written together.

type Entry = { endpoint: Endpoint; atMs: number }

/** By what those whom we remember are reached. */
export interface Reach {
  readonly scheme: string
  /** What others reach us at; undefined while nobody can. */
  readonly own: string | undefined
  /** Calls back whenever others can be asked from now on. Returns what stops it. */
  onOpen(listener: () => void): () => void
  /** Whether one of our namespace may be reached there: a peer may name whom it likes, and is not to send us elsewhere. */
  admits(target: string): boolean
}

export function reachOverXmpp(stanzas: Stanzas, namespaceHash: string): Reach {
  return {
    scheme: 'xmpp',
    get own() {
      return stanzas.jid
    },
    onOpen: (listener) => stanzas.onOnline(listener),
    admits: (target) => showsNamespace(target, namespaceHash),
  }
}

export function reachInRing(place: MeetingPlace): Reach {
  return {
    scheme: 'ring',
    get own() {
      return place.address
    },
    onOpen: (listener) => {
      const tell = () => {
        if (place.address !== undefined) listener()
      }
      tell()
      return place.onAddress(tell)
    },
    admits: (target) => parseAddress(target) !== undefined,
  }
}

export type RecentPeersOptions = {
  reach: Reach
  namespaceHash: string
  storage: Storage
  clock: Clock
  /** Milliseconds of the day and age, because a clock begins anew with each page. */
  timeOfDay: () => number
}

export class RecentPeers implements Rendezvous {
  readonly name = 'recent-peers'
  readonly isSeen = false
  readonly dropped = new Map<string, number>()
  private readonly options: RecentPeersOptions
  /** When each was last linked. */
  private readonly linkedAtMs = new Map<Endpoint, number>()
  private readonly onTrial = new Set<Endpoint>()
  private readonly dead = new Set<Endpoint>()
  private events: RendezvousEvents | undefined
  private stops: (() => void)[] = []
  private cancelTrial: (() => void) | undefined
  private cancelSave: (() => void) | undefined

  constructor(options: RecentPeersOptions) {
    this.options = options
  }

  start(events: RendezvousEvents): void {
    if (this.events !== undefined) throw new Error('This rendezvous is started already.')
    this.events = events
    this.load().then((entries) => {
      if (this.events === undefined) return
      // Only when we can be reached ourselves can they be asked.
      this.stops.push(this.options.reach.onOpen(() => this.try(entries.splice(0))))
    })
  }

  stop(): void {
    this.events = undefined
    for (const stop of this.stops.splice(0)) stop()
    this.cancelTrial?.()
    if (this.cancelSave !== undefined) void this.save()
  }

  /** Nobody sees us by what we remember. */
  show(_visibility: Visibility): void {}

  /** To be called when a link stands, with the endpoints that the peer has named: it may be asked again next time. */
  linked(endpoints: readonly Endpoint[]): void {
    const { reach } = this.options
    const endpoint = endpoints.find((each) => hasScheme(each, reach.scheme))
    if (endpoint === undefined) return
    if (!reach.admits(targetOf(endpoint))) {
      this.drop('foreign-jid')
      return
    }
    this.onTrial.delete(endpoint)
    this.dead.delete(endpoint)
    this.linkedAtMs.set(endpoint, this.options.timeOfDay())
    this.saveSoon()
  }

  private try(entries: Entry[]): void {
    if (entries.length === 0) return
    for (const { endpoint } of entries) {
      if (this.linkedAtMs.has(endpoint) || targetOf(endpoint) === this.options.reach.own) continue
      this.onTrial.add(endpoint)
      this.events?.appeared({ endpoint, elder: false })
    }
    const { clock } = this.options
    this.cancelTrial = clock.wakeAt(clock.now() + TRIED_FOR_MS, () => {
      for (const endpoint of this.onTrial) {
        this.dead.add(endpoint)
        this.events?.vanished(endpoint)
      }
      this.onTrial.clear()
      this.saveSoon()
    })
  }

  private saveSoon(): void {
    const { clock } = this.options
    this.cancelSave ??= clock.wakeAt(clock.now() + SAVED_AFTER_MS, () => void this.save())
  }

  /** Other tabs write here, too: what they have is kept. */
  private async save(): Promise<void> {
    this.cancelSave?.()
    this.cancelSave = undefined
    const merged = new Map<Endpoint, number>()
    for (const { endpoint, atMs } of await this.load()) if (!this.dead.has(endpoint)) merged.set(endpoint, atMs)
    for (const [endpoint, atMs] of this.linkedAtMs) merged.set(endpoint, atMs)
    const latest = [...merged].sort(([, a], [, b]) => b - a).slice(0, MAX_RECENT_PEERS)
    const kept = new Set(latest.map(([endpoint]) => endpoint))
    for (const endpoint of this.linkedAtMs.keys()) if (!kept.has(endpoint)) this.linkedAtMs.delete(endpoint)
    try {
      await this.options.storage.set(
        this.key,
        latest.map(([endpoint, atMs]) => ({ endpoint, atMs })),
      )
    } catch {
      this.drop('not-saved')
    }
  }

  /** What is not too old, latest first. Never rejects. */
  private async load(): Promise<Entry[]> {
    let stored: unknown
    try {
      stored = await this.options.storage.get(this.key)
    } catch {
      this.drop('not-loaded')
    }
    const now = this.options.timeOfDay()
    return (Array.isArray(stored) ? stored : [])
      .flatMap((each) => this.readEntry(each) ?? [])
      .filter(({ atMs }) => atMs > now - MAX_AGE_MS && atMs <= now)
      .sort((a, b) => b.atMs - a.atMs)
      .slice(0, MAX_RECENT_PEERS)
  }

  private readEntry(value: unknown): Entry | undefined {
    const { endpoint: text, atMs } = (value ?? {}) as Record<string, unknown>
    const endpoint = typeof text === 'string' ? parseEndpoint(text) : undefined
    const { reach } = this.options
    const isOurs = endpoint !== undefined && hasScheme(endpoint, reach.scheme)
    if (isOurs && reach.admits(targetOf(endpoint)) && typeof atMs === 'number') {
      return { endpoint, atMs }
    }
    this.drop('malformed')
    return undefined
  }

  private get key(): string {
    const { reach, namespaceHash } = this.options
    // What was kept before there was more than one reach is still found.
    return `recent-peers:${reach.scheme === 'xmpp' ? '' : `${reach.scheme}:`}${namespaceHash}`
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
