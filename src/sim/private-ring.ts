/**
 * PrivateRing: nodes of a ring that lives within another one, as pages have it: each knows nothing but its own node of the
 * public ring, meets the others by that ring's DHT, and is linked to them by its messages and over its direct channels.
 *
 * What carries it answers by promises, which a clock that runs through does not wait for: `run` lets them settle after
 * each millisecond.
 */
import { type Address, nodeAddress } from '../overlay/address.ts'
import { Node } from '../overlay/node.ts'
import type { NodeConfig } from '../overlay/node-config.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { Driver } from '../peer/driver.ts'
import { InnerOverlays } from '../peer/inner-overlays.ts'
import { Values } from '../peer/values.ts'
import { RingLookup } from '../rendezvous/ring-lookup.ts'
import { PathTransport } from '../transport/pathing.ts'
import { SubringTransport } from '../transport/subring.ts'
import { TunnelTransport } from '../transport/tunnel.ts'
import { RingCheck, type RingComplaint } from './ring-check.ts'
import { type Inhabitant, LOOK_MS, type World } from './world.ts'

const STEP_MS = 1

/** What is bound to nobody needs no proof. */
const UNBOUND = {
  bind: async () => {
    throw new Error('There are no keys in a simulated world.')
  },
  check: async (records: readonly unknown[]) => records.map(() => true),
}

/** Since the node's start; undefined until it was reached. `connectedMs`: of the last time, as small rings become one. */
export type PrivateMilestones = Record<'rendezvousMs' | 'relayingMs' | 'connectedMs', number | undefined>

export type PrivateNode = Inhabitant & { outer: Inhabitant; lookup: RingLookup; milestones: PrivateMilestones }

export type PrivateRingOptions = {
  /** 40 hex digits: of the private namespace. */
  namespace: string
  /** What differs from a node's own defaults. */
  behaviour?: Partial<NodeConfig>
  /** Whose driver keeps a trace; everybody's unless given. */
  traced?: (name: string) => boolean
}

export class PrivateRing {
  readonly nodes: PrivateNode[] = []
  private readonly world: World
  private readonly options: PrivateRingOptions
  private readonly lookupKey: Uint8Array
  private readonly check = new RingCheck()

  constructor(world: World, options: PrivateRingOptions) {
    this.world = world
    this.options = options
    this.lookupKey = this.bytes(32)
  }

  /** A node at the page of this one, from this moment on. */
  start(outer: Inhabitant): PrivateNode {
    const { clock, random } = this.world
    const { namespace, behaviour, traced } = this.options
    const overlays = innerOverlaysOf(this.world, outer)
    const [address, nodeRandom] = [nodeAddress(this.bytes(20)), seededRandom(Math.floor(random() * 2 ** 32))]
    const subring = new SubringTransport({ name: namespace, messages: overlays, random: nodeRandom })
    const path = new PathTransport({ name: namespace, carriers: overlays, clock })
    const tunnels = new TunnelTransport(address, clock)
    const node = new Node(
      {
        address,
        incarnation: Math.floor(random() * 2 ** 32),
        namespace,
        transports: [
          { scheme: subring.scheme, kind: 'subring' },
          { scheme: path.scheme, kind: 'direct' },
        ],
        ...behaviour,
      },
      nodeRandom,
    )
    const { lookupKey } = this
    const { scheme } = subring
    const lookup = new RingLookup({ place: overlays, lookupKey, clock, random: nodeRandom, scheme })
    const startedAtMs = clock.now()
    const milestones: PrivateMilestones = { rendezvousMs: undefined, relayingMs: undefined, connectedMs: undefined }
    const reach = (milestone: keyof PrivateMilestones) => {
      milestones[milestone] ??= Math.round(clock.now() - startedAtMs)
    }
    const delivered: Inhabitant['delivered'] = []
    const name = `${outer.name}/${namespace.slice(0, 4)}`
    const driver = new Driver(
      node,
      clock,
      {
        deliver: (from, data, broadcast) => delivered.push({ from, data, broadcast, atMs: clock.now() }),
        peer: (change) => {
          if (change === 'joined') reach('relayingMs')
          if (change !== 'changed') lookup.changed()
        },
        state: (state) => {
          milestones.connectedMs = undefined
          if (state === 'connected') reach('connectedMs')
        },
        signalled: () => undefined,
        isolated: () => undefined,
        tunnelled: (effect) => tunnels.receive(effect),
        visibility: (visibility) => lookup.show(visibility),
      },
      { tracing: traced?.(name) ?? true },
    )
    const transports = [subring, path, tunnels]
    const place = { name, driver, node, address, delivered, transports, startedAtMs, gone: false }
    const inner: PrivateNode = { ...place, outer, lookup, milestones }
    tunnels.carryBy((input) => driver.give(input))
    for (const transport of transports) driver.addTransport(transport)
    overlays.onAddress(() => {
      driver.announceEndpoints()
      driver.give({ type: 'doubt' })
    })
    this.nodes.push(inner)
    this.check.changed()
    lookup.start({
      appeared: (candidate) => {
        reach('rendezvousMs')
        driver.give({ type: 'candidate-appeared', ...candidate })
      },
      vanished: (endpoint) => driver.give({ type: 'candidate-vanished', endpoint }),
    })
    return inner
  }

  /** Its page is gone without a word, with both of its nodes. */
  crash(inner: PrivateNode): void {
    inner.driver.stop()
    inner.lookup.stop()
    inner.gone = true
    this.nodes.splice(this.nodes.indexOf(inner), 1)
    this.check.changed()
    this.world.crash(inner.outer, 'unnoticed')
  }

  /** The first thing that is wrong with the ring; undefined when nothing is. */
  complaint(): RingComplaint | undefined {
    return this.check.complaint(() => [...this.nodes])
  }

  get isOneRing(): boolean {
    return this.complaint() === undefined
  }

  private bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(256 * this.world.random()))
  }
}

/** What the node gives to all that live within its ring. */
function innerOverlaysOf(world: World, outer: Inhabitant): InnerOverlays {
  if (outer.inner) return outer.inner
  const { node, driver } = outer
  const { clock } = world
  const facts = { driver, signed: UNBOUND, namespaceHash: node.config.namespace, clock }
  const values = new Values({ ...facts, timeOfDayMs: () => clock.now() })
  const inner = new InnerOverlays({ node, driver, values, clock })
  outer.inner = inner
  inner.stateChanged()
  for (const { address } of node.table.all()) inner.linkChanged(address as Address)
  return inner
}

/** False if the condition, looked at from time to time, does not hold within so many. */
export async function runUntil(world: World, condition: () => boolean, withinMs: number): Promise<boolean> {
  const limitMs = world.clock.now() + withinMs
  while (!condition()) {
    if (world.clock.now() >= limitMs) return false
    await run(world, LOOK_MS)
  }
  return true
}

export async function run(world: World, forMs: number): Promise<void> {
  const untilMs = world.clock.now() + forMs
  while (world.clock.now() < untilMs) {
    world.run(Math.min(STEP_MS, untilMs - world.clock.now()))
    await settled()
  }
}

/** All that waits for promises has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
