/** JoinedRing: the ring as an application sees it, over the driver and the session that `join` has built. */
import { type Address, parseAddress } from '../overlay/address.ts'
import type { NodeState, SendFailure } from '../overlay/effects.ts'
import type { Endpoint } from '../overlay/endpoint.ts'
import type { Visibility } from '../overlay/greeters.ts'
import type { Node } from '../overlay/node.ts'
import { hasRole, rolesIn, SHORTCUT } from '../overlay/role.ts'
import { OvertureError } from '../overture-error.ts'
import type { Rendezvous, Transport, TurnClock } from '../ports.ts'
import type { RingSignalling } from '../signalling/ring-signalling.ts'
import type { TunnelTransport } from '../transport/tunnel.ts'
import type { XmppSession } from '../xmpp/session.ts'
import { countersOf, type Dropped } from './counters.ts'
import { dhtFacts } from './dht-facts.ts'
import { Driver } from './driver.ts'
import { InnerOverlays } from './inner-overlays.ts'
import type { Introductions } from './introductions.ts'
import { Outbox } from './outbox.ts'
import { pageEvents } from './page-events.ts'
import type { Invitation, Milestones, PeerEvent, PeerInfo, Ring, RingEvents, ServiceState, Snapshot } from './ring.ts'
import { errorOf } from './send-error.ts'
import { BROADCAST_OVERHEAD_BYTES, type SignedBroadcasts } from './signed-broadcasts.ts'
import type { SignedRecords } from './signed-records.ts'
import type { SignedSignals } from './signed-signals.ts'
import { type Lease, type PutOptions, type StoredValue, Values } from './values.ts'
import { warningsIn } from './warnings.ts'

/** One data channel message of this size with its headers is within what every browser takes (64 KiB). */
export const MAX_MESSAGE_BYTES = 65_536
/** A message to all, which has its sender's signature with it. */
export const MAX_BROADCAST_BYTES = MAX_MESSAGE_BYTES - BROADCAST_OVERHEAD_BYTES

/** How long the service may take to answer a page that nobody answers, though they were linked directly. A guess. */
const ISOLATED_TIMEOUT_MS = 1_000

/** How often one who is to sign out looks whether it may. A guess. */
const SIGN_OUT_LOOK_MS = 5_000

export type JoinedRingParts = {
  namespace: string
  clock: TurnClock
  startedMs: number
  node: Node
  /** Undefined where no service is used. */
  session: XmppSession | undefined
  /** Whether the session ends while others show their presence for us. */
  signsOut: boolean
  transports: Transport[]
  /** Reach others by way of the ring; one of the transports is made of them. */
  tunnels: TunnelTransport
  /** How fast messages go that nothing but the XMPP service carries, in bytes per second. */
  relayPace: () => number
  rendezvous: Rendezvous[]
  /** Makes us and those that we have no link to known to each other. */
  introductions: Introductions
  /** Seals and signs what is for all, and checks it. */
  broadcasts: SignedBroadcasts
  /** Binds values to us, and checks what is bound to others. */
  records: SignedRecords
  /** The ring that we live within, if any. */
  outer: InnerOverlays | undefined
  /** And its namespace. */
  within: string | undefined
  /** Agrees on links through the ring, where there is something to agree on. */
  ringSignalling: RingSignalling | undefined
  signals: SignedSignals
  dropped: Record<string, Dropped>
  /** Told of each link that stands, with the endpoints that the peer has named. */
  linked: (endpoints: readonly Endpoint[]) => void
  /** What names us in a link, if we have an account to be named by. */
  invite: () => Promise<Invitation | undefined>
  close: () => void
}

