/**
 * SignedSignals: what two say through the ring of a link to be. Those who pass it on could change it, or make it up: each
 * signal is believed only with its sender's signature, by the key that its address follows from.
 *
 *   mark 0xe8, signing key 32 bytes, signature 64 bytes, signal          signed: namespace, both addresses, signal
 *   mark 0xe9, signal                                                    over the sender's own link, which has proved it
 *
 * Signals are numbered and acknowledged by those who make them, so these need not keep their order, and may be lost.
 */
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Address } from '../overlay/address.ts'
import { type Identity, SIGNATURE_BYTES, signerOf } from '../security/identity.ts'
import { PUBLIC_KEY_BYTES } from '../security/key-pair.ts'
import { type SignatureCheck, signatureCheckOf } from '../security/signature-check.ts'

const MARK = 0xe8
const OWN_MARK = 0xe9
const KEY_OFFSET = 1
const SIGNATURE_OFFSET = KEY_OFFSET + PUBLIC_KEY_BYTES
const SIGNAL_OFFSET = SIGNATURE_OFFSET + SIGNATURE_BYTES
/** Whose keys are remembered; who was heard of first is forgotten. A guess: more than a page makes links with at once. */
const MAX_SENDERS = 64
/** Signals at once whose signature is being checked, or made. A guess: of as many attempts as a page has at once. */
export const MAX_UNDER_WAY = 256

export type SignedSignalsFacts = { identity: Identity; namespaceHash: string }

export interface SignedSignalsEvents {
  send(to: Address, signed: Uint8Array, attempt: number): void
  /** The sender has signed it, for us. */
  receive(from: Address, signal: Uint8Array): void
}

type Sender = { signingKey: string; check: SignatureCheck }

export class SignedSignals {
  readonly dropped = new Map<string, number>()
  private readonly facts: SignedSignalsFacts
  private readonly senders = new Map<Address, Sender>()
  private events: SignedSignalsEvents | undefined
  private underWay = 0

  constructor(facts: SignedSignalsFacts) {
    this.facts = facts
  }

  /** Must be called before anything is sent or arrives. */
  carryBy(events: SignedSignalsEvents): void {
    this.events = events
  }

  close(): void {
    this.events = undefined
  }

  /** `hasLink`: whether there is a link to that node. What is said again takes another way. */
  send(to: Address, signal: Uint8Array, attempt: number, hasLink: boolean): void {
    if (hasLink && attempt === 0) {
      this.events?.send(to, concatBytes(Uint8Array.of(OWN_MARK), signal), attempt)
      return
    }
    if (this.isTooMuch) return
    const { identity } = this.facts
    const kept = signal.slice()
    this.work(identity.signSoon(this.statement(identity.address, to, kept)), (signature) => {
      this.events?.send(to, concatBytes(Uint8Array.of(MARK), identity.signingKey, signature, kept), attempt)
    })
  }

  /** `isOwn`: whether it has come over the sender's own link. */
  receive(from: Address, signed: Uint8Array, isOwn: boolean): void {
    if (isOwn && signed[0] === OWN_MARK) {
      this.events?.receive(from, signed.slice(1))
      return
    }
    if (signed[0] !== MARK || signed.length < SIGNAL_OFFSET) {
      this.drop('unsigned')
      return
    }
    if (this.isTooMuch) return
    const sender = this.senderOf(from, signed.slice(KEY_OFFSET, SIGNATURE_OFFSET))
    if (!sender) {
      this.drop('forged')
      return
    }
    const signature = signed.slice(SIGNATURE_OFFSET, SIGNAL_OFFSET)
    const signal = signed.slice(SIGNAL_OFFSET)
    this.work(sender.check(signature, this.statement(from, this.facts.identity.address, signal)), (isSigned) => {
      if (isSigned) this.events?.receive(from, signal)
      else this.drop('forged')
    })
  }

  private get isTooMuch(): boolean {
    if (this.underWay < MAX_UNDER_WAY) return false
    this.drop('too many at once')
    return true
  }

  private work<Result>(reckoning: Promise<Result>, done: (result: Result) => void): void {
    this.underWay++
    void reckoning.then((result) => {
      this.underWay--
      done(result)
    })
  }

  /** Undefined where the key is not the one that the address follows from. */
  private senderOf(from: Address, key: Uint8Array): Sender | undefined {
    const signingKey = key.join()
    const known = this.senders.get(from)
    if (known?.signingKey === signingKey) return known
    if (signerOf(key) !== from) return undefined
    const sender = { signingKey, check: signatureCheckOf(key) }
    this.senders.set(from, sender)
    const [first] = this.senders.keys()
    if (this.senders.size > MAX_SENDERS && first !== undefined) this.senders.delete(first)
    return sender
  }

  private statement(from: Address, to: Address, signal: Uint8Array): Uint8Array {
    return concatBytes(utf8ToBytes(`overture signal 1 ${this.facts.namespaceHash} ${from} ${to} `), signal)
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
