/**
 * Introductions: how do two that have no link come to know each other, so that what they say is for them alone? By the
 * handshake of channels (Noise XXpsk3), as signals of the ring. Each learns that the other knows the namespace's secret
 * and has the key that its address follows from.
 *
 *   asking:     greeting --second / third--> proving --anything sealed with the new keys--> introduced
 *   answering:  answering --third / done--> introduced
 *
 *   what u8 (0xe0 first, 0xe1 second, 0xe2 third, 0xe3 done), introduction 8 bytes, then
 *   Noise 1, Noise 2, Noise 3, or nothing sealed
 *
 * Signals may be lost: who asks says its last again, another way each time. Where both ask at once the lower address's
 * stands. Nothing here is trusted before the handshake is over; what others can make us do is bounded and has a pace.
 */
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Address } from '../overlay/address.ts'
import type { IntroductionReason } from '../overlay/effects.ts'
import type { Sealer } from '../overlay/sealer.ts'
import type { Clock } from '../ports.ts'
import { EndSession } from '../security/end-session.ts'
import { EndSessions } from '../security/end-sessions.ts'
import { addressOf } from '../security/identity.ts'
import type { KeyPair } from '../security/key-pair.ts'
import { NoiseError, NoiseInitiator, NoiseResponder, type NoiseResult } from '../security/noise-handshake.ts'
import { Allowance } from './allowance.ts'
import { randomBytes } from './randomness.ts'

const FIRST = 0xe0
const SECOND = 0xe1
const THIRD = 0xe2
const DONE = 0xe3
const ID_BYTES = 8
const HEAD_BYTES = 1 + ID_BYTES
const NOTHING = new Uint8Array()
/** A ring's round trip takes less, a relay's may take longer. A guess. */
const RESEND_FIRST_MS = 700
const RESENDS = 4
/** An introduction that has not come about is forgotten. A guess: as long as all that is said again takes. */
export const INTRODUCTION_MS = 12_000
/** Whom we ask at once because we have something for them. A guess. */
const MAX_ASKED = 64
/** Whom we ask at once because of what came in their names, which may be forged. A guess. */
const MAX_ASKED_BACK = 8
/** And how often: a name that was made up costs us a signal. Guesses. */
const ASKS_BACK_PER_SECOND = 4
export const ASK_BACK_AGAIN_MS = 3_000
const MAX_ASKED_BACK_REMEMBERED = 64
/** Whom we answer at once, of all and of one name. Guesses. */
export const MAX_ANSWERED = 64
const MAX_ANSWERED_OF_ONE = 2
/** Handshakes that others make us reckon: each takes about a millisecond. A guess. */
const ANSWERS_PER_SECOND = 32

export type IntroductionFacts = {
  address: Address
  keyPair: KeyPair
  /** 32 bytes that members share. */
  psk: Uint8Array
  namespaceHash: string
  clock: Clock
}

export interface IntroductionsEvents {
  /** Carries a signal to a node of the ring, perhaps; a later attempt takes another way. */
  signal(to: Address, data: Uint8Array, attempt: number): void
  /** There are new keys for this node. */
  introduced(to: Address): void
}

type Asking = {
  id: Uint8Array
  far: Address
  reason: IntroductionReason
  noise: NoiseInitiator
  state: 'greeting' | 'reckoning' | 'proving'
  saying: Uint8Array | undefined
  cancel: () => void
}

type Answering = {
  id: Uint8Array
  far: Address
  noise: NoiseResponder
  state: 'reckoning' | 'answering' | 'introduced'
  /** What answers the same question when it comes again. */
  saying: Uint8Array | undefined
  cancel: () => void
}

export class Introductions {
  readonly dropped = new Map<string, number>()
  readonly sealer: Sealer
  private readonly facts: IntroductionFacts
  private readonly sessions: EndSessions
  private readonly asked = new Map<Address, Asking>()
  private readonly answered = new Map<string, Answering>()
  private events: IntroductionsEvents | undefined
  private readonly answers = new Allowance(ANSWERS_PER_SECOND)
  private readonly asksBack = new Allowance(ASKS_BACK_PER_SECOND)
  private readonly askedBackAtMs = new Map<Address, number>()

  constructor(facts: IntroductionFacts) {
    this.facts = facts
    this.sessions = new EndSessions((far) => this.conclude(far))
    this.sealer = this.sessions
  }

