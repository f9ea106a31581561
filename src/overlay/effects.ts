/**
 * What goes into a node and what comes out of it: the core's whole contract with the world. The driver gives one input
 * and the time, carries out every effect in order, and wakes the node at its deadline.
 */
import type { Address } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import type { DhtFailure } from './dht.ts'
import type { DhtRecord } from './dht-record.ts'
import type { Endpoint } from './endpoint.ts'
import type { Visibility } from './greeters.ts'

/** Positive for channels that the node dials, negative for those that arrive; never used twice. */
export type ChannelId = number

/** Names one `send`, `broadcast`, `find`, `dht-put` or `dht-get` until it is settled or answered. */
export type Ticket = number

export type NodeState = 'alone' | 'joining' | 'connected'

export type SendFailure = 'unreachable' | 'too-much-unsent' | 'relay-too-slow' | 'left'

/** We have something for the node, or it has sent something that we have no keys for. */
export type IntroductionReason = 'to-send' | 'unknown-session'

/** Positive for tunnels that are dialled here, negative for those that arrive; never used twice. */
export type TunnelId = number

/** What the node is asked of tunnels, which are channels to others and only bytes through somebody to the node. */
export type TunnelInput =
  /** Looks for somebody to go through; answered by `tunnel-opened` or `tunnel-closed`. */
  | { type: 'tunnel-dial'; tunnel: TunnelId; far: Address }
  /** Bulk is the first to be dropped where the way is slow. */
  | { type: 'tunnel-send'; tunnel: TunnelId; bytes: Uint8Array; bulk: boolean }
  | { type: 'tunnel-close'; tunnel: TunnelId }

/** What becomes of tunnels. The session is drawn by the dialler, and the same at both ends. */
export type TunnelEffect =
  | { type: 'tunnel-opened'; tunnel: TunnelId; session: number }
  /** The far end has dialled us, and its first frame follows. */
  | { type: 'tunnel-arrived'; tunnel: TunnelId; far: Address; session: number }
  /** The bytes may be kept. */
  | { type: 'tunnel-frame'; tunnel: TunnelId; bytes: Uint8Array }
  /** By the far end, or for want of a forwarder; nothing is told of it after this. */
  | { type: 'tunnel-closed'; tunnel: TunnelId; reason: string }

/** What the handshake of a channel has shown of its far end. */
export type Proof = {
  /** Who it is, whatever it claims. */
  address: Address
  /** The `accept` that went with the proof: of the end that was dialled. */
  accept: Uint8Array
}

export type Input =
  | { type: 'wake' }
  /** Rendezvous saw somebody; `elder` was there before us, a `greeter` shows itself on behalf of many. */
  | { type: 'candidate-appeared'; endpoint: Endpoint; elder: boolean; greeter?: boolean }
  | { type: 'candidate-vanished'; endpoint: Endpoint }
  /** Where others can dial us from now on. */
  | { type: 'endpoints-changed'; endpoints: Endpoint[] }
  /** `proved`: where the channel has made sure of who is there. */
  | { type: 'channel-arrived'; channel: ChannelId; endpoint: Endpoint; kind: ChannelKind; proved?: Proof | undefined }
  | { type: 'channel-opened'; channel: ChannelId; kind: ChannelKind; proved?: Proof | undefined }
  /** The same channel takes another path. */
  | { type: 'channel-rerouted'; channel: ChannelId; kind: ChannelKind }
  | { type: 'channel-congested'; channel: ChannelId }
  | { type: 'channel-writable'; channel: ChannelId }
  | { type: 'channel-closed'; channel: ChannelId; reason: string }
  | { type: 'frame'; channel: ChannelId; bytes: Uint8Array }
  /** `inner`: it is for an overlay within this one at the far end. */
  | { type: 'send'; ticket: Ticket; to: Address; data: Uint8Array; inner?: boolean }
  | { type: 'broadcast'; ticket: Ticket; data: Uint8Array }
  /** Who is nearest to this key? Answered by `found`. `careful`: not on the word of one alone, which takes longer. */
  | { type: 'find'; ticket: Ticket; key: Address; careful?: boolean }
  /**
   * A small message to any node of the ring, which may be lost and is not sent again; who sends it again says the how
   * manieth attempt it is, and it takes another way.
   */
  | { type: 'signal'; to: Address; data: Uint8Array; attempt: number }
  /** Puts a record, or a new lease of it; answered by `dht-settled`. `create`: only where no other value is. */
  | { type: 'dht-put'; ticket: Ticket; record: DhtRecord; create: boolean }
  /** One page of what lies under a key, after the tag of the last of the page before; answered by `dht-found`. */
  | { type: 'dht-get'; ticket: Ticket; key: Address; after: string }
  /** Which of the records of a `dht-check` have a good proof. */
  | { type: 'dht-checked'; check: number; proved: readonly boolean[] }
  /** There are keys for this node now, which there were not, or others than before. */
  | { type: 'introduced'; to: Address }
  /** An overlay within this one needs a link to this node, or needs it no more. */
  | { type: 'hold'; to: Address; held: boolean }
  /** The page was hidden or shown: a hidden tab answers late. */
  | { type: 'visibility-changed'; hidden: boolean }
  /** The network or the clock jumped: nothing that was known to live is sure to live. */
  | { type: 'doubt' }
  /** Says goodbye. Where that goes through tunnels, the links beneath are closed at the deadline, which is at once. */
  | { type: 'leave' }
  | TunnelInput

export type Effect =
  | { type: 'dial'; channel: ChannelId; endpoint: Endpoint }
  | { type: 'transmit'; channel: ChannelId; bytes: Uint8Array }
  | { type: 'close'; channel: ChannelId; reason: string }
  | { type: 'deliver'; from: Address; data: Uint8Array; broadcast: boolean }
  /** For an overlay within this one; the bytes may be kept. */
  | { type: 'inner'; from: Address; data: Uint8Array }
  | { type: 'settle'; ticket: Ticket; failure: SendFailure | undefined }
  /** Who says so itself; undefined when nobody has answered, or there is too much to ask already. */
  | { type: 'found'; ticket: Ticket; address: Address | undefined }
  | { type: 'dht-settled'; ticket: Ticket; failure: DhtFailure | undefined }
  /** Undefined when nobody has answered. What is withdrawn is left out. */
  | { type: 'dht-found'; ticket: Ticket; records: DhtRecord[] | undefined; more: boolean }
  /** Whether the writers to whom these are bound have written them; answered by `dht-checked`. */
  | { type: 'dht-check'; check: number; records: DhtRecord[] }
  /** A node of the ring has sent us a signal; the bytes may be kept. `isOwn`: over that node's own link. */
  | { type: 'signalled'; from: Address; data: Uint8Array; isOwn: boolean }
  /**
   * Keys are needed for what goes to this node through others, or it has used some that we do not know. While there are
   * none, this is asked again from time to time.
   */
  | { type: 'introduce'; to: Address; reason: IntroductionReason }
  /** `left`: said goodbye or fell silent; `unlinked`: is there, but the link was given up. */
  | { type: 'peer'; change: 'joined' | 'changed' | 'left' | 'unlinked'; address: Address }
  | { type: 'state'; state: NodeState }
  /** So many links have fallen silent at once that it may be our own network that is gone, and the service with it. */
  | { type: 'isolated' }
  /** Whether to show presence from now on; `newcomer` before the first. */
  | { type: 'visibility'; visibility: Visibility }
  | TunnelEffect