export class JoinedRing implements Ring {
  private readonly parts: JoinedRingParts
  private readonly driver: Driver
  private readonly known = new Map<Address, PeerInfo>()
  private readonly listeners: { [K in keyof RingEvents]: Set<(value: RingEvents[K]) => void> } = {
    message: new Set(),
    peer: new Set(),
    state: new Set(),
    service: new Set(),
  }
  private readonly reached: Milestones = {
    reflectionMs: undefined,
    rendezvousMs: undefined,
    relayingMs: undefined,
    connectedMs: undefined,
  }
  private readonly outbox = new Outbox()
  private readonly values: Values
  /** What this ring gives to those that live within it. */
  readonly inner: InnerOverlays
  private readonly stops: (() => void)[] = []
  private gone: Promise<void> | undefined
  private cancelSignOut = () => {}

  constructor(parts: JoinedRingParts) {
    this.parts = parts
    const { node, clock, session, outer } = parts
    this.driver = new Driver(node, clock, {
      deliver: (from, data, broadcast) => parts.broadcasts.receive(from, data, broadcast),
      peer: (change, address) => this.onPeer(change, address),
      state: (state) => this.onState(state),
      isolated: () => session?.reconnectNow(ISOLATED_TIMEOUT_MS),
      visibility: (visibility) => this.onVisibility(visibility),
      signalled: (from, data, isOwn) => {
        if (!parts.introductions.receive(from, data)) parts.signals.receive(from, data, isOwn)
      },
      introduce: (to, reason) => parts.introductions.introduce(to, reason),
      tunnelled: (effect) => parts.tunnels.receive(effect),
      inner: (from, data) => this.inner.receive(from, data),
      check: (records, checked) => void parts.records.check(records).then(checked),
    })
    const { driver } = this
    const { namespace: namespaceHash } = node.config
    this.values = new Values({ driver, signed: parts.records, namespaceHash, clock, timeOfDayMs: Date.now })
    this.inner = new InnerOverlays({ node, driver, values: this.values, clock })
    parts.broadcasts.deliverTo((from, data, broadcast) => this.tell('message', { from, data, broadcast }))
    parts.introductions.carryBy({
      signal: (to, data, attempt) => this.driver.signal(to, data, attempt),
      introduced: (to) => this.driver.give({ type: 'introduced', to }),
    })
    parts.signals.carryBy({
      send: (to, data, attempt) => this.driver.signal(to, data, attempt),
      receive: (from, data) => parts.ringSignalling?.receive(from, data),
    })
    parts.ringSignalling?.carryBy((to, data, attempt) => parts.signals.send(to, data, attempt, this.hasLinkTo(to)))
    parts.tunnels.carryBy((input) => this.driver.give(input))
    for (const transport of parts.transports) this.driver.addTransport(transport)
    // Our endpoints must stand before the first candidate appears, so this listens before rendezvous does.
    if (outer) {
      this.stops.push(
        outer.onAddress(() => this.onOuterAddress(outer)),
        // What is said through the outer ring is said before it is left.
        outer.onLeaving(() => !session && void this.leave()),
      )
      this.onOuterAddress(outer)
    }
    if (session) {
      this.stops.push(
        session.onOnline(() => {
          this.reach('reflectionMs')
          this.driver.announceEndpoints()
          // Whatever took us from the service may have taken us from others.
          this.driver.give({ type: 'doubt' })
        }),
        session.onOffline(() => this.driver.announceEndpoints()),
        session.onState(() => this.tell('service', this.service)),
      )
    }
    this.stops.push(
      pageEvents({
        hidden: (hidden) => {
          // A browser may have held the timers of a hidden page back, that of the next try among them.
          if (!hidden) session?.reconnectNow()
          this.driver.give({ type: 'visibility-changed', hidden })
        },
        awake: () => {
          session?.reconnectNow()
          this.driver.give({ type: 'doubt' })
        },
        leaving: () => void this.leave(),
      }),
    )
    for (const rendezvous of parts.rendezvous) {
      rendezvous.start({
        appeared: (candidate) => {
          this.reach('rendezvousMs')
          this.driver.give({ type: 'candidate-appeared', ...candidate })
        },
        vanished: (endpoint) => this.driver.give({ type: 'candidate-vanished', endpoint }),
      })
    }
  }