  /** How many introductions are kept, those of others among them. */
  get underWay(): number {
    return this.asked.size + this.answered.size
  }

  /** Must be called before anything can leave. */
  carryBy(events: IntroductionsEvents): void {
    this.events = events
  }

  close(): void {
    for (const { cancel } of [...this.asked.values(), ...this.answered.values()]) cancel()
    this.asked.clear()
    this.answered.clear()
    this.events = undefined
  }

  introduce(far: Address, reason: IntroductionReason): void {
    if (this.asked.has(far) || !this.events || far === this.facts.address) return
    if (reason === 'unknown-session' && !this.mayAskBack(far)) {
      this.drop('asked back too often')
      return
    }
    const ofReason = [...this.asked.values()].filter((asking) => asking.reason === reason).length
    if (ofReason >= (reason === 'to-send' ? MAX_ASKED : MAX_ASKED_BACK)) {
      this.drop('too many asked')
      return
    }
    const id = randomBytes(ID_BYTES)
    const noise = new NoiseInitiator(this.noiseFacts(this.facts.address, far, id))
    const asking: Asking = { id, far, reason, noise, state: 'reckoning', saying: undefined, cancel: () => {} }
    this.asked.set(far, asking)
    this.reckon(
      () => this.asked.get(far) === asking,
      () => noise.first(),
      (first) => {
        asking.state = 'greeting'
        this.say(asking, signalOf(FIRST, id, first))
      },
      () => this.forgetAsked(asking),
    )
  }

  /** True for a signal that is of an introduction. Never throws. */
  receive(from: Address, signal: Uint8Array): boolean {
    const [what = 0] = signal
    if (what < FIRST || what > DONE) return false
    const id = signal.slice(1, HEAD_BYTES)
    const rest = signal.subarray(HEAD_BYTES)
    if (id.length < ID_BYTES) this.drop('malformed')
    else if (what === FIRST) this.handleFirst(from, id, rest)
    else if (what === SECOND) this.handleSecond(from, id, rest)
    else if (what === THIRD) this.handleThird(from, id, rest)
    else if (typeof this.sessions.open(from, rest) === 'string') this.drop('done by nobody')
    return true
  }

  private handleFirst(from: Address, id: Uint8Array, first: Uint8Array): void {
    const known = this.answered.get(keyOf(from, id))
    if (known) {
      if (known.state === 'answering') this.repeat(known)
      return
    }
    if (this.asked.has(from) && this.facts.address < from) {
      this.drop('tie-break')
      return
    }
    if (!this.mayAnswer(from)) return
    const noise = new NoiseResponder(this.noiseFacts(from, this.facts.address, id))
    const answering: Answering = { id, far: from, noise, state: 'reckoning', saying: undefined, cancel: () => {} }
    const { clock } = this.facts
    answering.cancel = clock.wakeAt(clock.now() + INTRODUCTION_MS, () => this.forgetAnswered(answering))
    this.answered.set(keyOf(from, id), answering)
    this.reckon(
      () => this.isAnswered(answering),
      () => noise.second(first),
      ({ message }) => {
        answering.state = 'answering'
        answering.saying = signalOf(SECOND, id, message)
        this.repeat(answering)
      },
      () => this.forgetAnswered(answering),
    )
  }

  private handleSecond(from: Address, id: Uint8Array, second: Uint8Array): void {
    const asking = this.asked.get(from)
    if (asking?.state !== 'greeting' || !isSame(asking.id, id)) {
      this.drop('answer to nothing')
      return
    }
    asking.state = 'reckoning'
    this.reckon(
      () => this.asked.get(from) === asking,
      () => asking.noise.third(second),
      ({ message, result }) => {
        if (!this.isOf(from, result)) {
          this.forgetAsked(asking)
          return
        }
        asking.cancel()
        asking.state = 'proving'
        this.sessions.addFresh(from, new EndSession(result))
        this.say(asking, signalOf(THIRD, id, message))
      },
      () => this.forgetAsked(asking),
    )
  }

