/**
 * Linker: turns a channel into a link, on which both ends have said who they are and that they mean the same overlay.
 *
 *   we dialled:   dialling --opened--> starting --accept / confirm--> linked
 *                     |                   |
 *                     +--- closed, refuse, deadline ---> failed
 *
 *   it arrived:   awaiting-start --start / accept--> awaiting-confirm --confirm--> linked
 *                     |                              |
 *                     +--- bad start, closed, deadline
 *
 *   on a channel that proves who is there, and brings the accept with the proof:
 *                 dialling --opened / start--> linked          awaiting-start --start--> linked
 *
 * The far end counts as linked only when it has shown that it heard us: the dialler by `accept`, the other by
 * `confirm`, or by the proof. Two nodes that dial each other at once may both get there; Connection.attach decides which
 * channel stays.
 */
import type { Address } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import type { ChannelId, Proof } from './effects.ts'
import type { Endpoint } from './endpoint.ts'
import type { NodeCore } from './node-core.ts'
import { LEAF, NO_ROLES, type RoleBits, withRole } from './role.ts'
import { Soonest } from './soonest.ts'
import {
  type Accept,
  decodeFrame,
  encodeFrame,
  type Frame,
  type Refusal,
  type Start,
  type Status,
  WIRE_VERSION,
} from './wire.ts'

/** A slow relay needs seconds for a round trip; ICE gives up after 15 s (measured: simple-peer in Chromium). */
const DIAL_TIMEOUT_MS = 20_000
const HANDSHAKE_TIMEOUT_MS = 10_000
/** Half-made links at once; beyond it arrivals are refused. A guess. */
const MAX_ATTEMPTS = 128
/** Of these, that others may have: whoever opens channels and says nothing leaves us room to dial. */
const MAX_ARRIVED = 96

type AttemptState =
  | { name: 'dialling'; deadlineMs: number }
  | { name: 'starting'; kind: ChannelKind; deadlineMs: number }
  | { name: 'awaiting-start'; kind: ChannelKind; deadlineMs: number }
  | { name: 'awaiting-confirm'; kind: ChannelKind; start: Start; deadlineMs: number }

type Attempt = {
  channel: ChannelId
  endpoint: Endpoint
  /** Whom we expect there; undefined when only the endpoint is known. */
  to: Address | undefined
  role: RoleBits
  number: number
  /** What the handshake has told the far end of us. */
  told: Status | undefined
  /** Where the channel has made sure of who is there. */
  proved: Proof | undefined
  state: AttemptState
}

export type Linked = {
  channel: ChannelId
  kind: ChannelKind
  endpoint: Endpoint
  ours: boolean
  attempt: number
  address: Address
  incarnation: number
  endpoints: Endpoint[]
  status: Status
  /** The status was for whoever would dial: it says nothing of the two of us. */
  isForAnybody: boolean
  /** What the handshake has told the far end of us; undefined where that was for anybody. */
  told: Status | undefined
  /** The role that we dialled for. */
  role: RoleBits
}

export type LinkFailure = { endpoint: Endpoint; to: Address | undefined; ours: boolean; reason: string }

export interface LinkerEvents {
  linked(link: Linked): void
  failed(failure: LinkFailure): void
}

export class Linker {
  private readonly core: NodeCore
  private readonly events: LinkerEvents
  private readonly attempts = new Map<ChannelId, Attempt>()
  /** How many attempts of ours go to this endpoint, or to this node. */
  private readonly targets = new Map<Endpoint | Address, number>()
  private dialled = 0
  private ours = 0
  private readonly soonest = new Soonest()

  constructor(core: NodeCore, events: LinkerEvents) {
    this.core = core
    this.events = events
  }

  get deadlineMs(): number | undefined {
    return this.soonest.deadlineMs
  }

  /** Whether an attempt of ours towards this endpoint or node is under way. */
  isDialling(target: Endpoint | Address): boolean {
    return this.targets.has(target)
  }

  /** How many attempts of ours are under way. */
  get dialling(): number {
    return this.ours
  }

  dial(endpoint: Endpoint, to: Address | undefined, role: RoleBits): void {
    if (this.isDialling(endpoint)) return
    if (this.attempts.size >= MAX_ATTEMPTS) {
      this.core.count('link: too many dials at once')
      return
    }
    const channel = this.core.nextChannel()
    const state: AttemptState = { name: 'dialling', deadlineMs: this.core.nowMs + DIAL_TIMEOUT_MS }
    this.insert({ channel, endpoint, to, role, number: ++this.dialled, told: undefined, proved: undefined, state })
    this.core.emit({ type: 'dial', channel, endpoint })
  }

