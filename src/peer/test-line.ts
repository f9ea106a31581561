/**
 * TestLine: three peers of which the middle one has links to both others, and those to each other none, or one that can
 * be cut. The channels and their proofs are real; what the middle one is brought to pass on can be watched and changed.
 */
import type { Address } from '../overlay/address.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import { Node } from '../overlay/node.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import type { Channel, ChannelEvents, Transport } from '../ports.ts'
import { type Identity, identityOf, SEED_BYTES } from '../security/identity.ts'
import { MemoryNetwork } from '../transport/memory.ts'
import { SecureTransport } from '../transport/secure-transport.ts'
import { realClock } from '../xmpp/real-clock.ts'
import { Driver } from './driver.ts'
import { Introductions } from './introductions.ts'
import { SignedBroadcasts } from './signed-broadcasts.ts'

const NAMESPACE = 'b'.repeat(40)
const PSK = new Uint8Array(32).fill(9)
export const BROADCAST_KEY = new Uint8Array(32).fill(8)

/** From `a` to the right the middle one comes before `b`, so that it hands on what `a` says to all. */
const SEEDS = { a: 3, middle: 2, b: 1 }

export type Name = 'a' | 'middle' | 'b'
/** What becomes of a frame that a channel has brought to the middle one; each is of one of its links. */
export type Meddling = (frame: Uint8Array) => Uint8Array[]

export type LinePeer = {
  name: Name
  identity: Identity
  address: Address
  driver: Driver
  introductions: Introductions
  broadcasts: SignedBroadcasts
  delivered: { from: Address; data: Uint8Array; broadcast: boolean }[]
  transports: Transport[]
}

export class TestLine {
  /** Between the middle one and the others. */
  readonly network = new MemoryNetwork(realClock, {
    scheme: 'line',
    latencyMs: () => 1,
    reachable: (a, b) => a === 'middle' || b === 'middle',
  })
  /** Between the two ends; slow, so that something is under way when it is cut. */
  readonly shortcut = new MemoryNetwork(realClock, { scheme: 'short', latencyMs: () => 40 })
  readonly seen: Uint8Array[] = []
  meddling: Meddling = (frame) => [frame]
  private readonly identities = new Map<Name, Identity>()

  async start(name: Name, extra?: { shortcut: boolean }): Promise<LinePeer> {
    const value = SEEDS[name]
    const identity = this.identities.get(name) ?? (await identityOf(new Uint8Array(SEED_BYTES).fill(value)))
    this.identities.set(name, identity)
    const { address, keyPair } = identity
    const facts = { keyPair, psk: PSK, namespaceHash: NAMESPACE, clock: realClock }
    const introductions = new Introductions({ address, ...facts })
    const networks = extra?.shortcut ? [this.network, this.shortcut] : [this.network]
    const node = new Node(
      {
        address,
        incarnation: Math.floor(realClock.now() * 1_000) >>> 0,
        namespace: NAMESPACE,
        transports: networks.map(({ scheme }) => ({ scheme, kind: 'direct' as const })),
        tunnels: false,
        onDemand: false,
        greeters: false,
        sealer: introductions.sealer,
      },
      seededRandom(value),
    )
    const delivered: LinePeer['delivered'] = []
    const broadcasts = new SignedBroadcasts({
      identity,
      namespaceHash: NAMESPACE,
      broadcastKey: BROADCAST_KEY,
      timeOfDayMs: Date.now,
    })
    broadcasts.deliverTo((from, data, broadcast) => delivered.push({ from, data: data.slice(), broadcast }))
    const nothing = () => undefined
    const driver = new Driver(node, realClock, {
      deliver: (from, data, broadcast) => broadcasts.receive(from, data, broadcast),
      peer: nothing,
      state: nothing,
      isolated: nothing,
      visibility: nothing,
      tunnelled: nothing,
      signalled: (from, data) => introductions.receive(from, data),
      introduce: (to, reason) => introductions.introduce(to, reason),
    })
    introductions.carryBy({
      signal: (to, data, attempt) => driver.signal(to, data, attempt),
      introduced: (to) => driver.give({ type: 'introduced', to }),
    })
    const transports = networks.map(
      (network) => new SecureTransport(network.transport(name), { ...facts, acceptance: () => node.acceptance() }),
    )
    for (const transport of transports) driver.addTransport(name === 'middle' ? this.watched(transport) : transport)
    return { name, identity, address, driver, introductions, broadcasts, delivered, transports }
  }

  /** Has one dial the other, by whichever network. */
  meet(one: LinePeer, other: LinePeer, scheme = this.network.scheme): void {
    one.driver.give({ type: 'candidate-appeared', endpoint: endpointOf(scheme, other.name), elder: true })
  }

  stop({ driver, introductions, transports }: LinePeer): void {
    driver.leave()
    introductions.close()
    for (const transport of transports) transport.close()
  }

  /** As the middle one's node is given them, when its channels have opened what was sealed for itself. */
  private watched(transport: Transport): Transport {
    const watch = (channel: Channel): Channel => {
      const bind = channel.bind.bind(channel)
      channel.bind = (events: ChannelEvents) =>
        bind({
          opened: () => events.opened(),
          writable: () => events.writable(),
          closed: (reason) => events.closed(reason),
          message: (bytes) => {
            this.seen.push(bytes.slice())
            for (const each of this.meddling(bytes)) events.message(each)
          },
        })
      return channel
    }
    return {
      scheme: transport.scheme,
      dropped: transport.dropped,
      get endpoint() {
        return transport.endpoint
      },
      listen: (incoming) => transport.listen((channel) => incoming(watch(channel))),
      dial: (endpoint) => watch(transport.dial(endpoint)),
      close: () => transport.close(),
    }
  }
}
