/**
 * Rendezvous: who is shown to whom? A model of presence with the paper's limits: however many there are, a node is
 * shown at most ten others at random per round, and the presences of some are never seen by anybody. Presence is
 * mutual: who is shown somebody is shown to them, except that nobody is shown a hidden one.
 *
 *   round  when a node starts (all that start together share one, so that nobody is shown more than ten), when presences
 *          become visible that were not, and every ten seconds to a node that is not connected
 *
 * A presence goes when its node leaves; after a crash it stays as a ghost until somebody notices.
 */
import { endpointOf } from '../overlay/endpoint.ts'
import type { Visibility } from '../overlay/greeters.ts'
import type { Random } from '../overlay/node-core.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Inhabitant } from './world.ts'

export type RendezvousOptions = {
  /** How many others a node is shown per round. Paper, §V.B: ten. */
  shown: number
  /** The share of presences that nobody is ever shown. */
  unseen: number
  /** From a change of presence to those who are told of it. */
  presenceMs: number
}

/** Paper, §V.B: every ten seconds until connected. */
const ROUND_MS = 10_000
/** As the page's rendezvous has it. */
const ENOUGH_GREETERS = 8
/** Draws per wanted one, before those who can still be shown somebody are taken to have run out. */
const MAX_DRAWS = 20

export class Rendezvous {
  private readonly clock: VirtualClock
  private readonly random: Random
  private readonly options: RendezvousOptions
  /** In no order; those that can be shown. */
  private readonly presences: Inhabitant[] = []
  private readonly places = new Map<Inhabitant, number>()
  private readonly orders = new Map<Inhabitant, number>()
  private readonly shownTo = new Map<Inhabitant, Set<Inhabitant>>()
  /** The same the other way round. */
  private readonly sees = new Map<Inhabitant, Set<Inhabitant>>()
  /** Those who greet; those who show themselves to nobody, and are shown nobody; those who will when enough greet. */
  private readonly greeters = new Set<Inhabitant>()
  private readonly withdrawn = new Set<Inhabitant>()
  private readonly withdrawing = new Set<Inhabitant>()
  private groupOf: ((name: string) => number) | undefined
  private started = 0
  private isDown = false

  constructor(clock: VirtualClock, random: Random, options: RendezvousOptions) {
    this.clock = clock
    this.random = random
    this.options = options
  }

  /** Start together: one round for all. */
  startAll(newcomers: readonly Inhabitant[]): void {
    for (const newcomer of newcomers) this.enter(newcomer)
    this.roundOf(newcomers, () => true)
    for (const newcomer of newcomers) this.keepRounds(newcomer)
  }

  /** Starts where others are already: it is shown ten of them, and they are shown it. */
  start(newcomer: Inhabitant): void {
    if (this.greetersBeside(newcomer) < ENOUGH_GREETERS) this.enter(newcomer)
    else {
      this.orders.set(newcomer, this.started++)
      this.withdrawn.add(newcomer)
    }
    this.round(newcomer)
    this.keepRounds(newcomer)
  }

  /** It wants to be seen so from now on. Whoever is seen by enough others instead shows itself no more. */
  become(inhabitant: Inhabitant, visibility: Visibility): void {
    if (!this.orders.has(inhabitant)) return
    this.greeters.delete(inhabitant)
    this.withdrawing.delete(inhabitant)
    if (visibility === 'greeter') this.greeters.add(inhabitant)
    if (visibility === 'quiet' && !this.withdrawn.has(inhabitant)) this.withdrawing.add(inhabitant)
    if (visibility === 'newcomer' && this.greetersBeside(inhabitant) >= ENOUGH_GREETERS) {
      this.round(inhabitant)
      return
    }
    if (visibility !== 'quiet' && this.withdrawn.delete(inhabitant)) {
      this.places.set(inhabitant, this.presences.push(inhabitant) - 1)
      this.round(inhabitant)
    }
    for (const each of this.withdrawing) {
      if (this.greetersBeside(each) < ENOUGH_GREETERS) continue
      this.withdrawing.delete(each)
      this.withdraw(each)
      this.withdrawn.add(each)
    }
  }

  /** How many presences there are. */
  get held(): number {
    return this.presences.length
  }

  /** Its presence goes; those who were shown it are told. */
  vanish(inhabitant: Inhabitant): void {
    this.orders.delete(inhabitant)
    this.greeters.delete(inhabitant)
    this.withdrawn.delete(inhabitant)
    this.withdrawing.delete(inhabitant)
    this.withdraw(inhabitant)
  }

  private withdraw(inhabitant: Inhabitant): void {
    const place = this.places.get(inhabitant)
    if (place !== undefined) {
      const last = this.presences.pop() as Inhabitant
      if (last !== inhabitant) {
        this.presences[place] = last
        this.places.set(last, place)
      }
      this.places.delete(inhabitant)
    }
    for (const viewer of this.shownTo.get(inhabitant) ?? []) this.hide(viewer, inhabitant)
    for (const shown of this.sees.get(inhabitant) ?? []) this.shownTo.get(shown)?.delete(inhabitant)
    this.shownTo.delete(inhabitant)
    this.sees.delete(inhabitant)
  }

  /** From now on a node sees its own group only. */
  split(groupOf: (name: string) => number): void {
    this.groupOf = groupOf
    for (const [shown, viewers] of this.shownTo) {
      for (const viewer of viewers) {
        if (!this.sameGroup(viewer, shown)) this.hide(viewer, shown)
      }
    }
  }

