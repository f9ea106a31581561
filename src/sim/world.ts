/**
 * World: many nodes in one process, on one virtual clock and one seed. Each runs the real core and the real driver over
 * two in-memory networks, a slow one that stands for the XMPP relay and a fast one that stands for WebRTC. Rendezvous
 * shows a newcomer ten of those who are there, as the paper's limit has it, and the newcomer to them.
 */
import { type Address, nodeAddress } from '../overlay/address.ts'
import type { TunnelEffect } from '../overlay/effects.ts'
import { targetOf } from '../overlay/endpoint.ts'
import type { Visibility } from '../overlay/greeters.ts'
import { Node } from '../overlay/node.ts'
import type { DialledTransport, NodeConfig } from '../overlay/node-config.ts'
import type { Random } from '../overlay/node-core.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { Driver } from '../peer/driver.ts'
import type { InnerOverlays } from '../peer/inner-overlays.ts'
import type { Transport } from '../ports.ts'
import { RingSignalling } from '../signalling/ring-signalling.ts'
import { MemoryNetwork } from '../transport/memory.ts'
import { TunnelTransport } from '../transport/tunnel.ts'
import type { Border } from './border.ts'
import { KeyAgreement } from './key-agreement.ts'
import { observe, type Witness } from './observed-node.ts'
import { PathedTransport } from './pathed-transport.ts'
import { Rendezvous } from './rendezvous.ts'
import { RingCheck } from './ring-check.ts'
import { SignalledTransport } from './signalled-transport.ts'
import { VirtualClock } from './virtual-clock.ts'
import { wireDelay } from './wire-model.ts'

export type WorldOptions = {
  seed: number
  /** One way, over a direct channel; a relay takes as long again and half. */
  latencyMs?: number
  /** The share of packets lost and sent again. */
  loss?: number
  /** Whether direct channels can be agreed on through the ring, with nobody's help. */
  throughRing?: boolean
  /** What differs from a node's own defaults. */
  behaviour?: Partial<NodeConfig>
  /** Whether two nodes can have a direct channel. */
  direct?: (a: string, b: string) => boolean
  /** Whether two nodes can have any channel. */
  reachable?: (a: string, b: string) => boolean
  /** How many of those who are there a newcomer is shown. */
  shown?: number
  /** The share of presences that nobody is ever shown. */
  unseen?: number
  /** From a change of presence to those who are told of it. */
  presenceMs?: number
  /** Whose driver keeps a trace; everybody's unless given. */
  traced?: (name: string) => boolean
  /** Told of each delivery, instead of it being kept. */
  onDelivery?: (to: Inhabitant, delivery: Delivery) => void
  /** Told of each input of each node and what came of it: what a run is compared by. */
  witness?: Witness
  /** Whether overlays can live within this one: direct channels carry their paths, and what goes through others is sealed. */
  hosts?: boolean
  /** Where some of the nodes live in other worlds, which together are one. */
  border?: Border
}

export type Delivery = { from: Address; data: Uint8Array; broadcast: boolean; atMs: number }

export type Inhabitant = {
  name: string
  driver: Driver
  node: Node
  address: Address
  /** Empty where deliveries are told of. */
  delivered: Delivery[]
  transports: Transport[]
  startedAtMs: number
  gone: boolean
  /** What it gives to those that live within its ring. */
  inner?: InnerOverlays
  /** It lives beyond the border: there is no more of it here than its name and address. */
  elsewhere?: boolean
}

const NAMESPACE = 'a'.repeat(40)
const SHOWN = 10 // Paper, §V.B.
const LATENCY_MS = 20 // A guess: two homes in one country.
const PRESENCE_MS = 1
/** A relayed frame goes by way of one or two servers. A guess. */
export const RELAY_DETOUR = 1.5
/** How often a condition that is waited for is looked at. */
export const LOOK_MS = 10

export class World {
  readonly clock = new VirtualClock()
  readonly random: Random
  readonly inhabitants = new Map<string, Inhabitant>()
  readonly relay: MemoryNetwork
  readonly direct: MemoryNetwork
  readonly rendezvous: Rendezvous
  private readonly options: WorldOptions
  private readonly ring = new RingCheck()
  private readonly byAddress = new Map<Address, Inhabitant>()
  /** Those who live elsewhere. */
  private readonly strangers: Inhabitant[] = []
  private names = 0
  private groupOf: ((name: string) => number) | undefined
  private cuts: [a: string, b: string][] = []
  /** The time that all nodes together have been there, up to the last change of their number. */
  private lived = { nodeMs: 0, untilMs: 0 }