  /** What we say to whoever dials a channel that proves who it is; it goes with our proof. */
  acceptance(): Uint8Array {
    const { config } = this.core
    return encodeFrame(this.acceptFor(0, this.core.statusFor(config.address)))
  }

  handleOpened(channel: ChannelId, kind: ChannelKind, proved?: Proof): void {
    const attempt = this.attempts.get(channel)
    if (attempt?.state.name !== 'dialling') return
    if (!proved) {
      this.proceed(attempt, { name: 'starting', kind, deadlineMs: this.core.nowMs + HANDSHAKE_TIMEOUT_MS })
      this.start(attempt)
      return
    }
    attempt.proved = proved
    const accept = decodeFrame(proved.accept)
    if (accept?.type !== 'accept') {
      this.abandon(attempt, 'no accept')
      return
    }
    if (!this.faultOf(accept, attempt)) this.start(attempt)
    this.onAccept(attempt, kind, accept)
  }

  private start(attempt: Attempt): void {
    const { config, endpoints } = this.core
    const status = this.statusOnStart(attempt)
    attempt.told = status
    this.core.transmit(attempt.channel, {
      type: 'start',
      version: WIRE_VERSION,
      namespace: config.namespace,
      attempt: attempt.number,
      incarnation: config.incarnation,
      from: config.address,
      to: attempt.to,
      endpoints: [...endpoints],
      status,
    })
  }

  /** The channel takes another path while the two still greet each other. */
  handleRerouted(channel: ChannelId, kind: ChannelKind): void {
    const state = this.attempts.get(channel)?.state
    if (state && state.name !== 'dialling') state.kind = kind
  }

  handleArrived(channel: ChannelId, endpoint: Endpoint, kind: ChannelKind, proved?: Proof): void {
    const isFull = this.attempts.size - this.ours >= MAX_ARRIVED || this.attempts.size >= MAX_ATTEMPTS
    if (isFull || this.core.leaving) {
      this.core.count('link: too many at once')
      this.core.emit({ type: 'close', channel, reason: 'busy' })
      return
    }
    const state: AttemptState = { name: 'awaiting-start', kind, deadlineMs: this.core.nowMs + HANDSHAKE_TIMEOUT_MS }
    this.insert({ channel, endpoint, to: undefined, role: NO_ROLES, number: 0, told: undefined, proved, state })
  }

  handleClosed(channel: ChannelId, reason: string): void {
    const attempt = this.attempts.get(channel)
    if (attempt) this.fail(attempt, reason)
  }

  /** True when the frame belonged to an attempt. */
  handleFrame(channel: ChannelId, frame: Frame): boolean {
    const attempt = this.attempts.get(channel)
    if (!attempt) return false
    switch (attempt.state.name) {
      case 'dialling':
        this.core.count('link: frame before open')
        return true
      case 'starting':
        if (frame.type === 'accept' && frame.attempt === attempt.number)
          this.onAccept(attempt, attempt.state.kind, frame)
        else if (frame.type === 'refuse' && frame.attempt === attempt.number) this.abandon(attempt, frame.code)
        else this.core.count(`link: ${frame.type} while starting`)
        return true
      case 'awaiting-start':
        if (frame.type === 'start') this.onStart(attempt, attempt.state.kind, frame)
        else this.abandon(attempt, `${frame.type} before start`)
        return true
      case 'awaiting-confirm': {
        const { start, kind } = attempt.state
        if (frame.type !== 'confirm' || frame.attempt !== start.attempt) {
          this.abandon(attempt, `${frame.type} before confirm`)
          return true
        }
        this.linkDialler(attempt, kind, start)
        return true
      }
    }
  }

  wake(): void {
    this.soonest.restart()
    for (const attempt of [...this.attempts.values()]) {
      if (attempt.state.deadlineMs <= this.core.nowMs) this.abandon(attempt, `${attempt.state.name} timed out`)
      else this.soonest.add(attempt.state.deadlineMs)
    }
  }

  abandonAll(reason: string): void {
    for (const attempt of [...this.attempts.values()]) this.abandon(attempt, reason)
  }

