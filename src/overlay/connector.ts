/**
 * Connector: "connect to me". Asks a node that we cannot dial yet, through the ring, to dial us; its answer tells where
 * it can be dialled, should its own attempt fail.
 *
 *   asking --reply--> awaiting-dial --linked--> done
 *      |                   |
 *      |                   +--grace--> we dial --linked--> done
 *      +-- no reply --> shunned for a while, so that a dead neighbour named by others is not asked for again and again
 *
 * Who is asked dials at once, so the answer and the link take one and the same trip.
 */
import { type Address, type Distance, moveLeft } from './address.ts'
import type { Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import type { Linker } from './linker.ts'
import type { DialledTransport } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import type { Requests } from './requests.ts'
import { endpointsOf, isServed } from './ring-endpoint.ts'
import type { RoleBits } from './role.ts'
import { routableFrame } from './routable-frame.ts'
import { decodeRequest, encodeReply, encodeRequest, type Mode, type Packet, type Reply } from './wire.ts'

const MAX_SHUNNED = 512
/** Nodes that could not be dialled without the service, kept in mind at once. A guess. */
const MAX_UNDIALLED = 256
/** From one node address to the next (Brunet, near overlord). */
const STEP = '2'.padStart(40, '0') as Distance
/** Dials under way at once with which we still dial whoever asks for it; beyond it we leave it to the other. Half of all. */
const MAX_DIALS_ASKED = 64
/** Connections being asked for at once. A guess. */
const MAX_WANTED = 32

/**
 * While first contacts are under way, whoever is named may be one of them: nobody tells who an endpoint's node is before
 * it has answered. A request would cost those between us more than the contact itself. A guess: a contact over a busy
 * service takes half of it.
 */
const HELD_MS = 500
/** Waited for long enough. */
const OVER = Number.NEGATIVE_INFINITY

export type SeekAnswer = { from: Address; full: boolean }

type Wanted = {
  role: RoleBits
  dialAtMs: number | undefined
  endpoints: Endpoint[]
  /** Who was the last to pass our request on. */
  informer: Connection | undefined
}

export interface ConnectorEvents {
  /** Through whom this node can reach us, should it not reach us by itself. */
  forwardersFor(far: Address): Address[]
  /** Either end wants a link to this node, which can be reached through those that it names. */
  wanted(address: Address, role: RoleBits, forwarders: readonly Address[]): void
  /** Whether somebody whom rendezvous shows is about to be linked to us. */
  expectsFirstContact(): boolean
  /** Whether there is to be no link with this node. */
  bars(address: Address): boolean
  /** Whether this node, which asks for a link of this role, may have it. */
  admits(role: RoleBits, from: Address): boolean
}

export class Connector {
  private readonly core: NodeCore
  private readonly events: ConnectorEvents
  private readonly linker: Linker
  private readonly requests: Requests
  private readonly wanted = new Map<Address, Wanted>()
  /** Until when we wait for a first contact before we ask for these. */
  private readonly held = new Map<Address, number>()
  private readonly shunned = new Map<Address, number>()
  /** Whom a dial has not reached: next time the order of our transports holds. */
  private readonly undialled = new Set<Address>()

  constructor(core: NodeCore, linker: Linker, requests: Requests, events: ConnectorEvents) {
    this.core = core
    this.events = events
    this.linker = linker
    this.requests = requests
  }

  get deadlineMs(): number | undefined {
    let earliest: number | undefined
    for (const { dialAtMs } of this.wanted.values()) {
      if (dialAtMs !== undefined && (earliest === undefined || dialAtMs < earliest)) earliest = dialAtMs
    }
    for (const untilMs of this.held.values()) {
      if (untilMs !== OVER && (earliest === undefined || untilMs < earliest)) earliest = untilMs
    }
    return earliest
  }

  /** False when anybody may be asked for. */
  get shunsSomebody(): boolean {
    return this.shunned.size > 0
  }

  /** Undefined for a node that may be asked for. */
  shunnedUntilMs(address: Address): number | undefined {
    const untilMs = this.shunned.get(address)
    return untilMs !== undefined && untilMs > this.core.nowMs ? untilMs : undefined
  }

  /**
   * For a while nobody's word makes us look for this node: a dead one stays in others' lists for some seconds, and every
   * attempt at it may cost an RTCPeerConnection.
   */
  shun(address: Address, forMs = this.core.config.profile.shunnedMs): void {
    this.shunned.delete(address)
    this.shunned.set(address, this.core.nowMs + forMs)
    const oldest = this.shunned.keys().next().value
    if (this.shunned.size > MAX_SHUNNED && oldest !== undefined) this.shunned.delete(oldest)
  }

  /**
   * Asks by way of those who name the node, one after the other, most lately heard first; then by the ring. While nodes
   * die in numbers, who names somebody may be dead itself, or no longer linked to it.
   */
  connect(address: Address, role: RoleBits): void {
    if (address === this.core.config.address || this.core.table.get(address) || this.wanted.has(address)) return
    if (this.linker.isDialling(address)) return
    if (this.shunnedUntilMs(address) !== undefined || this.holds(address)) return
    if (this.wanted.size >= MAX_WANTED) {
      this.core.count('connect: too many wanted')
      return
    }
    const wanted: Wanted = { role, dialAtMs: undefined, endpoints: [], informer: undefined }
    this.wanted.set(address, wanted)
    const asked = new Set<Connection>()
    this.requests.ask(
      this.core.nowMs,
      (id) => {
        wanted.informer = this.informerOf(address, asked)
        this.request(id, address, 'exact', role, wanted.informer)
      },
      (reply) => {
        if (this.wanted.get(address) !== wanted) return
        if (!reply) {
          this.wanted.delete(address)
          if (!this.core.table.get(address)) this.shun(address)
          return
        }
        this.events.wanted(address, role, reply.forwarders)
        wanted.endpoints = reply.endpoints
        wanted.dialAtMs = this.core.nowMs + this.core.config.profile.connectGraceMs
      },
    )
  }

  /** Asks those who lie on either side of our own place, through somebody who is in the ring. */
  seekOwnPlace(role: RoleBits, informer: Connection, done: (reply: Reply | undefined) => void): void {
    // The place next to ours, which is hardly anybody’s: who has a link to us would hand our own straight back.
    const place = moveLeft(this.core.config.address, STEP)
    this.requests.ask(this.core.nowMs, (id) => this.request(id, place, 'annealing', role, informer), done)
  }

  /** Asks whoever a packet to this place is delivered to, to link to us; hears who that is, unless nobody answers. */
  seek(place: Address, mode: 'greedy' | 'exact', role: RoleBits, done: (answer: SeekAnswer | undefined) => void): void {
    this.requests.ask(
      this.core.nowMs,
      (id) => this.request(id, place, mode, role, undefined),
      (reply, from) => {
        if (reply && from && !reply.full) {
          this.expectDial(from, role, reply.endpoints)
          this.events.wanted(from, role, reply.forwarders)
        }
        done(reply && from && { from, full: reply.full })
      },
    )
  }

  handleRequest(packet: Packet): void {
    const request = decodeRequest(packet.payload)
    if (!request) {
      this.core.count('packet: bad request')
      return
    }
    if (packet.source === this.core.config.address) return
    if (this.events.bars(packet.source)) {
      this.core.count('connect: one who flooded us')
      return
    }
    let payload = this.requests.earlierAnswer(packet.source, request.id, this.core.nowMs)
    if (!payload) {
      const isLinked = this.core.table.get(packet.source) !== undefined
      const isFind = request.method === 'find'
      const full = !isFind && !this.events.admits(request.role, packet.source)
      payload = encodeReply({
        id: request.id,
        endpoints: [...this.core.endpoints],
        status: this.core.statusFor(packet.source),
        forwarders: this.events.forwardersFor(packet.source),
        full,
      })
      this.requests.remember(packet.source, request.id, payload, this.core.nowMs)
      this.shunned.delete(packet.source)
      if (!isLinked && !full && !isFind) {
        if (this.linker.dialling < MAX_DIALS_ASKED) this.dial(packet.source, request.role, request.endpoints)
        else this.core.count('connect: dialling too many already')
        this.events.wanted(packet.source, request.role, request.forwarders)
      }
    }
    const reply = { mode: 'exact', body: 'reply', destination: packet.source, payload } as const
    if (!request.via || request.via === this.core.config.address) this.core.sendPacket(reply)
    else {
      const inner = routableFrame(this.core, reply)
      this.core.sendPacket({ mode: 'exact', body: 'forward', destination: request.via, payload: inner })
    }
  }

  /** What was asked through one who is gone proves nothing of who was asked for: it may be asked for through another. */
  lost(informer: Connection): void {
    for (const [address, wanted] of [...this.wanted]) {
      if (wanted.informer === informer && wanted.dialAtMs === undefined) this.wanted.delete(address)
    }
  }

  dialFailed(address: Address): void {
    this.undialled.add(address)
    const [oldest] = this.undialled
    if (this.undialled.size > MAX_UNDIALLED && oldest !== undefined) this.undialled.delete(oldest)
  }

  linked(address: Address): void {
    this.held.delete(address)
    this.wanted.delete(address)
    this.undialled.delete(address)
    this.shunned.delete(address)
  }

  wake(): void {
    // Who still wants them asks again when it looks at the ring anew.
    for (const [address, untilMs] of this.held) {
      if (untilMs === OVER || untilMs > this.core.nowMs) continue
      this.held.set(address, OVER)
      this.core.table.changed()
    }
    for (const [address, wanted] of [...this.wanted]) {
      if (wanted.dialAtMs === undefined || wanted.dialAtMs > this.core.nowMs) continue
      this.wanted.delete(address)
      this.dial(address, wanted.role, wanted.endpoints)
    }
  }

  private holds(address: Address): boolean {
    if (!this.events.expectsFirstContact()) {
      this.held.clear()
      return false
    }
    const untilMs = this.held.get(address)
    if (untilMs !== undefined) return untilMs !== OVER
    if (this.held.size >= MAX_WANTED) return false
    this.held.set(address, this.core.nowMs + HELD_MS)
    return true
  }

  /** Should it not come, we dial. */
  private expectDial(address: Address, role: RoleBits, endpoints: Endpoint[]): void {
    if (address === this.core.config.address || this.core.table.get(address) || this.wanted.has(address)) return
    if (this.wanted.size >= MAX_WANTED) return
    const dialAtMs = this.core.nowMs + this.core.config.profile.connectGraceMs
    this.wanted.set(address, { role, dialAtMs, endpoints, informer: undefined })
  }

  private dial(address: Address, role: RoleBits, endpoints: readonly Endpoint[]): void {
    if (this.linker.isDialling(address)) return
    const sparing = this.core.sparesService && !this.undialled.has(address)
    const endpoint = firstContact(this.core, endpoints, address, sparing)
    if (endpoint) this.linker.dial(endpoint, address, role)
    else this.core.count('connect: no endpoint that we can dial')
  }

  private informerOf(address: Address, asked: Set<Connection>): Connection | undefined {
    let best: Connection | undefined
    for (const connection of this.core.table.all()) {
      if (asked.has(connection) || !connection.status.neighbours.includes(address)) continue
      if (!best || connection.heardAtMs > best.heardAtMs) best = connection
    }
    if (best) asked.add(best)
    return best
  }

  private request(
    id: number,
    destination: Address,
    mode: Mode,
    role: RoleBits,
    informer: Connection | undefined,
  ): void {
    const via = informer?.address
    const forwarders = this.events.forwardersFor(destination)
    const payload = encodeRequest({ id, via, method: 'connect', role, endpoints: [...this.core.endpoints], forwarders })
    const packet = { mode, body: 'request', destination, payload } as const
    if (via === undefined) this.core.sendPacket(packet)
    else {
      const inner = routableFrame(this.core, packet)
      this.core.sendPacket({ mode: 'exact', body: 'forward', destination: via, payload: inner })
    }
  }
}

/**
 * The endpoint to dial first, by the order of our transports; what needs a service that we have lost comes last. `sparing`:
 * so does the service's relay, which makes a link soonest, and costs the service more stanzas than all else in a join.
 */
export function firstContact(
  core: Pick<NodeCore, 'config' | 'endpoints' | 'shows'>,
  endpoints: readonly Endpoint[],
  address: Address,
  sparing = false,
): Endpoint | undefined {
  let last: Endpoint | undefined
  const { transports } = core.config
  const isRelay = ({ kind }: DialledTransport) => kind === 'relay'
  const inOrder = sparing ? [...transports.filter((each) => !isRelay(each)), ...transports.filter(isRelay)] : transports
  for (const transport of inOrder) {
    for (const endpoint of endpointsOf(transport, endpoints, address, core)) {
      if (isServed(endpoint, core)) return endpoint
      last ??= endpoint
    }
  }
  return last
}
