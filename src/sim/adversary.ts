/**
 * Adversary: a member of a world that has joined like any other, and then does what no honest node does. It keeps its node
 * and its links, and says over them whatever it likes; what its node would hear it may take away and answer itself.
 */
import type { Address } from '../overlay/address.ts'
import { nodeAddress } from '../overlay/address.ts'
import type { Connection } from '../overlay/connection.ts'
import { MAX_LEASE_MS } from '../overlay/dht-record.ts'
import { encodeDhtMessage } from '../overlay/dht-wire.ts'
import type { Input } from '../overlay/effects.ts'
import { endpointOf } from '../overlay/endpoint.ts'
import { ALL_ROLES, NO_ROLES, type RoleBits } from '../overlay/role.ts'
import {
  decodeFrame,
  decodeRequest,
  encodeFrame,
  encodeReply,
  encodeRequest,
  type Frame,
  type Packet,
} from '../overlay/wire.ts'
import { besides } from './ring-check.ts'
import type { Inhabitant, World } from './world.ts'

/** How often it sends what it sends at once: the finer, the more events. */
const TICK_MS = 20

export type Flood =
  | 'packets'
  | 'wrapped packets'
  | 'requests'
  | 'statuses'
  | 'pings'
  | 'signals'
  | 'tunnel frames'
  | 'puts'
export const FLOODS: readonly Flood[] = [
  'packets',
  'wrapped packets',
  'requests',
  'statuses',
  'pings',
  'signals',
  'tunnel frames',
  'puts',
]

export class Adversary {
  readonly inhabitant: Inhabitant
  private readonly world: World

  constructor(world: World, inhabitant: Inhabitant) {
    this.world = world
    this.inhabitant = inhabitant
  }

  get address(): Address {
    return this.inhabitant.address
  }

  get links(): Connection[] {
    return [...this.inhabitant.node.table.all()]
  }

  /** Says something over a link, whatever it is. */
  say(link: Connection, frame: Frame): void {
    const { active } = link
    if (active) this.inhabitant.driver.channels.get(active.id)?.send(encodeFrame(frame))
  }

  /** Over each of its links so many a second. */
  flood(what: Flood, perSecond: number, forMs: number): void {
    const { clock } = this.world
    const untilMs = clock.now() + forMs
    const tick = () => {
      for (const link of this.links) {
        for (let sent = 0; sent < (perSecond * TICK_MS) / 1_000; sent++) this.say(link, this.frameOf(what, link))
      }
      if (clock.now() < untilMs) clock.wakeAt(clock.now() + TICK_MS, tick)
    }
    tick()
  }

  /** Whoever looks for a key by way of this node is told that it has been found; by default here. */
  answerFinds(names: (key: Address) => Address = () => this.address): void {
    this.intercept((frame, from) => {
      if (frame.type !== 'packet' || frame.body !== 'request' || frame.source === this.address) return false
      const request = decodeRequest(frame.payload)
      if (request?.method !== 'find') return false
      const status = { roles: NO_ROLES, hidden: false, size: 4, neighbours: [] }
      const payload = encodeReply({ id: request.id, endpoints: [], status, forwarders: [], full: false })
      const reply = { type: 'packet', mode: 'exact', ttl: 100, body: 'reply', payload } as const
      this.say(from, { ...reply, hops: 1, source: names(frame.destination), destination: frame.source })
      return true
    })
  }

  /** Takes from its node what `takes` is true for. */
  intercept(takes: (frame: Frame, from: Connection) => boolean): void {
    const { node } = this.inhabitant
    const handle = node.handle.bind(node)
    node.handle = (input: Input, nowMs: number) => {
      const frame = input.type === 'frame' ? decodeFrame(input.bytes.slice()) : undefined
      const from = input.type === 'frame' ? node.table.ofChannel(input.channel) : undefined
      return frame && from && takes(frame, from) ? [] : handle(input, nowMs)
    }
  }

