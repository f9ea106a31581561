/**
 * Ring lookup: who of a ring that we are in is also in the ring that lives within it? All who are keep their address
 * under one key of the outer ring's DHT (the paper's rendezvous, §III.A). The key follows from the inner ring's name and
 * secret, and so does the mark that goes with each address: who does not know them finds nobody, and puts nobody there.
 *
 *   away --in the outer ring--> seeking (soon, then less and less often) --let in--> watching (seldom, and at once when a
 *     ^                            ^                                          |       neighbour comes or goes)
 *     |                            +---------------- ring lost ---------------+
 *     +--- outer ring lost, stop --- any
 *
 * Of a crowd only its greeters stay under the key: enough to be found by, and no more than a key holds.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { parseAddress } from '../overlay/address.ts'
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type { Clock, MeetingPlace, Random, Rendezvous, RendezvousEvents, Visibility } from '../ports.ts'

const KEY_BYTES = 20
const ADDRESS_BYTES = 20
const MARK_BYTES = 16
/** While nobody has let us in. Guesses: a lookup takes some hops; the last is repeated. */
const SEEKING_MS = [100, 200, 400, 1_000, 2_000, 4_000, 8_000] as const
/** So that two halves of a ring find each other again. A guess. */
const WATCHING_MS = 60_000
/** Neighbours come and go in bursts, most of all while a ring forms. A guess. */
const CHANGED_MS = 3_000
/** Enough to be let in by; the first looks ask for no more, as many take several round trips. A guess. */
const ENOUGH_ENTRIES = 16
const LOOKS_FOR_ENOUGH = 3
/** More are not looked at: so many live in a crowd's greeters, several times over. A guess. */
const MAX_ENTRIES = 256

export type RingLookupOptions = {
  place: MeetingPlace
  /** 32 bytes that the members of the inner ring share, for this alone. */
  lookupKey: Uint8Array
  clock: Clock
  random: Random
  /** Of the endpoints by which a node of the outer ring is reached first. */
  scheme: string
}

export class RingLookup implements Rendezvous {
  readonly name = 'ring-lookup'
  readonly dropped = new Map<string, number>()
  private readonly options: RingLookupOptions
  private readonly key: Uint8Array
  private events: RendezvousEvents | undefined
  private visibility: Visibility = 'newcomer'
  private stopKeeping: (() => void) | undefined
  private keptAddress: string | undefined
  private readonly shown = new Set<Endpoint>()
  private looks = 0
  private hasLooked = false
  private looking = false
  private cancelLook = () => {}
  private lookAtMs = Number.POSITIVE_INFINITY
  private stopListening = () => {}

  constructor(options: RingLookupOptions) {
    this.options = options
    this.key = meetingKey(options.lookupKey)
  }

  get isSeen(): boolean {
    return this.stopKeeping !== undefined
  }

  start(events: RendezvousEvents): void {
    if (this.events) throw new Error('This rendezvous is started already.')
    this.events = events
    this.stopListening = this.options.place.onAddress(() => this.follow())
    this.follow()
  }

  show(visibility: Visibility): void {
    this.visibility = visibility
    this.looks = 0
    this.follow()
  }

  /** A neighbour in the inner ring has come or gone. */
  changed(): void {
    if (this.isSeeking) return
    this.lookWithin(CHANGED_MS * (0.5 + this.options.random()))
  }

  stop(): void {
    this.events = undefined
    this.stopListening()
    this.stopKeeping?.()
    this.stopKeeping = undefined
    this.cancelLook()
  }

  private get isSeeking(): boolean {
    return this.visibility === 'newcomer' || this.visibility === 'seeking'
  }

  /** Our entry and our lookups are to be as our place in both rings has it. */
  private follow(): void {
    if (!this.events) return
    const { address } = this.options.place
    const wanted = this.visibility === 'quiet' ? undefined : address
    if (wanted !== this.keptAddress) {
      this.stopKeeping?.()
      this.keptAddress = wanted
      const entry = wanted === undefined ? undefined : entryOf(this.options.lookupKey, wanted)
      this.stopKeeping = entry && this.options.place.keep(this.key, entry)
    }
    if (address === undefined) {
      this.cancelLook()
      this.lookAtMs = Number.POSITIVE_INFINITY
    } else this.lookWithin(0)
  }

