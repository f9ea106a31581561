/**
 * Secure channel: a channel whose far end has proved who it is and that it knows the namespace's secret, before anything
 * else goes over it. Where others carry the channel's frames, they are sealed from then on.
 *
 *   we dialled:  opening --opened / first--> greeting --second / third--> open --refused before any frame--> closed
 *   it arrived:  waiting --first / second--> answering --third--> open
 *
 *   first 0xf0, version, Noise 1    second 0xf1, Noise 2    third 0xf2, Noise 3    refusal 0xf5, code u8
 *
 * The second message carries what the node says to whoever dials it, under a member seal: the dialler has heard it when
 * the channel opens, and may send at once after its third message. Each step takes as long as the keys take; frames that
 * come meanwhile wait in order. Nothing that a stranger sends costs more than one handshake.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Endpoint } from '../overlay/endpoint.ts'
import type { CandidatePair, Channel, ChannelEvents, ChannelKind, PathCarrier, Proof } from '../ports.ts'
import { FrameOpener, FrameSealer } from '../security/frame-seal.ts'
import { addressOf } from '../security/identity.ts'
import type { KeyPair } from '../security/key-pair.ts'
import { openAsMember, sealForMembers } from '../security/member-seal.ts'
import { NoiseError, NoiseInitiator, NoiseResponder, type NoiseResult } from '../security/noise-handshake.ts'

const VERSION = 1
const FIRST = 0xf0
const SECOND = 0xf1
const THIRD = 0xf2
const REFUSAL = 0xf5
/** In the order of their codes; append only. */
const REFUSALS = ['busy', 'wrong-version', 'other-channel', 'bad-proof', 'wrong-secret'] as const
/** What a node says in the second message: eight endpoints of the longest sort are 32 KiB. */
const MAX_ACCEPT_BYTES = 49_152
const MAX_HANDSHAKE_BYTES = MAX_ACCEPT_BYTES + 256
/** What the far end may send before it knows that we have its proof. A guess: a node says one thing and waits. */
const MAX_EARLY_FRAMES = 32
const MAX_EARLY_BYTES = 65_536
/** What we are asked to send before there is proof. As a relay channel has it. */
const MAX_UNSENT_BYTES = 524_288
const HANDSHAKE_TIMEOUT_MS = 10_000 // As the handshake of nodes.

export type Refusal = (typeof REFUSALS)[number]

/** What a channel needs of the one who keeps it. */
export interface SecureChannelKeeper {
  readonly keyPair: KeyPair
  readonly psk: Uint8Array
  /** 40 hex digits. */
  readonly namespaceHash: string
  /** What we say to whoever dials us, before we know who it is. */
  acceptance(): Uint8Array
  /** Calls `expire` once, unless it is cancelled. */
  wakeIn(ms: number, expire: () => void): () => void
  /** A channel that the far end dialled is open. */
  arrived(channel: SecureChannel): void
  forget(channel: SecureChannel): void
  drop(reason: string): void
}

type State =
  | { name: 'opening' }
  | { name: 'greeting'; noise: NoiseInitiator }
  | { name: 'waiting' }
  | { name: 'answering'; noise: NoiseResponder; accept: Uint8Array }
  | { name: 'open'; seal: { sealer: FrameSealer; opener: FrameOpener } | undefined }
  | { name: 'closed' }

export class SecureChannel implements Channel {
  proved: Proof | undefined
  private readonly keeper: SecureChannelKeeper
  private readonly raw: Channel
  private readonly dialled: boolean
  private state: State
  private events: ChannelEvents | undefined
  private early: Uint8Array[] = []
  private earlyBytes = 0
  private stepping = false
  private unsent: { bytes: Uint8Array; bulk: boolean }[] = []
  private unsentBytes = 0
  /** The far end has taken our proof: it has sent a frame. */
  private confirmed = false
  private cancelDeadline = () => {}

  constructor(keeper: SecureChannelKeeper, raw: Channel, dialled: boolean) {
    this.keeper = keeper
    this.raw = raw
    this.dialled = dialled
    this.state = dialled ? { name: 'opening' } : { name: 'waiting' }
    raw.bind({
      opened: () => this.handleOpened(),
      message: (bytes) => this.receive(bytes),
      writable: () => this.state.name === 'open' && this.events?.writable(),
      kindChanged: () => this.state.name === 'open' && this.events?.kindChanged?.(),
      closed: (reason) => this.finish(reason),
    })
    if (!dialled) this.setDeadline()
  }