  get namespace(): string {
    return this.parts.namespace
  }

  get within(): string | undefined {
    return this.parts.within
  }

  get address(): Address {
    return this.parts.node.config.address
  }

  get state(): NodeState {
    return this.parts.node.state
  }

  get peers(): ReadonlyMap<Address, PeerInfo> {
    const peers = new Map<Address, PeerInfo>()
    for (const { address } of this.parts.node.table.all()) {
      const peer = this.peerInfo(address)
      if (peer) peers.set(address, peer)
    }
    return peers
  }

  on<K extends keyof RingEvents>(event: K, listener: (value: RingEvents[K]) => void): () => void {
    this.listeners[event].add(listener)
    return () => this.listeners[event].delete(listener)
  }

  async send(to: Address, data: Uint8Array): Promise<void> {
    this.check(data)
    if (!parseAddress(to)) throw OvertureError.unreachable(String(to))
    // A node takes its own copy at once, unless it is in the middle of something.
    const bytes = this.driver.busy || this.outbox.waits ? data.slice() : data
    const failure = await this.left((settle) => this.outbox.say(() => settle(this.driver.send(to, bytes))))
    if (failure) throw errorOf(failure, to, this.parts.relayPace())
  }

  async broadcast(data: Uint8Array): Promise<void> {
    this.check(data, MAX_BROADCAST_BYTES)
    const sealed = this.parts.broadcasts.seal(data)
    const failure = await this.left((settle) =>
      this.outbox.sayWhenMade(sealed, (bytes) => settle(this.driver.broadcast(bytes))),
    )
    if (failure) throw errorOf(failure, undefined, this.parts.relayPace())
  }

  async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Lease> {
    return this.values.put(key, value, options)
  }

  async get(key: string): Promise<StoredValue[]> {
    return this.values.get(key)
  }

  get milestones(): Milestones {
    this.noteSettled()
    return { ...this.reached }
  }

  invite(): Promise<Invitation | undefined> {
    return this.parts.invite()
  }

  snapshot(): Snapshot {
    const { node, namespace, clock, dropped, rendezvous } = this.parts
    const peers = [...this.peers.values()]
    const counters = countersOf(node.counters, { ...dropped, value: this.values, inner: this.inner }, rendezvous)
    return {
      address: this.address,
      state: this.state,
      namespace,
      within: this.within,
      service: this.service,
      milestones: this.milestones,
      peers,
      near: node.near,
      shortcuts: [...node.table.all()]
        .filter(({ allRoles }) => hasRole(allRoles, SHORTCUT))
        .map(({ address }) => address),
      dht: dhtFacts(node, this.values.keptCount, clock.now()),
      counters,
      warnings: warningsIn(counters),
      trace: [...this.driver.trace],
    }
  }

  leave(): Promise<void> {
    this.gone ??= this.goodbye()
    return this.gone
  }

  /** Something is otherwise than it was: links that failed may be made now. */
  retryLinks(): void {
    this.driver.give({ type: 'doubt' })
  }

  private async goodbye(): Promise<void> {
    for (const stop of this.stops) stop()
    this.cancelSignOut()
    this.inner.leave()
    this.outbox.flush()
    this.values.close()
    this.driver.leave()
    this.parts.introductions.close()
    this.parts.broadcasts.close()
    for (const rendezvous of this.parts.rendezvous) rendezvous.stop()
    this.parts.close()
    await this.parts.session?.stop()
  }

  /** What becomes of something that is said when its turn comes. */
  private left(say: (settle: (outcome: Promise<SendFailure | undefined>) => void) => void) {
    return new Promise<SendFailure | undefined>(say)
  }

