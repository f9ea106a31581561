/**
 * Greeters: do we show our presence on behalf of the ring? Presence among n who all show theirs costs a service n² stanzas.
 * So in a crowd only those show it who live nearest to one of sixteen evenly spaced places of the ring: each knows it by
 * itself, from the nodes next to it, and of a ring that was split each part has its own, which is how they find each other.
 *
 *   newcomer --connected, few--> shown <--few, crowd--> greeter, when one of the places is ours
 *    |    ^                        |                        |  ^
 *    |    |                    ring lost                ring lost  +-- a place is won or lost --> quiet
 *    |    |                        v                        |                                      |
 *    +----|---- not let in --> seeking <--------------------+                                      |
 *         +--------------------------------- ring lost --------------------------------------------+
 *
 * Who is seeking is seen unless many others are who seek: it says so again and again, until it is let in.
 *
 * Each change waits for a moment, so that whoever follows is there before whoever goes. When a whole crowd has lost its ring,
 * those who were quiet ask like newcomers, so that they do not all show themselves to all.
 */
import { type Address, apart, fractionOf } from './address.ts'
import type { NodeCore } from './node-core.ts'
import type { Part } from './part-schedule.ts'

/**
 * `newcomer`: for as long as it takes to see who greets. `seeking`: nobody lets us in, so that we are to be found, unless
 * enough others are. `shown`: like everybody in a small ring. `greeter`: for a crowd. `quiet`: others greet.
 */
export type Visibility = 'newcomer' | 'seeking' | 'shown' | 'greeter' | 'quiet'

/** A guess: enough that no service hides them all and no burst of deaths takes them all, and few to be told of everybody. */
export const GREETERS = 16
/** More is a crowd; until fewer than the second number remain. Guesses: the least of which some can be spared. */
const CROWD = 24
const NO_CROWD = 20
/**
 * In a ring of more, first contacts are not made over the service's relay, if there is another way. As for shortcuts: below a
 * crowd an estimate alone is not believed.
 */
const SPARED_ABOVE = 10
/** A guess: whoever follows us has noticed, and its presence is out. */
const CHANGE_MS = 1_000
/** A guess: a ring that closes by itself has done so, and a newcomer has been let in. */
const LOST_MS = 4_000
/** The same where some who were asked may yet answer: a service that is behind is not to bear a presence, too. A guess. */
const LOST_WHILE_ASKING_MS = 15_000
const ASKING_LOOK_MS = 1_000
/**
 * Guesses: several rounds among those who were seen, after which others may be there. Twice as long each time: a service
 * that is behind with showing all to all catches up only if they show themselves less and less.
 */
const SEEK_AGAIN_MS = 10_000
const SEEK_AGAIN_MAX_MS = 160_000

export class Greeters implements Part {
  visibility: Visibility = 'newcomer'
  private changeAtMs: number | undefined
  private againAtMs = Number.POSITIVE_INFINITY
  private againAfterMs = SEEK_AGAIN_MS
  private readonly core: NodeCore
  /** The nodes next to us, linked or not. */
  private readonly nextToUs: () => readonly [left: Address | undefined, right: Address | undefined]
  /** Who might let us in: how many are seen, and how many of those who were asked may yet answer. */
  private readonly hosts: { readonly known: number; readonly unanswered: number }
  private notInSinceMs: number | undefined
  private connected = false
  private crowd = false
  private wanted: Visibility = 'newcomer'

  constructor(
    core: NodeCore,
    nextToUs: () => readonly [left: Address | undefined, right: Address | undefined],
    hosts: { readonly known: number; readonly unanswered: number },
  ) {
    this.core = core
    this.nextToUs = nextToUs
    this.hosts = hosts
  }

  get deadlineMs(): number | undefined {
    if (this.changeAtMs !== undefined || this.visibility !== 'seeking') return this.changeAtMs
    // Where nobody is seen nobody goes unseen.
    return this.hosts.known > 0 ? this.againAtMs : undefined
  }

  /** Whether the ring, as far as we or those who have let us in know, is so large that not all are linked to all. */
  get sparesService(): boolean {
    if (!this.core.config.greeters) return false
    if (this.crowd) return true
    const { table } = this.core
    for (const { status } of table.all()) {
      if (status.size > CROWD || (status.size > SPARED_ABOVE && table.knowsMoreThan(SPARED_ABOVE))) return true
    }
    return false
  }

  /** Of how many nodes rendezvous shows strangers to each. */
  watchersOf(size: number): number {
    return this.visibility === 'greeter' ? Math.min(size, GREETERS) : size
  }

  /** To be called whenever the table, or who is next to us, may have changed. */
  review(connected: boolean): void {
    this.connected = connected
    this.notInSinceMs = connected ? undefined : (this.notInSinceMs ?? this.core.nowMs)
    if (connected) this.againAfterMs = SEEK_AGAIN_MS
    if (!this.core.config.greeters) return
    const wanted = this.wish(connected)
    if (wanted === this.wanted && (this.changeAtMs !== undefined || wanted === this.visibility)) return
    this.wanted = wanted
    const delayMs = (connected ? CHANGE_MS : LOST_MS) * (0.5 + this.core.random())
    this.changeAtMs = wanted === this.visibility ? undefined : this.core.nowMs + delayMs
  }

  wake(): void {
    if (this.deadlineMs === undefined || this.deadlineMs > this.core.nowMs) return
    this.changeAtMs = undefined
    if (this.putsOff()) return
    this.visibility = this.wanted
    this.core.emit({ type: 'visibility', visibility: this.visibility })
    if (this.visibility === 'seeking') {
      this.againAtMs = this.core.nowMs + this.againAfterMs * (0.5 + this.core.random())
      this.againAfterMs = Math.min(2 * this.againAfterMs, SEEK_AGAIN_MAX_MS)
    }
    this.review(this.connected)
  }

  /** To seek before the last of those who were asked has answered would burden a service that may only be slow. */
  private putsOff(): boolean {
    const { nowMs, random } = this.core
    const isLong = nowMs >= (this.notInSinceMs ?? nowMs) + LOST_WHILE_ASKING_MS
    if (this.wanted !== 'seeking' || isLong || this.hosts.unanswered === 0) return false
    this.changeAtMs = nowMs + ASKING_LOOK_MS * (0.5 + random())
    return true
  }

  /** One estimate may be half of what is true, and stay so while nobody moves; most of them are not. */
  private isAbove(size: number): boolean {
    const { table, config } = this.core
    if (table.estimateSize(config.perSide) > size) return true
    const others = table.structured().map((address) => table.get(address)?.status.size ?? 0)
    return 2 * others.filter((each) => each > size).length > others.length
  }

  private wish(connected: boolean): Visibility {
    if (!connected) return this.visibility === 'quiet' ? 'newcomer' : 'seeking'
    const { config } = this.core
    this.crowd = this.crowd ? this.isAbove(NO_CROWD - 1) : this.isAbove(CROWD)
    if (!this.crowd) return 'shown'
    const [left, right] = this.nextToUs()
    return left && right && hasGreetersPlace(config.address, left, right) ? 'greeter' : 'quiet'
  }
}

/** Whether one of the places is nearer to this node than to those next to it. */
export function hasGreetersPlace(self: Address, left: Address, right: Address): boolean {
  const at = fractionOf(self)
  const nearest = [Math.floor(at * GREETERS), Math.ceil(at * GREETERS)]
  return nearest.some((index) => {
    const place = (index % GREETERS) / GREETERS
    return apart(place, at) < apart(place, fractionOf(left)) && apart(place, at) <= apart(place, fractionOf(right))
  })
}
