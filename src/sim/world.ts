/**
 * World: many nodes in one process, on one virtual clock and one seed. Each runs the real core and the real driver over
 * two in-memory networks, a slow one that stands for the XMPP relay and a fast one that stands for WebRTC. Rendezvous
 * shows a newcomer ten of those who are there, as the paper's limit has it, and the newcomer to them.
 */
import { type Address, nodeAddress } from '../overlay/address.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import { Node } from '../overlay/node.ts'
import type { NodeConfig } from '../overlay/node-config.ts'
import type { Random } from '../overlay/node-core.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { Driver } from '../peer/driver.ts'
import type { ChannelKind, Transport } from '../ports.ts'
import { MemoryNetwork } from '../transport/memory.ts'
import { VirtualClock } from './virtual-clock.ts'

export type WorldOptions = {
  seed: number
  /** One way, over a direct channel; a relay takes as long again and half. */
  latencyMs?: number
  /** What differs from a node's own defaults. */
  behaviour?: Partial<NodeConfig>
  /** Whether two nodes can have a direct channel. */
  direct?: (a: string, b: string) => boolean
  /** Whether two nodes can have any channel. */
  reachable?: (a: string, b: string) => boolean
  /** How many of those who are there a newcomer is shown. */
  shown?: number
}

export type Delivery = { from: Address; data: Uint8Array; broadcast: boolean; atMs: number }

export type Inhabitant = {
  name: string
  driver: Driver
  node: Node
  address: Address
  delivered: Delivery[]
  transports: Transport[]
}

const NAMESPACE = 'a'.repeat(40)
const SHOWN = 10 // Paper, §V.B.

export class World {
  readonly clock = new VirtualClock()
  readonly random: Random
  readonly inhabitants = new Map<string, Inhabitant>()
  readonly relay: MemoryNetwork
  readonly direct: MemoryNetwork
  private readonly options: WorldOptions
  private names = 0

  constructor(options: WorldOptions) {
    this.options = options
    this.random = seededRandom(options.seed)
    const latencyMs = options.latencyMs ?? 20
    const jittered = (ms: number) => () => ms * (0.8 + 0.4 * this.random())
    const { direct = () => true, reachable = () => true } = options
    this.relay = new MemoryNetwork(this.clock, {
      scheme: 'xmpp',
      kind: 'relay',
      latencyMs: jittered(1.5 * latencyMs),
      reachable,
    })
    this.direct = new MemoryNetwork(this.clock, {
      scheme: 'webrtc',
      kind: 'direct',
      latencyMs: jittered(latencyMs),
      reachable: (a, b) => reachable(a, b) && direct(a, b),
    })
  }

  get nodes(): Inhabitant[] {
    return [...this.inhabitants.values()]
  }

  /** A node that starts at this moment; rendezvous introduces it unless told not to. */
  add(options: { introduce?: boolean; address?: Address; namespace?: string } = {}): Inhabitant {
    const name = `n${++this.names}`
    const bytes = Uint8Array.from({ length: 20 }, () => Math.floor(256 * this.random()))
    const address = options.address ?? nodeAddress(bytes)
    const transports: { scheme: string; kind: ChannelKind }[] = [
      { scheme: 'xmpp', kind: 'relay' },
      { scheme: 'webrtc', kind: 'direct' },
    ]
    const incarnation = Math.floor(this.random() * 2 ** 32)
    const namespace = options.namespace ?? NAMESPACE
    const node = new Node(
      { address, incarnation, namespace, transports, ...this.options.behaviour },
      seededRandom(Math.floor(this.random() * 2 ** 32)),
    )
    const delivered: Delivery[] = []
    const driver = new Driver(node, this.clock, {
      deliver: (from, data, broadcast) => delivered.push({ from, data, broadcast, atMs: this.clock.now() }),
      peer: () => undefined,
      state: () => undefined,
    })
    const inhabitant: Inhabitant = { name, driver, node, address, delivered, transports: [] }
    for (const network of [this.relay, this.direct]) {
      const transport = network.transport(name)
      inhabitant.transports.push(transport)
      driver.addTransport(transport)
    }
    this.inhabitants.set(name, inhabitant)
    if (options.introduce !== false) this.introduce(inhabitant)
    return inhabitant
  }

  addMany(count: number): Inhabitant[] {
    return Array.from({ length: count }, () => this.add())
  }

  /** Shows the node ten others, and it to them. */
  introduce(newcomer: Inhabitant): void {
    const others = this.nodes.filter((other) => other !== newcomer)
    for (let count = Math.min(this.options.shown ?? SHOWN, others.length); count > 0; count--) {
      const [other] = others.splice(Math.floor(this.random() * others.length), 1)
      if (other) this.show(newcomer, other)
    }
  }

  show(newcomer: Inhabitant, elder: Inhabitant): void {
    const see = (who: Inhabitant, whom: Inhabitant, isElder: boolean) => {
      this.clock.wakeAt(this.clock.now() + 1, () =>
        who.driver.give({ type: 'candidate-appeared', endpoint: endpointOf('xmpp', whom.name), elder: isElder }),
      )
    }
    see(newcomer, elder, true)
    see(elder, newcomer, false)
  }

  /** Says goodbye. */
  leave(inhabitant: Inhabitant): void {
    inhabitant.driver.leave()
    this.inhabitants.delete(inhabitant.name)
  }

  /** Is gone without a word; `presence` tells the others at once, as an XMPP service does when a socket breaks. */
  crash(inhabitant: Inhabitant, presence: 'noticed' | 'unnoticed'): void {
    inhabitant.driver.stop()
    this.relay.crash(inhabitant.name)
    this.direct.crash(inhabitant.name)
    this.inhabitants.delete(inhabitant.name)
    if (presence === 'unnoticed') return
    const endpoint = endpointOf('xmpp', inhabitant.name)
    for (const other of this.nodes) other.driver.give({ type: 'candidate-vanished', endpoint })
  }

  run(forMs: number): void {
    this.clock.run(forMs)
  }

  /** False if the condition, looked at every 10 ms, does not hold within so many. */
  runUntil(condition: () => boolean, withinMs: number): boolean {
    const limitMs = this.clock.now() + withinMs
    while (!condition()) {
      if (this.clock.now() >= limitMs) return false
      this.clock.run(10)
    }
    return true
  }

  /** Every node is linked to exactly the two nodes next to it, and knows. */
  get isOneRing(): boolean {
    return this.whyNoRing() === undefined
  }

  /** The first thing that is wrong with the ring; undefined when nothing is. */
  whyNoRing(): string | undefined {
    const nodes = this.nodes
    if (nodes.length < 2) return undefined
    for (const { node, name } of nodes) if (node.state !== 'connected') return `${name} is ${node.state}`
    const sorted = [...nodes].sort((a, b) => (a.address < b.address ? -1 : 1))
    for (const [index, { node, name }] of sorted.entries()) {
      const left = sorted[(index + 1) % sorted.length] as Inhabitant
      const right = sorted[(index - 1 + sorted.length) % sorted.length] as Inhabitant
      if (node.near.left[0] !== left.address) return `${name} does not have ${left.name} on its left`
      if (node.near.right[0] !== right.address) return `${name} does not have ${right.name} on its right`
    }
    return undefined
  }
}
