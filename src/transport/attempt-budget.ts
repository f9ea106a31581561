/**
 * Attempt budget: may one more RTCPeerConnection be made? Each costs the browser threads and ports for a while after it
 * is closed, and one that gathers candidates asks STUN and TURN servers; so there is a bound on attempts in any minute,
 * beside the one on connections that live. Half is for those that we dial ourselves, half for those that are offered
 * to us, and of that half no sender gets more than what is left for all the others.
 */
import { type Endpoint, targetOf } from '../overlay/endpoint.ts'
import type { Clock } from '../ports.ts'

/** Guesses: a ring of thirty that is all-to-all forms twice over; a page that needs more has some other trouble. */
export const MAX_DIALS_PER_MINUTE = 60
export const MAX_OFFERS_PER_MINUTE = 60
/** A guess: the retries of one who cannot reach us are fewer. */
export const MAX_OFFERS_PER_SENDER = 6
const MINUTE_MS = 60_000

export type BudgetRefusal = 'too many attempts' | 'too many offers' | 'too many offers of one sender'

type Offer = { atMs: number; sender: string; account: string }

export class AttemptBudget {
  private readonly clock: Clock
  private dials: number[] = []
  private offers: Offer[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Takes what a dial of ours costs; undefined when there was enough, else nothing is taken. */
  takeDial(): BudgetRefusal | undefined {
    const nowMs = this.clock.now()
    this.dials = this.dials.filter((atMs) => atMs > nowMs - MINUTE_MS)
    if (this.dials.length >= MAX_DIALS_PER_MINUTE) return 'too many attempts'
    this.dials.push(nowMs)
    return undefined
  }

  /** The same for an offer of the far end. */
  takeOffer(from: Endpoint): BudgetRefusal | undefined {
    const nowMs = this.clock.now()
    this.offers = this.offers.filter(({ atMs }) => atMs > nowMs - MINUTE_MS)
    const left = MAX_OFFERS_PER_MINUTE - this.offers.length
    if (left <= 0) return 'too many offers'
    const sender = targetOf(from)
    // Resources of one account are one stranger's for the asking, and ten tabs of our own.
    const account = sender.split('/')[0] as string
    const ofSender = this.offers.filter((offer) => offer.sender === sender).length
    const ofAccount = this.offers.filter((offer) => offer.account === account).length
    if (ofSender >= MAX_OFFERS_PER_SENDER || ofAccount >= left) return 'too many offers of one sender'
    this.offers.push({ atMs: nowMs, sender, account })
    return undefined
  }
}