  private handleThird(from: Address, id: Uint8Array, third: Uint8Array): void {
    const answering = this.answered.get(keyOf(from, id))
    if (answering?.state === 'introduced') this.repeat(answering)
    if (answering?.state !== 'answering') {
      if (!answering) this.drop('proof of nothing')
      return
    }
    answering.state = 'reckoning'
    this.reckon(
      () => this.isAnswered(answering),
      () => answering.noise.finish(third),
      ({ result }) => {
        if (!this.isOf(from, result)) {
          this.forgetAnswered(answering)
          return
        }
        const session = new EndSession(result)
        answering.state = 'introduced'
        answering.saying = signalOf(DONE, id, session.seal(NOTHING) as Uint8Array)
        this.sessions.add(from, session)
        this.repeat(answering)
        this.conclude(from)
      },
      () => this.forgetAnswered(answering),
    )
  }

  /** Whether the key that was proved is the one that the address follows from. */
  private isOf(far: Address, { remote }: NoiseResult): boolean {
    if (addressOf(remote) === far) return true
    this.drop('another’s address')
    return false
  }

  private conclude(far: Address): void {
    const asking = this.asked.get(far)
    if (asking) this.forgetAsked(asking)
    this.events?.introduced(far)
  }

  /** Says it now, and again until there is an answer; gives up in the end. */
  private say(asking: Asking, signal: Uint8Array, attempt = 0): void {
    this.events?.signal(asking.far, signal, attempt)
    const { clock } = this.facts
    asking.cancel = clock.wakeAt(clock.now() + RESEND_FIRST_MS * 2 ** attempt, () => {
      if (attempt < RESENDS - 1) this.say(asking, signal, attempt + 1)
      else {
        this.drop('no answer')
        this.forgetAsked(asking)
      }
    })
  }

  private repeat({ far, saying }: Answering): void {
    if (saying) this.events?.signal(far, saying, 0)
  }

  /** Reckons, and then does what comes of it unless nobody waits for it any more. */
  private reckon<T>(
    isWanted: () => boolean,
    work: () => Promise<T>,
    act: (result: T) => void,
    failed: () => void,
  ): void {
    work().then(
      (result) => isWanted() && act(result),
      (error) => {
        if (!(error instanceof NoiseError)) throw error
        this.drop(error.fault)
        failed()
      },
    )
  }

  /** Of too many the oldest gives way: one of a flood, or one that had the time of an answer. */
  private mayAnswer(from: Address): boolean {
    if (!this.answers.take(this.facts.clock.now())) {
      this.drop('too many at once')
      return false
    }
    const all = [...this.answered.values()]
    const ofOne = all.filter(({ far }) => far === from)
    const oldest = ofOne.length >= MAX_ANSWERED_OF_ONE ? ofOne[0] : all.length >= MAX_ANSWERED ? all[0] : undefined
    if (oldest) this.forgetAnswered(oldest)
    return true
  }

  private mayAskBack(far: Address): boolean {
    const nowMs = this.facts.clock.now()
    const askedAtMs = this.askedBackAtMs.get(far) ?? Number.NEGATIVE_INFINITY
    if (nowMs < askedAtMs + ASK_BACK_AGAIN_MS || !this.asksBack.take(nowMs)) return false
    this.askedBackAtMs.delete(far)
    this.askedBackAtMs.set(far, nowMs)
    const [oldest] = this.askedBackAtMs.keys()
    if (this.askedBackAtMs.size > MAX_ASKED_BACK_REMEMBERED && oldest !== undefined) this.askedBackAtMs.delete(oldest)
    return true
  }

  private isAnswered(answering: Answering): boolean {
    return this.answered.get(keyOf(answering.far, answering.id)) === answering
  }

  private forgetAnswered(answering: Answering): void {
    answering.cancel()
    if (this.isAnswered(answering)) this.answered.delete(keyOf(answering.far, answering.id))
  }

  private forgetAsked(asking: Asking): void {
    asking.cancel()
    if (this.asked.get(asking.far) === asking) this.asked.delete(asking.far)
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }

  private noiseFacts(asking: Address, asked: Address, id: Uint8Array) {
    const { keyPair, psk, namespaceHash } = this.facts
    const prologue = concatBytes(utf8ToBytes(`overture introduction 1 ${namespaceHash} ${asking} ${asked} `), id)
    return { static: keyPair, psk, prologue }
  }
}

function signalOf(what: number, id: Uint8Array, rest: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(what), id, rest)
}

function keyOf(far: Address, id: Uint8Array): string {
  return `${far} ${bytesToHex(id)}`
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
