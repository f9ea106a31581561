/**
 * Every seam of the house on one page. The rooms below the composition root (transport, rendezvous, signalling,
 * reflection, xmpp) meet each other only through these interfaces; `peer/` joins them.
 */
import type { ChannelKind } from './overlay/channel-kind.ts'
import type { Proof } from './overlay/effects.ts'
import type { Endpoint } from './overlay/endpoint.ts'
import type { Visibility } from './overlay/greeters.ts'
import type { Element } from './xmpp/stanza.ts'

// ---------------------------------------------------------------------------------------------- time and chance

export interface Clock {
  /** Milliseconds, never going backwards. */
  now(): number
  /** Calls `wake` once, no earlier than `at`; returns what cancels it. */
  wakeAt(at: number, wake: () => void): () => void
}

/** A clock for a run loop. */
export interface TurnClock extends Clock {
  /** Calls `task` once what is under way in this turn is done. */
  soon(task: () => void): void
}

/** Uniform on [0, 1). */
export type Random = () => number

// ---------------------------------------------------------------------------------------------- storage

/** Small values that outlive the page. Keys are plain strings, values structured-cloneable. */
export interface Storage {
  get(key: string): Promise<unknown>
  set(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
}

// ---------------------------------------------------------------------------------------------- transport

export { CHANNEL_KINDS } from './overlay/channel-kind.ts'
export type { ChannelKind, Proof, Visibility }

/** The largest frame that a channel must carry whole: 64 KiB of payload and its headers. */
export const MAX_FRAME_BYTES = 66_048

export interface ChannelEvents {
  /** The far end can be reached. Never called for a channel that arrived open. */
  opened(): void
  /** One whole frame, in the order sent; bulk and all else may pass each other. The receiver may keep the bytes. */
  message(bytes: Uint8Array): void
  /** `congested` went from true to false. */
  writable(): void
  /** `kind` is another than before: the network has found another path for the same channel. */
  kindChanged?(): void
  /** The far end, the network or a limit ended the channel. Called at most once, and nothing is called after it. */
  closed(reason: string): void
}

/** A raw two-way path for frames: reliable and, bulk and all else each, in order while it lives; nobody authenticated. */
export interface Channel {
  readonly kind: ChannelKind
  /** The far end, as dialled or as the transport saw it arrive. */
  readonly endpoint: Endpoint
  /** True while more should not be sent; what is sent all the same is kept, up to the transport's named limit. */
  readonly congested: boolean
  /** What ICE chose, where there is ICE; undefined until known. */
  readonly candidatePair?: CandidatePair | undefined
  /**
   * What both ends know alike of this channel and nobody between can make alike, such as the DTLS fingerprints; known when
   * it is open.
   */
  readonly binding?: Uint8Array | undefined
  /** Where who is at the far end has been proved; known when it is open. */
  readonly proved?: Proof | undefined
  /** Where further overlays have paths of their own beside this channel, if that is possible; known when it is open. */
  readonly paths?: PathCarrier | undefined
  /** Must be called once, in the same turn in which the channel was got. No event precedes it. */
  bind(events: ChannelEvents): void
  /**
   * Queues one frame; at once when open, else as soon as it opens. The bytes are the caller's again when it returns.
   * Never throws; ignored once closed. Bulk may wait for all else, where the path is slow.
   */
  send(bytes: Uint8Array, bulk?: boolean): void
  /** Ends the channel after what was sent has left, as far as the transport can tell. No event follows. */
  close(reason: string): void
}

/** What is known of one end of a path. Its address is not told. */
export type CandidateFacts = {
  /** `host`, `srflx`, `prflx` or `relay`. */
  type: string
  /** Between the two ends: `udp` or `tcp`. */
  protocol: string
  family?: 'ipv4' | 'ipv6'
  /** Of our own relay candidate: how we speak to the TURN server, `udp`, `tcp` or `tls`. */
  relayProtocol?: string
}

export type CandidatePair = { local: CandidateFacts; remote: CandidateFacts }

/** A path's name, such as the hash of the namespace that it is for. */
export const PATH_NAME = /^[0-9a-f.]{1,64}$/

/**
 * A connection that carries paths beside the channel that it was made for. A path is a channel of its own, in order and
 * in congestion; it is of the connection's kind, and ends with it for the same reason. Its binding names it.
 */
export interface PathCarrier {
  /** Returns at once, as a dial does. Closes as `refused` where the far end does not run what has that name. */
  openPath(name: string): Channel
  /** Of a path that the far end opens: undefined refuses it, else what is returned is given the path, which is open. */
  listenPaths(incoming: (name: string) => ((channel: Channel) => void) | undefined): void
}

/** What an overlay needs of another one, within which it lives and over whose connections its paths lead. */
export interface PathCarriers {
  /** Our address in the outer overlay; undefined while it cannot be reached there. */
  readonly address: string | undefined
  /**
   * The connection with that node, which is made if there is none, and held until it is released as often as it was got.
   * Rejects with an Error whose message is the reason; then there is nothing to release.
   */
  carrier(address: string): Promise<PathCarrier>
  release(address: string): void
  /** Takes what others open under this name; it is refused while nobody does. Returns what stops it. */
  onPath(name: string, incoming: (channel: Channel, from: string) => void): () => void
}

/** What reaches the nodes of an outer overlay on behalf of one within it: messages, each once and in order. */
export interface InnerMessages {
  /** Our address in the outer overlay; undefined while it cannot be reached there. */
  readonly address: string | undefined
  /** Resolves once the far end has it, or to the reason why it never will. The bytes are the caller's again at once. */
  send(to: string, bytes: Uint8Array): Promise<string | undefined>
  /** What others send under this name, 40 hex digits. Returns what stops it. */
  onMessage(name: string, listener: (from: string, bytes: Uint8Array) => void): () => void
}

export interface Transport {
  /** The scheme of the endpoints that it dials, such as `xmpp`. */
  readonly scheme: string
  /** Where others can dial us at this moment; undefined while nobody can. */
  readonly endpoint: Endpoint | undefined
  /** Must be called before anybody can dial us. An incoming channel is open. */
  listen(incoming: (channel: Channel) => void): void
  /** Returns at once; the channel calls `opened` or `closed` later, never before this returns. */
  dial(endpoint: Endpoint): Channel
  /** Closes every channel. */
  close(): void
  /** What arrived and was dropped, by reason. */
  readonly dropped: ReadonlyMap<string, number>
}

// ---------------------------------------------------------------------------------------------- rendezvous

export type Candidate = {
  endpoint: Endpoint
  /** True when it was there before us: the newcomer asks, those who are there answer. */
  elder: boolean
  /** True when it shows itself on behalf of a ring of many. */
  greeter?: boolean
}

export interface RendezvousEvents {
  appeared(candidate: Candidate): void
  /** The candidate went away: it left, or its server lost it. */
  vanished(endpoint: Endpoint): void
}

export interface Rendezvous {
  /** Such as `presence` or `room`. */
  readonly name: string
  start(events: RendezvousEvents): void
  /** How to be seen from now on; a `newcomer` until told. Who is to be quiet is so only where enough others greet. */
  show(visibility: Visibility): void
  /** Somebody next to us in the ring has come or gone. */
  changed?(): void
  /** Whether others may find us by this at this moment. */
  readonly isSeen: boolean
  /** Says goodbye where there is somebody to say it to. Synchronous, so that `pagehide` can call it. */
  stop(): void
  readonly dropped: ReadonlyMap<string, number>
}

/** Where a ring that we are in keeps values for others to find: its DHT. */
export interface MeetingPlace {
  /** Our own address in that ring; undefined while we are not in it. */
  readonly address: string | undefined
  /** Calls back at each change of `address`. Returns what stops it. */
  onAddress(listener: () => void): () => void
  /** Keeps the value under the key, 20 bytes, until what is returned is called; it is gone soon after we are. */
  keep(key: Uint8Array, value: Uint8Array): () => void
  /**
   * What lies under the key: all of it, or where that is more, at least so many. Undefined when nobody has answered.
   * Never rejects.
   */
  look(key: Uint8Array, atLeast: number): Promise<Uint8Array[] | undefined>
}

// ---------------------------------------------------------------------------------------------- signalling

/** The facts of a data-channel SDP; the rest of an SDP is template. */
export type SessionDescription = {
  ufrag: string
  pwd: string
  fingerprint: { hash: string; value: string }
  setup: 'actpass' | 'active' | 'passive'
  sctpPort: number
  maxMessageSize: number
}

export type IceCandidate = {
  foundation: string
  component: number
  protocol: 'udp' | 'tcp'
  priority: number
  ip: string
  port: number
  type: 'host' | 'srflx' | 'prflx' | 'relay'
  relatedAddress?: string
  relatedPort?: number
  tcpType?: 'active' | 'passive' | 'so'
}

export interface SignallingEvents {
  /** The answer, on the side that offered. */
  accepted(answer: SessionDescription): void
  candidates(candidates: IceCandidate[]): void
  /** At most once, and nothing is called after it. `reason` is a Jingle reason or a stanza error's condition. */
  ended(reason: string): void
}

export interface SignallingSession {
  readonly id: string
  readonly endpoint: Endpoint
  /** Must be called once, in the same turn in which the session was got. */
  bind(events: SignallingEvents): void
  /** Answers an offer; only on the side that was offered to. */
  accept(answer: SessionDescription): void
  /** Batched before it goes out. May be called before the other side has answered. */
  addCandidate(candidate: IceCandidate): void
  /** No event follows. */
  end(reason: string): void
}

export interface Signalling {
  /** Where others can offer to us; undefined while nobody can. */
  readonly endpoint: Endpoint | undefined
  listen(incoming: (session: SignallingSession, offer: SessionDescription) => void): void
  offer(to: Endpoint, offer: SessionDescription): SignallingSession
  close(): void
  readonly dropped: ReadonlyMap<string, number>
}

// ---------------------------------------------------------------------------------------------- reflection

export interface Reflection {
  /** STUN and TURN servers that are good at this moment, for a new RTCPeerConnection. */
  iceServers(): RTCIceServer[]
  /** A TURN server did not accept the credentials that we were given for it: there may be newer ones. */
  refused?(): void
}

// ---------------------------------------------------------------------------------------------- xmpp

/** An XMPP stanza error (RFC 6120 §8.3), or `timeout` or `disconnected` of our own. */
export class StanzaError extends Error {
  readonly condition: string
  constructor(condition: string, message = condition) {
    super(message)
    this.name = 'StanzaError'
    this.condition = condition
  }