  constructor(options: WorldOptions) {
    this.options = options
    this.random = seededRandom(options.seed)
    const { latencyMs = LATENCY_MS, loss = 0 } = options
    const wireRandom = options.border ? seededRandom(options.seed + options.border.shard + 1) : this.random
    const delay = (detour: number) => wireDelay({ latencyMs: detour * latencyMs, loss }, wireRandom)
    const reachable = (a: string, b: string) => !this.isApart(a, b) && (options.reachable?.(a, b) ?? true)
    this.relay = new MemoryNetwork(this.clock, {
      scheme: 'xmpp',
      kind: 'relay',
      latencyMs: delay(RELAY_DETOUR),
      reachable,
    })
    this.direct = new MemoryNetwork(this.clock, {
      scheme: 'webrtc',
      kind: 'direct',
      latencyMs: delay(1),
      reachable: (a, b) => reachable(a, b) && (options.direct?.(a, b) ?? true),
    })
    options.border?.lay(this.clock, [this.relay, this.direct])
    const { shown = SHOWN, unseen = 0, presenceMs = PRESENCE_MS } = options
    this.rendezvous = new Rendezvous(this.clock, this.random, { shown, unseen, presenceMs })
  }

  get nodes(): Inhabitant[] {
    return [...this.inhabitants.values()]
  }

  /** A node that starts at this moment; rendezvous introduces it unless told not to. */
  add(options: { introduce?: boolean; address?: Address; namespace?: string } = {}): Inhabitant {
    const name = `n${++this.names}`
    const bytes = Uint8Array.from({ length: 20 }, () => Math.floor(256 * this.random()))
    const address = options.address ?? nodeAddress(bytes)
    const transports: DialledTransport[] = [
      { scheme: 'xmpp', kind: 'relay' },
      { scheme: 'webrtc', kind: 'direct', throughRing: this.options.throughRing ?? false },
    ]
    const incarnation = Math.floor(this.random() * 2 ** 32)
    const nodeRandom = seededRandom(Math.floor(this.random() * 2 ** 32))
    const { onDelivery, traced, border } = this.options
    if (border && !border.isOurs(name)) {
      const stranger = border.stranger(name, address)
      this.strangers.push(stranger)
      this.ring.changed()
      return stranger
    }
    const namespace = options.namespace ?? NAMESPACE
    const keys = this.options.hosts ? new KeyAgreement(address, this.clock) : undefined
    const config = { address, incarnation, namespace, transports, greeters: false, sealer: keys }
    const facts = { ...config, ...this.options.behaviour }
    const node = new Node(facts, nodeRandom)
    const delivered: Delivery[] = []
    const deliver = (from: Address, data: Uint8Array, broadcast: boolean) => {
      const delivery = { from, data, broadcast, atMs: this.clock.now() }
      if (onDelivery) onDelivery(inhabitant, delivery)
      else delivered.push(delivery)
    }
    const ringSignalling = this.options.throughRing ? new RingSignalling(address, this.clock, this.random) : undefined
    const signalled = (from: Address, data: Uint8Array) => {
      if (!keys?.receive(from, data)) ringSignalling?.receive(from, data)
    }
    const tunnels = new TunnelTransport(address, this.clock)
    const tunnelled = (effect: TunnelEffect) => tunnels.receive(effect)
    const visibility = (now: Visibility) => this.rendezvous.become(inhabitant, now)
    const driver = new Driver(
      node,
      this.clock,
      {
        deliver,
        signalled,
        tunnelled,
        visibility,
        isolated: () => undefined,
        peer: (_, far) => inhabitant.inner?.linkChanged(far),
        state: () => inhabitant.inner?.stateChanged(),
        inner: (from, data) => inhabitant.inner?.receive(from, data),
        introduce: (to) => keys?.introduce(to),
      },
      { tracing: traced?.(name) ?? true },
    )
    const startedAtMs = this.clock.now()
    const inhabitant: Inhabitant = { name, driver, node, address, delivered, transports: [], startedAtMs, gone: false }
    ringSignalling?.carryBy((to, data, attempt) => driver.signal(to, data, attempt))
    keys?.carryBy({
      signal: (to, data, attempt) => driver.signal(to, data, attempt),
      introduced: (to) => driver.give({ type: 'introduced', to }),
    })
    tunnels.carryBy((input) => driver.give(input))
    const [relay, direct] = [this.relay, this.direct].map((network) => {
      const transport = network.transport(name)
      return border?.across(transport, network, name) ?? transport
    }) as [Transport, Transport]
    const isServed = () => !this.relay.isDown
    const pathed = this.options.hosts ? new PathedTransport(direct) : direct
    const signalledDirect = ringSignalling ? new SignalledTransport(pathed, ringSignalling, isServed) : pathed
    for (const transport of [relay, signalledDirect, tunnels]) {
      inhabitant.transports.push(transport)
      driver.addTransport(transport)
    }
    border?.settle(inhabitant)
    observe(inhabitant, this.options.witness)
    this.live()
    this.inhabitants.set(name, inhabitant)
    this.byAddress.set(address, inhabitant)
    if (options.introduce !== false) this.rendezvous.start(inhabitant)
    return inhabitant
  }

