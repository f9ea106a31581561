/** What `join` gives: the ring as an application sees it. */
import type { Address } from '../overlay/address.ts'
import type { Role } from '../overlay/role.ts'
import type { CandidatePair, ChannelKind } from '../ports.ts'
import type { Invitation } from '../rendezvous/invitation-proof.ts'
import type { DhtFacts } from './dht-facts.ts'
import type { Lease, PutOptions, StoredValue } from './values.ts'

export type RingState = 'alone' | 'joining' | 'connected'

export type { DhtFacts, Invitation, Lease, PutOptions, Role, StoredValue }

/** One peer that we have a link to. */
export type PeerInfo = {
  address: Address
  /** How the bytes flow at this moment. */
  kind: ChannelKind
  roles: Role[]
  /** Round trip of the last probe, in milliseconds; undefined before the first. */
  rttMs: number | undefined
  /** True when the peer dialled us. */
  incoming: boolean
  candidatePair?: CandidatePair | undefined
}

/** Milliseconds from `join()` to each step; undefined until it was reached. Paper, Table II. */
export type Milestones = {
  reflectionMs: number | undefined
  rendezvousMs: number | undefined
  relayingMs: number | undefined
  connectedMs: number | undefined
}

/** Whether the XMPP service can be used at this moment; the ring lives on without it. `unused`: it was joined without one. */
export type ServiceState =
  | { name: 'unused' }
  | { name: 'online'; jid: string }
  | { name: 'offline'; reason: string; retryAtMs: number | undefined }

export type Snapshot = {
  address: Address
  state: RingState
  namespace: string
  within: string | undefined
  service: ServiceState
  milestones: Milestones
  peers: PeerInfo[]
  near: { left: Address[]; right: Address[] }
  shortcuts: Address[]
  /** What of the DHT is held here, and how many leases of ours are kept. */
  dht: DhtFacts
  counters: Record<string, number>
  /** What a person should know of, in words: what was refused, and what to do about it. */
  warnings: string[]
  trace: { atMs: number; what: string }[]
}

/** `left`: said goodbye or fell silent; `unlinked`: is still in the ring, but our link to it was given up. */
export type PeerEvent = { type: 'joined' | 'changed' | 'left' | 'unlinked'; peer: PeerInfo }

export type RingEvents = {
  /** A message to us alone (`send`) or to all (`broadcast`). The bytes are the listener's to keep. */
  message: { from: Address; data: Uint8Array; broadcast: boolean }
  peer: PeerEvent
  state: RingState
  service: ServiceState
}

export interface Ring {
  readonly namespace: string
  /** The namespace of the ring that it lives within, if any. */
  readonly within: string | undefined
  readonly address: Address
  readonly state: RingState
  /** The peers that we have a link to; others of the ring are reached through them. */
  readonly peers: ReadonlyMap<Address, PeerInfo>
  readonly milestones: Milestones
  /** Returns what stops the listener. */
  on<K extends keyof RingEvents>(event: K, listener: (value: RingEvents[K]) => void): () => void
  /**
   * Sends to one node, linked or not, at most 64 KiB. Resolves when the node has acknowledged; messages to one node
   * arrive once each and in the order sent. Rejects with an OvertureError: `message-too-large`, `too-much-unsent`,
   * `relay-too-slow`, `unreachable`, `left`.
   *
   * `relay-too-slow`: the node is reached over a relay alone (kind `relay`, or by way of such a peer) and a better link
   * was tried in vain. There at most 80 KiB may wait for all such nodes together, and messages of up to 4 KiB each find
   * room for 48 KiB more: a largest message passes when little else waits, and small talk while bulk does not.
   */
  send(to: Address, data: Uint8Array): Promise<void>
  /**
   * Sends to every node of the ring, at most `MAX_BROADCAST_BYTES`: 64 KiB less what its signature takes. Who hears it can
   * be sure that it comes from us. Resolves when the nodes that we handed it to have acknowledged. Rejects as `send`
   * does; with `relay-too-slow` as a whole, sent to nobody, when it is too much for those of our own peers that are
   * reached over a relay, counted once for each of them.
   */
  broadcast(data: Uint8Array): Promise<void>
  /**
   * Keeps a value under a key for others of the ring to find, at most 1 MiB, until its lease ends: a key holds many values,
   * and the same value put again is renewed. It outlives this page. Resolves when enough nodes have it to bear the loss
   * of some. Rejects with an OvertureError: `value-too-large`, `bad-lease`, `value-taken`, `dht-full`, `unreachable`, `left`.
   */
  put(key: string, value: Uint8Array, options?: PutOptions): Promise<Lease>
  /** Every live value under the key. Rejects with an OvertureError: `unreachable`, `left`. */
  get(key: string): Promise<StoredValue[]>
  /**
   * What names us as the inviter in a link, for `JoinOptions.invitation` of whoever follows it: they and we become contacts
   * of each other by themselves, also across servers. Undefined without an account that was given to `join`.
   */
  invite(): Promise<Invitation | undefined>
  snapshot(): Snapshot
  /** Says goodbye and closes everything. Idempotent; its first part is synchronous, so `pagehide` may call it. */
  leave(): Promise<void>
}