  /** What an application says beside the condition (RFC 6120 §8.3.4). */
  get application(): Element | undefined {
    return undefined
  }
}

export type IqHandler = (child: Element, from: string) => Element | undefined

/** The part of a signed-in XMPP session that other rooms use. */
export interface Stanzas {
  /** The full JID while online. */
  readonly jid: string | undefined
  /** The domain signed in to. */
  readonly domain: string
  /** The largest stanza that the service takes, in bytes of XML. A larger request fails with `policy-violation`. */
  readonly maxStanzaBytes: number
  /** Calls back at once if online, and at each new binding (not at a resumption). Returns what stops it. */
  onOnline(listener: (jid: string) => void): () => void
  /** The binding is gone: those who knew our full JID cannot reach us at it. Returns what stops it. */
  onOffline(listener: () => void): () => void
  /**
   * Sends an IQ and resolves to its result's child, if any; rejects with a StanzaError. Paced: what is `bulk` goes when
   * nothing else waits, all else in the order asked.
   */
  request(iq: {
    type: 'get' | 'set'
    to?: string
    child: Element
    timeoutMs?: number
    bulk?: boolean
  }): Promise<Element | undefined>
  /**
   * Answers IQs whose child has this name and namespace: by the element returned, by an empty result for undefined, or
   * by the error of a thrown StanzaError. Unhandled IQs get `service-unavailable`. Returns what stops it.
   */
  onIq(type: 'get' | 'set', name: string, xmlns: string, handler: IqHandler): () => void
  onPresence(listener: (presence: Element) => void): () => void
  onMessage(listener: (message: Element) => void): () => void
  /** Sends a presence or message. Paced; dropped while offline. */
  send(stanza: Element): void
}