  private lookWithin(ms: number): void {
    const { clock } = this.options
    const atMs = clock.now() + ms
    if (this.lookAtMs <= atMs) return
    this.cancelLook()
    this.lookAtMs = atMs
    this.cancelLook = clock.wakeAt(atMs, () => {
      this.lookAtMs = Number.POSITIVE_INFINITY
      void this.look()
    })
  }

  private async look(): Promise<void> {
    if (this.looking) return
    this.looking = true
    const wanted = this.isSeeking && this.looks < LOOKS_FOR_ENOUGH ? ENOUGH_ENTRIES : MAX_ENTRIES
    const values = await this.options.place.look(this.key, wanted)
    this.looking = false
    if (!this.events) return
    if (values) this.compare(values.slice(0, MAX_ENTRIES), values.length < wanted)
    const seekingMs = SEEKING_MS[Math.min(this.looks++, SEEKING_MS.length - 1)] as number
    this.lookWithin((this.isSeeking ? seekingMs : WATCHING_MS) * (0.5 + this.options.random()))
  }

  /** `isAll`: nobody else is there. */
  private compare(values: readonly Uint8Array[], isAll: boolean): void {
    const { lookupKey, scheme, place } = this.options
    const there = new Set<Endpoint>()
    for (const value of values) {
      const address = addressIn(lookupKey, value)
      if (address === undefined) this.dropped.set('bad-entry', (this.dropped.get('bad-entry') ?? 0) + 1)
      else if (address !== place.address) there.add(endpointOf(scheme, address))
    }
    for (const endpoint of isAll ? this.shown : []) {
      if (there.has(endpoint)) continue
      this.shown.delete(endpoint)
      this.events?.vanished(endpoint)
    }
    // Who is there when we look for the first time was there before us, or came at the same time.
    const elder = !this.hasLooked
    this.hasLooked = true
    // All find them in one order; were they told in it, all would ask the same few.
    for (const endpoint of this.shuffled([...there])) {
      if (this.shown.has(endpoint)) continue
      this.shown.add(endpoint)
      this.events?.appeared({ endpoint, elder: elder || this.isSeeking })
    }
  }

  private shuffled<Item>(items: Item[]): Item[] {
    for (let last = items.length - 1; last > 0; last--) {
      const other = Math.floor(this.options.random() * (last + 1))
      ;[items[last], items[other]] = [items[other] as Item, items[last] as Item]
    }
    return items
  }
}

/** Where those meet who share this key. */
export function meetingKey(lookupKey: Uint8Array): Uint8Array {
  const key = hmac(sha256, lookupKey, utf8ToBytes('overture meeting 1')).slice(0, KEY_BYTES)
  key[KEY_BYTES - 1] = (key[KEY_BYTES - 1] as number) & 0xfe
  return key
}

/** What one of them leaves there: its address in the outer ring, and a mark that only they can make. */
export function entryOf(lookupKey: Uint8Array, address: string): Uint8Array {
  return concatBytes(hexToBytes(address), markOf(lookupKey, address))
}

/** Undefined for what none of them has left. */
export function addressIn(lookupKey: Uint8Array, entry: Uint8Array): string | undefined {
  if (entry.length !== ADDRESS_BYTES + MARK_BYTES) return undefined
  const address = parseAddress(bytesToHex(entry.subarray(0, ADDRESS_BYTES)))
  if (address === undefined) return undefined
  const mark = markOf(lookupKey, address)
  return mark.every((byte, index) => byte === entry[ADDRESS_BYTES + index]) ? address : undefined
}

function markOf(lookupKey: Uint8Array, address: string): Uint8Array {
  return hmac(sha256, lookupKey, utf8ToBytes(`overture entry 1 ${address}`)).subarray(0, MARK_BYTES)
}