  readonly randomAddress = (): Address =>
    nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * this.world.random())))

  /** An address right beside another one, which no node has. */
  beside(address: Address): Address {
    const digits = Array.from({ length: 3 }, () => Math.floor(256 * this.world.random()))
    const tail = digits.map((digit) => digit.toString(16).padStart(2, '0')).join('')
    return `${address.slice(0, 33)}${tail}0` as Address
  }

  packet(facts: Partial<Packet> & Pick<Packet, 'body' | 'destination'>): Packet {
    const payload = new Uint8Array(100)
    return { type: 'packet', mode: 'exact', hops: 0, ttl: 100, source: this.address, payload, ...facts }
  }

  private frameOf(what: Flood, link: Connection): Frame {
    switch (what) {
      case 'packets':
        return this.packet({ body: 'ack', destination: this.anybody(link) })
      case 'wrapped packets': {
        const payload = encodeFrame(this.packet({ body: 'ack', destination: this.anybody(link) }))
        return this.packet({ body: 'forward', destination: link.address, payload })
      }
      case 'requests':
        return this.packet({ body: 'request', destination: link.address, payload: this.connectRequest() })
      case 'signals':
        return this.packet({ body: 'signal', destination: link.address })
      case 'pings':
        return { type: 'ping', nonce: 1 }
      case 'statuses': {
        const neighbours = Array.from({ length: 8 }, () => this.beside(link.address))
        return { type: 'status', status: { roles: ALL_ROLES as RoleBits, hidden: false, size: 1_000, neighbours } }
      }
      case 'puts': {
        // One that it holds itself, another each time, for as long as may be.
        const id = Math.floor(2 ** 32 * this.world.random())
        const key = this.beside(link.address)
        const value = Uint8Array.from({ length: 8 }, () => Math.floor(256 * this.world.random()))
        const record = { key, value, bound: undefined, version: 1, withdrawn: false, leftMs: MAX_LEASE_MS }
        const payload = encodeDhtMessage({ kind: 'put', id, create: false, record })
        return this.packet({ body: 'dht', destination: link.address, payload })
      }
      case 'tunnel frames':
        return this.tunnelFrame(this.anybody(link), this.address)
    }
  }

  tunnelFrame(to: Address, from: Address): Frame {
    const session = Math.floor(2 ** 32 * this.world.random())
    const payload = encodeFrame({
      type: 'start',
      version: 0,
      namespace: 'a'.repeat(40),
      attempt: 1,
      incarnation: 1,
      from,
      to,
      endpoints: [],
      status: { roles: NO_ROLES, hidden: false, size: 1, neighbours: [] },
    })
    return { type: 'tunnel', kind: 'frame', fromDialler: true, session, from, to, payload }
  }

  /** To dial somebody who does not exist, each time another one. */
  private connectRequest(): Uint8Array {
    const id = Math.floor(2 ** 32 * this.world.random())
    const endpoints = [endpointOf('xmpp', `nobody${id}`)]
    return encodeRequest({ id, via: undefined, method: 'connect', role: 1 as RoleBits, endpoints, forwarders: [] })
  }

  private anybody(link: Connection): Address {
    const others = this.world.nodes.filter(({ address }) => address !== this.address && address !== link.address)
    return (others[Math.floor(this.world.random() * others.length)] ?? this.inhabitant).address
  }
}

/** Of these, a pair beside each other that has no link to route over; undefined when all have. */
export function gapAmong(nodes: readonly Inhabitant[]): string | undefined {
  const sorted = [...nodes].sort((a, b) => (a.address < b.address ? -1 : 1))
  for (const [index, { node, name }] of sorted.entries()) {
    const { left, right } = besides(sorted, index)
    for (const { address, name: far } of [left, right]) {
      if (!node.table.get(address)?.structured) return `${name} has no link to ${far}`
    }
  }
  return undefined
}

/** How often this was counted by these. */
export function counted(nodes: readonly Inhabitant[], reason: string): number {
  return nodes.reduce((sum, { node }) => sum + (node.counters.get(reason) ?? 0), 0)
}

/** Each of these sends one message to each other one; how many arrive. */
export function talk(world: World, nodes: readonly Inhabitant[], withinMs: number): { sent: number; arrived: number } {
  const before = nodes.reduce((sum, { delivered }) => sum + delivered.length, 0)
  let sent = 0
  for (const from of nodes) {
    for (const to of nodes) {
      if (from === to) continue
      void from.driver.send(to.address, new Uint8Array(4))
      sent++
    }
  }
  world.run(withinMs)
  return { sent, arrived: nodes.reduce((sum, { delivered }) => sum + delivered.length, 0) - before }
}
