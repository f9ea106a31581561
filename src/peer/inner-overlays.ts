/**
 * InnerOverlays: what a ring gives to those that live within it: reflection, since its links stand already; rendezvous, by its
 * DHT; relaying, by messages to its nodes; and its connections, on which each has paths of its own (the paper, §III.A).
 */
import { type Address, addressFromBytes, parseAddress } from '../overlay/address.ts'
import type { Node } from '../overlay/node.ts'
import type { Channel, Clock, InnerMessages, MeetingPlace, PathCarrier, PathCarriers } from '../ports.ts'
import { nameIn } from '../transport/subring.ts'
import type { Driver } from './driver.ts'
import type { Values } from './values.ts'

/** As long as an RTCPeerConnection may take after its far end was asked for one. */
const CARRIER_TIMEOUT_MS = 20_000
/** Of an entry at a meeting place: who is gone is found no longer than this. A guess. */
const ENTRY_TTL_MS = 60_000
/** Overlays within one ring, at one page. A guess. */
const MAX_OVERLAYS = 64

export type InnerOverlaysFacts = {
  node: Node
  driver: Pick<Driver, 'give' | 'send' | 'channels'>
  values: Values
  clock: Clock
}

type Message = (from: string, bytes: Uint8Array) => void
type Incoming = (channel: Channel, from: string) => void

export class InnerOverlays implements InnerMessages, MeetingPlace, PathCarriers {
  readonly dropped = new Map<string, number>()
  private readonly facts: InnerOverlaysFacts
  private readonly messages = new Map<string, Message>()
  private readonly paths = new Map<string, Incoming>()
  private readonly holds = new Map<Address, number>()
  /** Who waits for a connection with a node. */
  private readonly waiting = new Map<Address, Set<(carrier: PathCarrier) => void>>()
  private readonly listening = new WeakSet<PathCarrier>()
  private readonly leavingListeners = new Set<() => void>()
  private readonly addressListeners = new Set<() => void>()
  private known: Address | undefined
  private hasLeft = false

  constructor(facts: InnerOverlaysFacts) {
    this.facts = facts
  }

  /** Ours, while we have a place in the ring, or are all that there is of it. */
  get address(): Address | undefined {
    return this.hasLeft ? undefined : this.known
  }

  onAddress(listener: () => void): () => void {
    this.addressListeners.add(listener)
    return () => this.addressListeners.delete(listener)
  }

  /** Calls back just before the outer ring is left. Returns what stops it. */
  onLeaving(listener: () => void): () => void {
    this.leavingListeners.add(listener)
    return () => this.leavingListeners.delete(listener)
  }

  /** To be called when the state of the outer ring has changed. */
  stateChanged(): void {
    const { node } = this.facts
    // While a neighbour is looked for we still have our place.
    if (node.state === 'joining') return
    this.know(node.state === 'connected' ? node.config.address : undefined)
  }

  /** To be called when a link of the outer ring has changed. */
  linkChanged(address: Address): void {
    const carrier = this.carrierTo(address)
    if (!carrier) return
    if (!this.listening.has(carrier)) {
      this.listening.add(carrier)
      carrier.listenPaths((name) => {
        const incoming = this.paths.get(name)
        return incoming && ((channel) => incoming(channel, address))
      })
    }
    for (const found of this.waiting.get(address) ?? []) found(carrier)
  }

  /** Of the outer ring, for one within it. */
  receive(from: Address, bytes: Uint8Array): void {
    const listener = this.messages.get(nameIn(bytes) ?? '')
    if (listener) listener(from, bytes)
    else this.drop('nobody of that name')
  }

  /** Those within can still say goodbye. */
  leave(): void {
    for (const listener of [...this.leavingListeners]) listener()
    this.hasLeft = true
    for (const listener of this.addressListeners) listener()
  }

  // ------------------------------------------------------------------------------------------------ messages

  async send(to: string, bytes: Uint8Array): Promise<string | undefined> {
    const address = parseAddress(to)
    return address ? this.facts.driver.send(address, bytes, true) : 'no such address'
  }

  onMessage(name: string, listener: Message): () => void {
    return enter(this.messages, name, listener)
  }

  // ------------------------------------------------------------------------------------------------ meeting place

  keep(key: Uint8Array, value: Uint8Array): () => void {
    return this.facts.values.keep(addressFromBytes(key), value, ENTRY_TTL_MS)
  }

  async look(key: Uint8Array, atLeast: number): Promise<Uint8Array[] | undefined> {
    const records = await this.facts.values.under(addressFromBytes(key), atLeast)
    return records?.map(({ value }) => value)
  }

  // ------------------------------------------------------------------------------------------------ paths

  async carrier(to: string): Promise<PathCarrier> {
    const address = parseAddress(to)
    if (!address || this.address === undefined) throw new Error('not in the outer ring')
    this.hold(address, 1)
    const there = this.carrierTo(address)
    if (there) return there
    try {
      return await this.appears(address)
    } catch (error) {
      this.hold(address, -1)
      throw error
    }
  }

  release(to: string): void {
    const address = parseAddress(to)
    if (address) this.hold(address, -1)
  }

  onPath(name: string, incoming: Incoming): () => void {
    return enter(this.paths, name, incoming)
  }

  private appears(address: Address): Promise<PathCarrier> {
    const { clock } = this.facts
    return new Promise((resolve, reject) => {
      const done = () => {
        cancel()
        const others = this.waiting.get(address)
        others?.delete(found)
        if (others?.size === 0) this.waiting.delete(address)
      }
      const found = (carrier: PathCarrier) => {
        done()
        resolve(carrier)
      }
      const cancel = clock.wakeAt(clock.now() + CARRIER_TIMEOUT_MS, () => {
        done()
        reject(new Error('no connection in the outer ring'))
      })
      this.waiting.set(address, (this.waiting.get(address) ?? new Set()).add(found))
    })
  }

  private carrierTo(address: Address): PathCarrier | undefined {
    const { node, driver } = this.facts
    const active = node.table.get(address)?.active
    return active && driver.channels.get(active.id)?.paths
  }

  private hold(address: Address, by: 1 | -1): void {
    const before = this.holds.get(address) ?? 0
    const now = Math.max(0, before + by)
    if (now > 0) this.holds.set(address, now)
    else this.holds.delete(address)
    if (before > 0 !== now > 0) this.facts.driver.give({ type: 'hold', to: address, held: now > 0 })
  }

  private know(address: Address | undefined): void {
    if (address === this.known) return
    this.known = address
    for (const listener of this.addressListeners) listener()
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

function enter<Listener>(listeners: Map<string, Listener>, name: string, listener: Listener): () => void {
  if (listeners.has(name)) throw new Error('One page joins an overlay within another once.')
  if (listeners.size >= MAX_OVERLAYS) throw new Error(`One page joins at most ${MAX_OVERLAYS} overlays within another.`)
  listeners.set(name, listener)
  return () => {
    if (listeners.get(name) === listener) listeners.delete(name)
  }
}