  /** One after the other, in one instant. */
  addMany(count: number): Inhabitant[] {
    return Array.from({ length: count }, () => this.add())
  }

  /** All at once: rendezvous shows each of them ten of the others, and no more. */
  startTogether(count: number): Inhabitant[] {
    const newcomers = Array.from({ length: count }, () => this.add({ introduce: false }))
    this.rendezvous.startAll(newcomers)
    return newcomers
  }

  show(newcomer: Inhabitant, elder: Inhabitant): void {
    this.rendezvous.show(newcomer, elder)
  }

  /** Says goodbye. */
  leave(inhabitant: Inhabitant): void {
    inhabitant.driver.leave()
    this.remove(inhabitant)
    this.forget(inhabitant)
  }

  /** Is gone without a word; `presence` tells the others at once, as an XMPP service does when a socket breaks. */
  crash(inhabitant: Inhabitant, presence: 'noticed' | 'unnoticed'): void {
    inhabitant.driver.stop()
    this.relay.crash(inhabitant.name)
    this.direct.crash(inhabitant.name)
    this.remove(inhabitant)
    if (presence === 'noticed') this.forget(inhabitant)
  }

  /** What is left of one that is gone: its presence and its place in the networks. */
  forget(inhabitant: Inhabitant): void {
    for (const transport of inhabitant.transports) transport.close()
    this.rendezvous.vanish(inhabitant)
  }

  /** From now on groups neither reach nor see each other. What is on its way between them waits for the end of it. */
  partition(groupOf: (name: string) => number): void {
    this.groupOf = groupOf
    this.rendezvous.split(groupOf)
    for (const { name, driver } of this.nodes) {
      for (const { endpoint, kind } of driver.channels.values()) {
        // What goes by way of others is on neither network.
        if (kind === 'tunnel') continue
        const far = targetOf(endpoint)
        if (name < far && this.isApart(name, far)) this.cuts.push([name, far])
      }
    }
    for (const [a, b] of this.cuts) for (const network of [this.relay, this.direct]) network.cut(a, b)
  }

  /** The groups reach and see each other again. */
  reunite(): void {
    this.groupOf = undefined
    for (const [a, b] of this.cuts) for (const network of [this.relay, this.direct]) network.heal(a, b)
    this.cuts = []
    this.rendezvous.rejoin()
  }

  /** The XMPP service is gone for everybody: no relay, no rendezvous, no direct channel but through the ring. */
  loseService(): void {
    this.relay.goDown()
    this.rendezvous.goDown()
    for (const { driver } of this.nodes) driver.announceEndpoints()
  }

  regainService(): void {
    this.relay.comeBack()
    for (const { driver } of this.nodes) driver.announceEndpoints()
    this.rendezvous.comeBack()
  }

  /** What went over both networks so far. */
  get traffic(): { frames: number; bytes: number; dials: number } {
    const [a, b] = [this.relay.asked, this.direct.asked]
    return { frames: a.frames + b.frames, bytes: a.bytes + b.bytes, dials: a.dials + b.dials }
  }

  /** The time that all nodes together have been there. */
  get nodeMs(): number {
    return this.lived.nodeMs + this.inhabitants.size * (this.clock.now() - this.lived.untilMs)
  }

  run(forMs: number): void {
    this.clock.run(forMs)
  }

  /** False if the condition, looked at from time to time, does not hold within so many. */
  runUntil(condition: () => boolean, withinMs: number): boolean {
    const limitMs = this.clock.now() + withinMs
    while (!condition()) {
      if (this.clock.now() >= limitMs) return false
      this.clock.run(LOOK_MS)
    }
    return true
  }

  /** Every node is linked to exactly the two nodes next to it, and knows. */
  get isOneRing(): boolean {
    return this.whyNoRing() === undefined
  }

  at(address: Address): Inhabitant | undefined {
    return this.byAddress.get(address)
  }

  /** Everybody who is there, by address. */
  get inRingOrder(): readonly Inhabitant[] {
    return this.ring.inRingOrder(this.everybody)
  }

  /** The first thing that is wrong with the ring; undefined when nothing is. */
  whyNoRing(): string | undefined {
    return this.ring.complaint(this.everybody)?.why
  }

  /** Whose trace may tell why there is no ring. */
  get ringCulprits(): Inhabitant[] {
    return this.ring.complaint(this.everybody)?.concerned ?? []
  }

  private readonly everybody = (): Inhabitant[] => [...this.inhabitants.values(), ...this.strangers]

  private remove(inhabitant: Inhabitant): void {
    inhabitant.gone = true
    this.live()
    this.inhabitants.delete(inhabitant.name)
    this.byAddress.delete(inhabitant.address)
  }

  private live(): void {
    this.lived = { nodeMs: this.nodeMs, untilMs: this.clock.now() }
    this.ring.changed()
  }

  private isApart(a: string, b: string): boolean {
    return this.groupOf !== undefined && this.groupOf(a) !== this.groupOf(b)
  }
}