  get kind(): ChannelKind {
    return this.raw.kind
  }

  get endpoint(): Endpoint {
    return this.raw.endpoint
  }

  get congested(): boolean {
    return this.raw.congested
  }

  get candidatePair(): CandidatePair | undefined {
    return this.raw.candidatePair
  }

  /** Nobody has a path beside a channel that is not proved. */
  get paths(): PathCarrier | undefined {
    return this.state.name === 'open' ? this.raw.paths : undefined
  }

  bind(events: ChannelEvents): void {
    this.events = events
  }

  send(bytes: Uint8Array, bulk = false): void {
    const { state } = this
    if (state.name === 'open') {
      if (state.seal) this.sendSealed(state.seal.sealer, bytes, bulk)
      else this.raw.send(bytes, bulk)
    } else if (state.name !== 'closed') {
      this.unsentBytes += bytes.byteLength
      if (this.unsentBytes <= MAX_UNSENT_BYTES) this.unsent.push({ bytes: bytes.slice(), bulk })
      else queueMicrotask(() => this.fail('too much unsent'))
    }
  }

  close(reason: string): void {
    if (this.state.name === 'closed') return
    this.events = undefined
    // What was sent before there is proof would be lost; a channel that nobody has proved is worth nothing all the same.
    this.end()
    this.raw.close(reason)
  }

  /** Too many are at it already. */
  refuse(refusal: Refusal): void {
    this.raw.send(Uint8Array.of(REFUSAL, REFUSALS.indexOf(refusal)))
    this.keeper.drop(`refused, ${refusal}`)
    this.fail(refusal)
  }

  private handleOpened(): void {
    if (this.state.name !== 'opening') return
    this.setDeadline()
    const noise = new NoiseInitiator(this.noiseFacts)
    this.state = { name: 'greeting', noise }
    this.step(async () => {
      const first = await noise.first()
      return () => this.say(FIRST, first, VERSION)
    })
  }

  private receive(bytes: Uint8Array): void {
    const { state } = this
    if (state.name === 'closed') return
    if (state.name !== 'open' || this.early.length > 0) {
      this.early.push(bytes)
      this.earlyBytes += bytes.length
      if (this.early.length > MAX_EARLY_FRAMES || this.earlyBytes > MAX_EARLY_BYTES) this.giveUp('too early')
      else this.proceed()
      return
    }
    if (!this.confirmed) {
      if (bytes.length === 2 && bytes[0] === REFUSAL) {
        this.giveUp(REFUSALS[bytes[1] as number] ?? 'refused')
        return
      }
    }
    if (!state.seal) {
      this.confirmed = true
      this.events?.message(bytes)
      return
    }
    const frame = state.seal.opener.open(bytes)
    if (typeof frame !== 'string') {
      this.confirmed = true
      this.events?.message(frame)
    } else if (frame === 'replayed') this.keeper.drop('frame replayed')
    else this.giveUp(`frame ${frame === 'gap' ? 'missing' : frame}`)
  }

  /** Takes the frames that wait, one after the other. */
  private proceed(): void {
    if (this.stepping || this.early.length === 0) return
    const { state } = this
    if (state.name === 'open') {
      const waiting = this.early
      this.early = []
      this.earlyBytes = 0
      for (const bytes of waiting) this.receive(bytes)
      return
    }
    if (state.name === 'closed') return
    const bytes = this.early.shift() as Uint8Array
    this.earlyBytes -= bytes.length
    this.handleHandshake(bytes)
  }

