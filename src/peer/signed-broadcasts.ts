/**
 * SignedBroadcasts: what is said to all comes from who it says, once, and only members can read it. Whoever hands a
 * broadcast on could change it: each is believed only with its sender's signature over all of it.
 *
 * Checking takes a moment, and what a sender says stays in order: a message of one whose broadcast is being checked waits
 * for that; all others are handed on at once. Who was forgotten (MAX_SENDERS) could be said again by others, as could
 * what was said before we came.
 */
import type { Address } from '../overlay/address.ts'
import {
  BROADCAST_SEAL_BYTES,
  broadcastStatement,
  NONCE_BYTES,
  openBroadcast,
  type SignedBroadcast,
  sealBroadcast,
} from '../security/broadcast-seal.ts'
import { type Identity, signerOf } from '../security/identity.ts'
import { type SignatureCheck, signatureCheckOf } from '../security/signature-check.ts'
import { NumberWindow } from './number-window.ts'
import type { Soon } from './outbox.ts'
import { randomBytes } from './randomness.ts'

/** What a broadcast has beside its data. */
export const BROADCAST_OVERHEAD_BYTES = BROADCAST_SEAL_BYTES
/** Broadcasts of one sender that come late are known from those that come again. A guess. */
const WINDOW = 256
/** Whose numbers are remembered; who was not heard for longest is forgotten. A guess. */
export const MAX_SENDERS = 1_024
/** Broadcasts at once whose signature is being checked: some tens of milliseconds of work, and their bytes. A guess. */
export const MAX_CHECKED = 256

export type SignedBroadcastsFacts = {
  identity: Pick<Identity, 'address' | 'signingKey' | 'sign' | 'signSoon'>
  namespaceHash: string
  /** 32 bytes that members share. */
  broadcastKey: Uint8Array
  /** Numbers begin here, so that whoever comes back with the same identity does not use one again. */
  timeOfDayMs: () => number
}

type Deliver = (from: Address, data: Uint8Array, broadcast: boolean) => void
type Sender = { signingKey: Uint8Array; check: SignatureCheck; numbers: NumberWindow }
/** `verdict` is undefined while it is being checked. */
type Waiting = { data: Uint8Array; broadcast: boolean; verdict: boolean | undefined }

export class SignedBroadcasts {
  readonly dropped = new Map<string, number>()
  private readonly facts: SignedBroadcastsFacts
  private deliver: Deliver | undefined
  private lastNumber = 0
  private checking = 0
  private readonly senders = new Map<Address, Sender>()
  private readonly waiting = new Map<Address, Waiting[]>()

  constructor(facts: SignedBroadcastsFacts) {
    this.facts = facts
  }

  /** Whether nothing is being checked. */
  get settled(): boolean {
    return this.checking === 0
  }

  /** Must be called before anything can arrive. */
  deliverTo(deliver: Deliver): void {
    this.deliver = deliver
  }

  close(): void {
    this.deliver = undefined
    this.waiting.clear()
  }

  /** What to broadcast so that others believe that we say this. The data is the caller's again when this returns. */
  seal(data: Uint8Array): Soon {
    const { identity, namespaceHash, broadcastKey, timeOfDayMs } = this.facts
    this.lastNumber = Math.max(this.lastNumber + 1, Math.floor(timeOfDayMs()))
    const said = { number: this.lastNumber, signingKey: identity.signingKey, data: data.slice() }
    const statement = broadcastStatement(namespaceHash, identity.address, said.number, said.data)
    const sealed = (signature: Uint8Array) =>
      sealBroadcast(broadcastKey, randomBytes(NONCE_BYTES), { ...said, signature })
    return { soon: identity.signSoon(statement).then(sealed), now: () => sealed(identity.sign(statement)) }
  }

  /** `broadcast`: whether it came as one, and so has been sealed. */
  receive(from: Address, data: Uint8Array, broadcast: boolean): void {
    if (broadcast) this.receiveBroadcast(from, data)
    else {
      const earlier = this.waiting.get(from)
      if (earlier) earlier.push({ data, broadcast, verdict: true })
      else this.deliver?.(from, data, broadcast)
    }
  }

  private receiveBroadcast(from: Address, sealed: Uint8Array): void {
    if (this.checking >= MAX_CHECKED) {
      this.drop('too many at once')
      return
    }
    const said = openBroadcast(this.facts.broadcastKey, sealed)
    if (!said) {
      this.drop('unreadable')
      return
    }
    const known = this.senders.get(from)
    if (known?.numbers.has(said.number)) {
      this.drop('replayed')
      return
    }
    const sender = known && isSame(known.signingKey, said.signingKey) ? known : this.stranger(from, said)
    if (!sender) {
      this.drop('forged')
      return
    }
    const waiting: Waiting = { data: said.data, broadcast: true, verdict: undefined }
    const inOrder = this.waiting.get(from)
    if (inOrder) inOrder.push(waiting)
    else this.waiting.set(from, [waiting])
    this.checking++
    const statement = broadcastStatement(this.facts.namespaceHash, from, said.number, said.data)
    void sender.check(said.signature, statement).then((isSigned) => {
      this.checking--
      waiting.verdict = isSigned && this.isNew(from, sender, said.number)
      if (!isSigned) this.drop('forged')
      this.handOn(from)
    })
  }

  /** Undefined where the key is not the one that the address follows from. */
  private stranger(from: Address, { signingKey }: SignedBroadcast): Sender | undefined {
    if (signerOf(signingKey) !== from) return undefined
    return { signingKey, check: signatureCheckOf(signingKey), numbers: new NumberWindow(WINDOW) }
  }

  /** Of a number that the sender has signed. It may have come twice while it was being checked. */
  private isNew(from: Address, checked: Sender, number: number): boolean {
    const sender = this.senders.get(from) ?? checked
    if (sender.numbers.has(number)) {
      this.drop('replayed')
      return false
    }
    sender.numbers.add(number)
    this.senders.delete(from)
    this.senders.set(from, sender)
    const [longestSilent] = this.senders.keys()
    if (this.senders.size > MAX_SENDERS && longestSilent !== undefined) this.senders.delete(longestSilent)
    return true
  }

  private handOn(from: Address): void {
    const inOrder = this.waiting.get(from) ?? []
    while (inOrder[0]?.verdict !== undefined) {
      const { data, broadcast, verdict } = inOrder.shift() as Waiting
      if (verdict) this.deliver?.(from, data, broadcast)
    }
    if (inOrder.length === 0) this.waiting.delete(from)
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