  private check(data: Uint8Array, maxBytes = MAX_MESSAGE_BYTES): void {
    if (this.gone) throw OvertureError.left()
    if (data.length > maxBytes) throw OvertureError.messageTooLarge(data.length, maxBytes)
  }

  private onPeer(change: PeerEvent['type'], address: Address): void {
    if (change === 'joined') this.reach('relayingMs')
    const peer = this.peerInfo(address) ?? this.known.get(address)
    if (!peer) return
    if (change === 'left' || change === 'unlinked') this.known.delete(address)
    else {
      this.known.set(address, peer)
      this.parts.linked(this.parts.node.table.get(address)?.endpoints ?? [])
    }
    this.inner.linkChanged(address)
    if (change !== 'changed') for (const each of this.parts.rendezvous) each.changed?.()
    this.noteSettled()
    this.tell('peer', { type: change, peer })
  }

  /** How the world reaches us is what the outer ring knows already. */
  private onOuterAddress(outer: InnerOverlays): void {
    if (outer.address !== undefined) this.reach('reflectionMs')
    this.driver.announceEndpoints()
    this.driver.give({ type: 'doubt' })
  }

  private onState(state: NodeState): void {
    this.inner.stateChanged()
    this.noteSettled()
    this.tell('state', state)
  }

  private onVisibility(visibility: Visibility): void {
    const { rendezvous, session, signsOut } = this.parts
    // Who is no longer seen by its account's others is out of the room, too, as services have it: the room comes first.
    for (const each of [...rendezvous].reverse()) each.show(visibility)
    if (!session || !signsOut || this.gone) return
    this.cancelSignOut()
    if (visibility !== 'quiet') void session.comeBack()
    else this.signOutWhenUnneeded(session)
  }

  /** Who is to be quiet may have to be seen until enough others greet, and the last relay may give way to a better link. */
  private signOutWhenUnneeded(session: XmppSession): void {
    const { clock, rendezvous } = this.parts
    if (this.isIndependent && !rendezvous.some(({ isSeen }) => isSeen)) void session.stop()
    else this.cancelSignOut = clock.wakeAt(clock.now() + SIGN_OUT_LOOK_MS, () => this.signOutWhenUnneeded(session))
  }

  /** Then a signal goes over it, the first time that it is said. */
  private hasLinkTo(address: Address): boolean {
    const connection = this.parts.node.table.get(address)
    return connection?.active !== undefined && !connection.suspected
  }

  /** Whether each link has something better than the service's relay. */
  private get isIndependent(): boolean {
    for (const { active } of this.parts.node.table.all()) if (active?.kind === 'relay') return false
    return true
  }

  private noteSettled(): void {
    if (this.reached.connectedMs === undefined && this.parts.node.settled) this.reach('connectedMs')
  }

  private reach(milestone: keyof Milestones): void {
    this.reached[milestone] ??= Math.round(this.parts.clock.now() - this.parts.startedMs)
  }

  private peerInfo(address: Address): PeerInfo | undefined {
    const connection = this.parts.node.table.get(address)
    const active = connection?.active
    if (!connection || !active) return undefined
    return {
      address,
      kind: active.kind,
      roles: rolesIn(connection.allRoles),
      rttMs: connection.rttMs,
      incoming: connection.incoming,
      candidatePair: this.driver.channels.get(active.id)?.candidatePair,
    }
  }

  private get service(): ServiceState {
    const { session } = this.parts
    if (!session) return { name: 'unused' }
    const { state } = session
    if (state.name === 'online') return state
    return state.name === 'connecting' ? { name: 'offline', reason: 'connecting', retryAtMs: undefined } : state
  }

  /** A listener that throws is the application's trouble and must not stop the ring. */
  private tell<K extends keyof RingEvents>(event: K, value: RingEvents[K]): void {
    for (const listener of this.listeners[event]) {
      try {
        listener(value)
      } catch (error) {
        reportError(error)
      }
    }
  }
}