  private handleHandshake(bytes: Uint8Array): void {
    const { state } = this
    const [name] = bytes
    if (bytes.length > MAX_HANDSHAKE_BYTES) this.giveUp('not a handshake')
    else if (name === REFUSAL && bytes.length === 2) this.giveUp(REFUSALS[bytes[1] as number] ?? 'refused')
    else if (state.name === 'waiting' && name === FIRST) {
      if (bytes[1] !== VERSION) {
        this.refuse('wrong-version')
        return
      }
      const noise = new NoiseResponder(this.noiseFacts)
      const accept = this.keeper.acceptance()
      if (accept.length > MAX_ACCEPT_BYTES) throw new Error('What a node says to whoever dials it is short.')
      this.state = { name: 'answering', noise, accept }
      this.step(async () => {
        const sealed = (hash: Uint8Array) => sealForMembers(this.keeper.psk, hash, accept)
        const { message } = await noise.second(bytes.subarray(2), sealed)
        return () => this.say(SECOND, message)
      })
    } else if (state.name === 'greeting' && name === SECOND) {
      this.step(async () => {
        const { message, payload, payloadHash, result } = await state.noise.third(bytes.subarray(1))
        const accept = openAsMember(this.keeper.psk, payloadHash, payload)
        if (!accept) throw new NoiseError('wrong-secret')
        return () => {
          this.say(THIRD, message)
          this.open(result, accept)
        }
      })
    } else if (state.name === 'answering' && name === THIRD) {
      this.step(async () => {
        const { result } = await state.noise.finish(bytes.subarray(1))
        return () => this.open(result, state.accept)
      })
    } else this.giveUp('not a handshake')
  }

  /** Reckons, and then does what comes of it unless the channel has ended meanwhile. */
  private step(reckon: () => Promise<() => void>): void {
    this.stepping = true
    reckon().then(
      (act) => {
        this.stepping = false
        if (this.state.name === 'closed') return
        act()
        this.proceed()
      },
      (error) => {
        this.stepping = false
        if (!(error instanceof NoiseError)) throw error
        if (this.state.name !== 'closed') this.refuse(error.fault)
      },
    )
  }

  private open({ remote, sending, receiving }: NoiseResult, accept: Uint8Array): void {
    this.proved = { address: addressOf(remote), accept }
    this.cancelDeadline()
    const seal = isCarriedByOthers(this.kind)
      ? { sealer: new FrameSealer(sending), opener: new FrameOpener(receiving, this.kind === 'tunnel') }
      : undefined
    this.state = { name: 'open', seal }
    this.confirmed = !this.dialled
    if (this.dialled) this.events?.opened()
    else this.keeper.arrived(this)
    for (const { bytes, bulk } of this.unsent.splice(0)) this.send(bytes, bulk)
  }

  private sendSealed(sealer: FrameSealer, bytes: Uint8Array, bulk: boolean): void {
    const sealed = sealer.seal(bytes, bulk)
    if (sealed) this.raw.send(sealed, bulk)
    else queueMicrotask(() => this.fail('seal used up'))
  }

  private say(name: number, noise: Uint8Array, ...head: number[]): void {
    const message = new Uint8Array(1 + head.length + noise.length)
    message.set([name, ...head])
    message.set(noise, 1 + head.length)
    this.raw.send(message)
  }

  private setDeadline(): void {
    this.cancelDeadline = this.keeper.wakeIn(HANDSHAKE_TIMEOUT_MS, () => this.giveUp('no proof in time'))
  }

  /** The far end is not one of ours, or somebody in between is at it. */
  private giveUp(reason: string): void {
    this.keeper.drop(reason)
    this.fail(reason)
  }

  private fail(reason: string): void {
    if (this.state.name === 'closed') return
    this.raw.close(reason)
    this.finish(reason)
  }

  private finish(reason: string): void {
    if (this.state.name === 'closed') return
    const { events } = this
    this.end()
    events?.closed(reason)
  }

  private end(): void {
    this.state = { name: 'closed' }
    this.events = undefined
    this.early = []
    this.unsent = []
    this.cancelDeadline()
    this.keeper.forget(this)
  }

  private get noiseFacts() {
    const { keyPair, psk, namespaceHash } = this.keeper
    const { binding } = this.raw
    const name = utf8ToBytes(
      `overture channel ${VERSION} ${namespaceHash} ${this.raw.kind === 'turn' ? 'direct' : this.raw.kind} `,
    )
    const prologue = new Uint8Array(name.length + (binding?.length ?? 0))
    prologue.set(name)
    if (binding) prologue.set(binding, name.length)
    return { static: keyPair, psk, prologue }
  }
}

/** Others than the two ends could read and change what such a channel carries; all else is between the ends. */
function isCarriedByOthers(kind: ChannelKind): boolean {
  return kind === 'relay' || kind === 'tunnel' || kind === 'subring'
}