  /** The groups see each other again: one round for all, of those that could not be seen. */
  rejoin(): void {
    const { groupOf } = this
    this.groupOf = undefined
    if (!groupOf) return
    this.roundOf(this.viewers, (a, b) => groupOf(a.name) !== groupOf(b.name))
  }

  /** Nobody is shown anybody any more; who was shown stays known, as nobody says that they left. */
  goDown(): void {
    this.isDown = true
  }

  /** All presences are new ones: one round for all. */
  comeBack(): void {
    this.isDown = false
    for (const [shown, viewers] of this.shownTo) for (const viewer of viewers) this.hide(viewer, shown)
    this.roundOf(this.viewers, () => true)
  }

  private get viewers(): Inhabitant[] {
    return [...this.orders.keys()].filter((each) => !this.withdrawn.has(each))
  }

  private greetersBeside(inhabitant: Inhabitant): number {
    let count = 0
    for (const each of this.greeters) if (each !== inhabitant && this.sameGroup(each, inhabitant)) count++
    return count
  }

  /** Shows two nodes each other, whatever the limits say. */
  show(newcomer: Inhabitant, elder: Inhabitant): void {
    this.tell(newcomer, elder, true)
    this.tell(elder, newcomer, false)
  }

  private enter(newcomer: Inhabitant): void {
    this.orders.set(newcomer, this.started++)
    if (this.options.unseen > 0 && this.random() < this.options.unseen) return
    this.places.set(newcomer, this.presences.push(newcomer) - 1)
  }

  private keepRounds(inhabitant: Inhabitant): void {
    this.clock.callAt(this.clock.now() + ROUND_MS, () => {
      if (!this.orders.has(inhabitant) || inhabitant.gone) return
      if (inhabitant.node.state !== 'connected' && !this.withdrawn.has(inhabitant)) this.round(inhabitant)
      this.keepRounds(inhabitant)
    })
  }

  private round(viewer: Inhabitant): void {
    if (this.isDown) return
    for (const other of this.draw(viewer, this.options.shown, () => true)) this.seeEachOther(viewer, other)
  }

  /** Everybody is shown others until it has been shown ten or nobody is left who has not. */
  private roundOf(viewers: readonly Inhabitant[], eligible: (a: Inhabitant, b: Inhabitant) => boolean): void {
    const allowance = new Map(viewers.map((viewer) => [viewer, this.options.shown]))
    for (const viewer of viewers) {
      const left = allowance.get(viewer) ?? 0
      const others = this.draw(viewer, left, (other) => (allowance.get(other) ?? 0) > 0 && eligible(viewer, other))
      for (const other of others) {
        this.seeEachOther(viewer, other)
        allowance.set(viewer, (allowance.get(viewer) ?? 0) - 1)
        // One whose own presence nobody sees is not shown to the other, and costs it nothing.
        if (this.places.has(viewer)) allowance.set(other, (allowance.get(other) ?? 0) - 1)
      }
    }
  }

  /** Distinct others at random, of those whose presence the viewer can see. */
  private draw(viewer: Inhabitant, count: number, eligible: (other: Inhabitant) => boolean): Inhabitant[] {
    const drawn = new Set<Inhabitant>()
    const { presences } = this
    const wanted = Math.min(count, presences.length)
    for (let draws = wanted * MAX_DRAWS; draws > 0 && drawn.size < wanted; draws--) {
      const other = presences[Math.floor(this.random() * presences.length)] as Inhabitant
      if (other === viewer || drawn.has(other) || !this.sameGroup(viewer, other) || !eligible(other)) continue
      if (!this.shownTo.get(other)?.has(viewer)) drawn.add(other)
    }
    return [...drawn]
  }

  private seeEachOther(a: Inhabitant, b: Inhabitant): void {
    const isElder = (who: Inhabitant, whom: Inhabitant) => (this.orders.get(who) ?? 0) < (this.orders.get(whom) ?? 0)
    if (this.places.has(b)) this.tell(a, b, isElder(b, a))
    if (this.places.has(a)) this.tell(b, a, isElder(a, b))
  }

  private tell(viewer: Inhabitant, shown: Inhabitant, elder: boolean): void {
    setOf(this.shownTo, shown).add(viewer)
    setOf(this.sees, viewer).add(shown)
    this.clock.callAt(this.clock.now() + this.options.presenceMs, () =>
      viewer.driver.give({
        type: 'candidate-appeared',
        endpoint: endpointOf('xmpp', shown.name),
        elder,
        ...(this.greeters.has(shown) ? { greeter: true } : {}),
      }),
    )
  }

  private hide(viewer: Inhabitant, shown: Inhabitant): void {
    this.shownTo.get(shown)?.delete(viewer)
    this.sees.get(viewer)?.delete(shown)
    this.clock.callAt(this.clock.now() + this.options.presenceMs, () =>
      viewer.driver.give({ type: 'candidate-vanished', endpoint: endpointOf('xmpp', shown.name) }),
    )
  }

  private sameGroup(a: Inhabitant, b: Inhabitant): boolean {
    return !this.groupOf || this.groupOf(a.name) === this.groupOf(b.name)
  }
}

function setOf<K>(sets: Map<K, Set<K>>, key: K): Set<K> {
  const found = sets.get(key) ?? new Set()
  sets.set(key, found)
  return found
}
