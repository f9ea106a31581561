/**
 * FakeRing: rings of several members inside one page, for tests of what stands on a Ring.
 *
 * Delivers at once and in order; links are made and cut by hand, and a message needs none.
 */
import { type Address, fractionOf, parseAddress } from '../overlay/address.ts'
import { OvertureError } from '../overture-error.ts'
import type {
  Invitation,
  Lease,
  PeerInfo,
  Ring,
  RingEvents,
  RingState,
  ServiceState,
  Snapshot,
  StoredValue,
} from '../peer/ring.ts'
import type { ChannelKind } from '../ports.ts'

type Listeners = { [K in keyof RingEvents]: Set<(value: RingEvents[K]) => void> }

export class FakeWorld {
  readonly rings: FakeRing[] = []

  /** A member at this place of the circle, from 0 to 1. */
  add(place: number): FakeRing {
    const ring = new FakeRing(this, fakeAddress(place))
    this.rings.push(ring)
    return ring
  }

  link(a: FakeRing, b: FakeRing, kind: ChannelKind = 'direct', rttMs?: number): void {
    a.setPeer({ address: b.address, kind, roles: ['near'], rttMs, incoming: false })
    b.setPeer({ address: a.address, kind, roles: ['near'], rttMs, incoming: true })
  }

  cut(a: FakeRing, b: FakeRing): void {
    a.losePeer(b.address)
    b.losePeer(a.address)
  }

  /** The member is gone without a word: those linked to it notice. */
  kill(ring: FakeRing): void {
    this.rings.splice(this.rings.indexOf(ring), 1)
    for (const other of [...this.rings]) other.losePeer(ring.address)
  }
}

export class FakeRing implements Ring {
  readonly namespace = 'fake'
  within: string | undefined
  readonly address: Address
  readonly peers = new Map<Address, PeerInfo>()
  state: RingState = 'alone'
  service: ServiceState = { name: 'online', jid: 'someone@localhost/tab' }
  left = false
  invitation: Invitation | undefined
  readonly #world: FakeWorld
  readonly #listeners: Listeners = { message: new Set(), peer: new Set(), state: new Set(), service: new Set() }

  constructor(world: FakeWorld, address: Address) {
    this.#world = world
    this.address = address
  }

  on<K extends keyof RingEvents>(event: K, listener: (value: RingEvents[K]) => void): () => void {
    this.#listeners[event].add(listener)
    return () => this.#listeners[event].delete(listener)
  }

  emit<K extends keyof RingEvents>(event: K, value: RingEvents[K]): void {
    for (const listener of [...this.#listeners[event]]) listener(value)
  }

  async send(to: Address, data: Uint8Array): Promise<void> {
    if (this.left) throw OvertureError.left()
    const ring = this.#world.rings.find(({ address }) => address === to)
    if (ring === undefined) throw OvertureError.unreachable(to)
    ring.emit('message', { from: this.address, data, broadcast: false })
  }

  async broadcast(data: Uint8Array): Promise<void> {
    if (this.left) throw OvertureError.left()
    const others = this.#world.rings.filter((ring) => ring !== this)
    if (others.length === 0) throw OvertureError.notConnected()
    for (const ring of others) ring.emit('message', { from: this.address, data, broadcast: true })
  }

  setPeer(peer: PeerInfo): void {
    const type = this.peers.has(peer.address) ? 'changed' : 'joined'
    this.peers.set(peer.address, peer)
    this.emit('peer', { type, peer })
    this.#become('connected')
  }

  losePeer(address: Address): void {
    const peer = this.peers.get(address)
    if (peer === undefined) return
    this.peers.delete(address)
    this.emit('peer', { type: 'left', peer })
    if (this.peers.size === 0) this.#become('alone')
  }

  setService(service: ServiceState): void {
    this.service = service
    this.emit('service', service)
  }

  async put(): Promise<Lease> {
    throw OvertureError.notConnected()
  }

  async get(): Promise<StoredValue[]> {
    throw OvertureError.notConnected()
  }

  async invite(): Promise<Invitation | undefined> {
    return this.invitation
  }

  warnings: string[] = []
  readonly milestones = { reflectionMs: 121, rendezvousMs: 160, relayingMs: 214, connectedMs: 412 }

  snapshot(): Snapshot {
    const order = [...this.peers.keys()].sort((a, b) => fractionOf(a) - fractionOf(b))
    return {
      address: this.address,
      state: this.state,
      namespace: this.namespace,
      within: this.within,
      service: this.service,
      milestones: this.milestones,
      peers: [...this.peers.values()],
      near: { left: order.slice(0, 1), right: order.slice(-1) },
      shortcuts: [],
      dht: { records: 0, bytes: 0, kept: 0, keys: [] },
      counters: {},
      warnings: this.warnings,
      trace: [],
    }
  }

  async leave(): Promise<void> {
    this.left = true
    this.#world.kill(this)
  }

  #become(state: RingState): void {
    if (state === this.state) return
    this.state = state
    this.emit('state', state)
  }
}

export function fakeAddress(place: number): Address {
  const digits = Math.floor(place * 2 ** 48)
    .toString(16)
    .padStart(12, '0')
  const address = parseAddress(digits.padEnd(40, '0'))
  if (address === undefined) throw new Error(`${place} is no place on the circle`)
  return address
}
