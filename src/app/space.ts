/**
 * Space: what happens among the people of a space: who is there and what was said.
 *
 * A controller over a Ring without any DOM. Membership is ours, not the ring's, because a ring links only some of its
 * nodes to each other: everybody tells everybody hello and bye, and whoever loses a link tells who has gone.
 */
import type { Address } from '../overlay/address.ts'
import type { PeerEvent, Ring, RingState, ServiceState, Snapshot } from '../peer/ring.ts'
import { People, type Person } from './people.ts'
import { decodeSpaceMessage, encodeSpaceMessage, MAX_LINKS, type MemberLink, type SpaceMessage } from './space-wire.ts'

/** A guess: as much as anybody scrolls back. */
export const MAX_MESSAGES = 500
/** Less than half of `SILENCE_MS`, so that one lost hello costs nobody. */
export const HELLO_EVERY_MS = 30_000
/** Several peers that join together cost one hello. A guess. */
export const HELLO_DAMPING_MS = 400
const TICK_MS = 5_000

export type Audience = Address | 'all'

export type Delivery = { name: 'sending' } | { name: 'delivered' } | { name: 'undelivered'; reason: string }

export type TalkMessage = {
  id: string
  from: Address
  /** Our own address for a message to us alone. */
  to: Audience
  text: string
  /** By our own clock. */
  atMs: number
  incoming: boolean
  /** An incoming message is always delivered. */
  delivery: Delivery
}

export class Space {
  readonly ring: Ring
  readonly dropped = new Map<string, number>()
  state: RingState
  service: ServiceState
  messages: readonly TalkMessage[] = []
  /** What people here should know of, in words. */
  warnings: readonly string[] = []
  /** Messages that came in since `markRead`. */
  unread = 0
  name: string
  readonly #people: People
  readonly #onChange: () => void
  readonly #stops: (() => void)[]
  /** Starts at the time of day, so that a reloaded tab's first hello is newer than its last goodbye. */
  #seq = Date.now()
  #lastHelloMs = 0
  #helloTimer: ReturnType<typeof setTimeout> | undefined
  /** The kinds in our last hello: a new delay alone is no news. */
  #toldKind: ReadonlyMap<Address, string> = new Map()
  #left = false