  private onStart(attempt: Attempt, kind: ChannelKind, start: Start): void {
    const refusal = this.refusalFor(start, attempt.proved?.address)
    if (refusal) {
      this.core.count(`link: refused, ${refusal}`)
      this.core.transmit(attempt.channel, { type: 'refuse', attempt: start.attempt, code: refusal })
      this.abandon(attempt, refusal)
      return
    }
    if (attempt.proved) {
      this.linkDialler(attempt, kind, start)
      return
    }
    const status = this.core.statusFor(start.from)
    attempt.told = status
    this.core.transmit(attempt.channel, this.acceptFor(start.attempt, status))
    const deadlineMs = this.core.nowMs + HANDSHAKE_TIMEOUT_MS
    this.proceed(attempt, { name: 'awaiting-confirm', kind, start, deadlineMs })
  }

  private acceptFor(attempt: number, status: Status): Accept & { type: 'accept' } {
    const { config, endpoints } = this.core
    const { incarnation, address: from } = config
    return { type: 'accept', attempt, incarnation, from, endpoints: [...endpoints], status }
  }

  /** It was the far end that dialled, and it has heard us. */
  private linkDialler(attempt: Attempt, kind: ChannelKind, start: Start): void {
    this.remove(attempt)
    this.events.linked({
      channel: attempt.channel,
      kind,
      endpoint: attempt.endpoint,
      ours: false,
      attempt: start.attempt,
      address: start.from,
      incarnation: start.incarnation,
      endpoints: start.endpoints,
      status: start.status,
      isForAnybody: false,
      told: attempt.told,
      role: NO_ROLES,
    })
  }

  private refusalFor(start: Start, proved: Address | undefined): Refusal | undefined {
    const { config, leaving } = this.core
    if (start.version !== WIRE_VERSION) return 'wrong-version'
    if (start.namespace !== config.namespace) return 'wrong-namespace'
    if (start.from === config.address) return 'self'
    if (proved && start.from !== proved) return 'forged-address'
    if (start.to && start.to !== config.address) return 'wrong-target'
    return leaving ? 'leaving' : undefined
  }

  private onAccept(attempt: Attempt, kind: ChannelKind, accept: Accept): void {
    const wrong = this.faultOf(accept, attempt)
    if (wrong) {
      this.abandon(attempt, wrong)
      return
    }
    this.remove(attempt)
    if (!attempt.proved) this.core.transmit(attempt.channel, { type: 'confirm', attempt: attempt.number })
    this.events.linked({
      channel: attempt.channel,
      kind,
      endpoint: attempt.endpoint,
      ours: true,
      attempt: attempt.number,
      address: accept.from,
      incarnation: accept.incarnation,
      endpoints: accept.endpoints,
      status: accept.status,
      isForAnybody: attempt.proved !== undefined,
      told: attempt.told,
      role: attempt.role,
    })
  }

  private faultOf(accept: Accept, { to, proved }: Attempt): Refusal | undefined {
    if (accept.from === this.core.config.address) return 'self'
    if (proved && accept.from !== proved.address) return 'forged-address'
    return to && accept.from !== to ? 'wrong-target' : undefined
  }

  /** What the far end learns of our wishes with the first frame, so that both ends see one role at once. */
  private statusOnStart(attempt: Attempt): Status {
    const status = attempt.to ? this.core.statusFor(attempt.to) : this.core.statusFor(this.core.config.address)
    return { ...status, roles: withRole(status.roles, attempt.role || LEAF) }
  }

  private abandon(attempt: Attempt, reason: string): void {
    this.core.emit({ type: 'close', channel: attempt.channel, reason })
    this.fail(attempt, reason)
  }

  private fail(attempt: Attempt, reason: string): void {
    this.remove(attempt)
    this.events.failed({ endpoint: attempt.endpoint, to: attempt.to, ours: attempt.number > 0, reason })
  }

  private insert(attempt: Attempt): void {
    this.attempts.set(attempt.channel, attempt)
    this.soonest.add(attempt.state.deadlineMs)
    this.countTargets(attempt, 1)
  }

  private proceed(attempt: Attempt, state: AttemptState): void {
    attempt.state = state
    this.soonest.add(state.deadlineMs)
  }

  private remove(attempt: Attempt): void {
    if (this.attempts.delete(attempt.channel)) this.countTargets(attempt, -1)
  }

  private countTargets({ number, endpoint, to }: Attempt, by: 1 | -1): void {
    if (number === 0) return
    this.ours += by
    for (const target of to === undefined ? [endpoint] : [endpoint, to]) {
      const count = (this.targets.get(target) ?? 0) + by
      if (count > 0) this.targets.set(target, count)
      else this.targets.delete(target)
    }
  }
}
