/**
 * KeyAgreement: what goes through others waits until the two have agreed on keys, as in the page, by as many signals there
 * and back. Nothing is reckoned and nothing sealed here: what is modelled is the time that it takes.
 *
 *   asking:     greeting --second / third--> proving --done, or anything sealed--> known
 *   answering:  first / second, third / done--> known
 */
import type { Address } from '../overlay/address.ts'
import type { Sealer, SealFault } from '../overlay/sealer.ts'
import type { Clock } from '../ports.ts'

/** As the page's introductions have them. */
const [FIRST, SECOND, THIRD, DONE] = [0xe0, 0xe1, 0xe2, 0xe3]
const RESEND_FIRST_MS = 700
const RESENDS = 4
/** Of Noise XXpsk3 with an accept and signing keys, about as much as the largest of the three. */
const SIGNAL_BYTES = 160

export interface KeyAgreementEvents {
  /** Carries a signal to a node of the ring, perhaps; a later attempt takes another way. */
  signal(to: Address, data: Uint8Array, attempt: number): void
  introduced(to: Address): void
}

type Asking = { isProving: boolean; cancel: () => void }

export class KeyAgreement implements Sealer {
  private readonly address: Address
  private readonly clock: Clock
  private readonly known = new Set<Address>()
  private readonly asked = new Map<Address, Asking>()
  private events: KeyAgreementEvents | undefined

  constructor(address: Address, clock: Clock) {
    this.address = address
    this.clock = clock
  }

  /** Must be called before anything can leave. */
  carryBy(events: KeyAgreementEvents): void {
    this.events = events
  }

  knows(to: Address): boolean {
    return this.known.has(to)
  }

  seal(to: Address, plain: Uint8Array): Uint8Array | undefined {
    return this.known.has(to) ? plain : undefined
  }

  open(from: Address, sealed: Uint8Array): Uint8Array | SealFault {
    if (!this.known.has(from) && this.asked.get(from)?.isProving) this.conclude(from)
    return this.known.has(from) ? sealed : 'unknown session'
  }

  introduce(far: Address): void {
    if (this.asked.has(far)) return
    const asking = { isProving: false, cancel: () => {} }
    this.asked.set(far, asking)
    this.say(asking, far, FIRST)
  }

  /** True for a signal that is of an agreement. */
  receive(from: Address, [what = 0]: Uint8Array): boolean {
    const asking = this.asked.get(from)
    switch (what) {
      case FIRST:
        // Where both ask at once the lower address's stands.
        if (!asking || this.address > from) this.signal(from, SECOND, 0)
        return true
      case SECOND:
        if (!asking || asking.isProving) return true
        asking.isProving = true
        asking.cancel()
        this.say(asking, from, THIRD)
        return true
      case THIRD:
        this.signal(from, DONE, 0)
        this.conclude(from)
        return true
      case DONE:
        if (asking?.isProving) this.conclude(from)
        return true
      default:
        return false
    }
  }

  private conclude(far: Address): void {
    this.asked.get(far)?.cancel()
    this.asked.delete(far)
    if (this.known.has(far)) return
    this.known.add(far)
    this.events?.introduced(far)
  }

  /** Says it now, and again until there is an answer; gives up in the end. */
  private say(asking: Asking, far: Address, what: number, attempt = 0): void {
    this.signal(far, what, attempt)
    asking.cancel = this.clock.wakeAt(this.clock.now() + RESEND_FIRST_MS * 2 ** attempt, () => {
      if (attempt < RESENDS - 1) this.say(asking, far, what, attempt + 1)
      else this.asked.delete(far)
    })
  }

  private signal(to: Address, what: number, attempt: number): void {
    this.events?.signal(to, new Uint8Array(SIGNAL_BYTES).fill(what, 0, 1), attempt)
  }
}