  constructor(ring: Ring, name: string, onChange: () => void) {
    this.ring = ring
    this.name = name
    this.state = ring.state
    this.service = ring.snapshot().service
    this.#onChange = onChange
    this.#people = new People(() => ring.peers)
    const ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#stops = [
      ring.on('message', ({ from, data, broadcast }) => this.#receive(from, data, broadcast)),
      ring.on('peer', (event) => this.#peerChanged(event)),
      ring.on('state', (state) => this.#stateChanged(state)),
      ring.on('service', (service) => {
        this.service = service
        this.#onChange()
      }),
      () => clearInterval(ticker),
      () => clearTimeout(this.#helloTimer),
    ]
    if (ring.state === 'connected' || ring.peers.size > 0) this.#helloSoon()
  }

  /** Everybody but us, sorted by name. */
  get people(): Person[] {
    return this.#people.list(this.name)
  }

  /** Whether the XMPP service has ever let us in. */
  get hasSignedIn(): boolean {
    return this.ring.milestones.reflectionMs !== undefined
  }

  nameOf(address: Address): string {
    return address === this.ring.address ? this.name : this.#people.nameOf(address, this.name)
  }

  rename(name: string): void {
    this.name = name
    this.#helloSoon()
    this.#onChange()
  }

  say(to: Audience, text: string): void {
    const message: TalkMessage = {
      id: crypto.randomUUID(),
      from: this.ring.address,
      to,
      text,
      atMs: Date.now(),
      incoming: false,
      delivery: { name: 'sending' },
    }
    this.#keep(message)
    this.#deliver(message)
  }

  /** Sends again what was not delivered. */
  sayAgain(id: string): void {
    const message = this.messages.find((candidate) => candidate.id === id && candidate.delivery.name === 'undelivered')
    if (message !== undefined) this.#deliver(message)
  }

  markRead(): void {
    if (this.unread === 0) return
    this.unread = 0
    this.#onChange()
  }

  snapshot(): Snapshot {
    return this.ring.snapshot()
  }

  /** Says goodbye to all and leaves; what must happen on `pagehide` happens before this returns. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    for (const stop of this.#stops) stop()
    this.#tell('all', { type: 'bye', seq: this.#nextSeq() })
    this.ring.leave().catch(() => {})
  }

  #receive(from: Address, data: Uint8Array, broadcast: boolean): void {
    const message = decodeSpaceMessage(data)
    switch (message.type) {
      case 'hello':
        this.#handleHello(from, message)
        break
      case 'bye':
        this.#people.bye(from, message.seq)
        break
      case 'gone':
        // Somebody lost the link to us and took it for our end.
        if (message.address === this.ring.address) this.#helloSoon()
        else this.#people.gone(message.address)
        break
      case 'say':
        this.#handleSay(from, message, broadcast)
        break
      case 'dropped':
        this.#drop(message.reason)
        return
    }
    this.#onChange()
  }

  #handleHello(from: Address, hello: Extract<SpaceMessage, { type: 'hello' }>): void {
    const answer = this.#people.hello(from, hello, Date.now())
    if (answer === undefined) this.#drop('stale hello')
    if (answer === 'new') this.#tell(from, this.#hello())
  }

  #handleSay(from: Address, { id, text }: Extract<SpaceMessage, { type: 'say' }>, broadcast: boolean): void {
    if (this.messages.some((known) => known.id === id && known.from === from)) {
      this.#drop('said before')
      return
    }
    const to = broadcast ? 'all' : this.ring.address
    this.unread++
    this.#keep({ id, from, to, text, atMs: Date.now(), incoming: true, delivery: { name: 'delivered' } })
  }

  #peerChanged({ type, peer }: PeerEvent): void {
    if (type === 'left') {
      // Who said goodbye is no longer listed, and then nobody needs to be told.
      if (this.#people.gone(peer.address)) this.#tell('all', { type: 'gone', address: peer.address })
      if (this.ring.peers.size > 0) this.#helloSoon()
    } else if (type === 'joined' || this.#toldKind.get(peer.address) !== peer.kind) {
      this.#helloSoon()
    }
    this.#onChange()
  }

  #stateChanged(state: RingState): void {
    this.state = state
    if (state === 'connected') this.#helloSoon()
    this.#onChange()
  }

  #helloSoon(): void {
    if (this.#left || this.#helloTimer !== undefined) return
    const quietMs = Date.now() - this.#lastHelloMs
    this.#helloTimer = setTimeout(() => this.#helloAll(), Math.max(0, HELLO_DAMPING_MS - quietMs))
  }

  #helloAll(): void {
    this.#helloTimer = undefined
    this.#lastHelloMs = Date.now()
    const hello = this.#hello()
    this.#toldKind = new Map(hello.links.map(({ to, kind }) => [to, kind]))
    this.#tell('all', hello)
  }

  #hello(): Extract<SpaceMessage, { type: 'hello' }> {
    const links: MemberLink[] = [...this.ring.peers.values()]
      .slice(0, MAX_LINKS)
      .map(({ address, kind }) => ({ to: address, kind }))
    return { type: 'hello', seq: this.#nextSeq(), name: this.name, links }
  }

  #tick(): void {
    const now = Date.now()
    if (this.#people.forgetSilent(now)) this.#onChange()
    const { warnings } = this.ring.snapshot()
    if (warnings.join() !== this.warnings.join()) {
      this.warnings = warnings
      this.#onChange()
    }
    if (this.state !== 'alone' && now - this.#lastHelloMs >= HELLO_EVERY_MS) this.#helloSoon()
  }

  #deliver(message: TalkMessage): void {
    const { id, to, text } = message
    this.#setDelivery(id, { name: 'sending' })
    const bytes = encodeSpaceMessage({ type: 'say', id, text })
    const sent = to === 'all' ? this.ring.broadcast(bytes) : this.ring.send(to, bytes)
    sent.then(
      () => this.#setDelivery(id, { name: 'delivered' }),
      (error: unknown) =>
        this.#setDelivery(id, {
          name: 'undelivered',
          reason: this.#sentence(error, to),
        }),
    )
  }

  /** The ring knows an address where the reader knows a name. */
  #sentence(error: unknown, to: Audience): string {
    const sentence = error instanceof Error ? error.message : String(error)
    return to === 'all' ? sentence : sentence.replace(to.slice(0, 8), this.nameOf(to))
  }

  #setDelivery(id: string, delivery: Delivery): void {
    this.messages = this.messages.map((known) => (known.id === id && !known.incoming ? { ...known, delivery } : known))
    this.#onChange()
  }

  #keep(message: TalkMessage): void {
    this.messages = [...this.messages, message].slice(-MAX_MESSAGES)
    this.#onChange()
  }

  /** Membership messages may be lost: the next hello makes good for it. */
  #tell(to: Audience, message: SpaceMessage): void {
    const bytes = encodeSpaceMessage(message)
    const sent = to === 'all' ? this.ring.broadcast(bytes) : this.ring.send(to, bytes)
    sent.catch(() => {})
  }

  #nextSeq(): number {
    return ++this.#seq
  }

  #drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
