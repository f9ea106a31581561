/**
 * LeafOverlord: how do we get our first links, and how do rings that formed apart find each other?
 *
 *   seeking --ring consistent--> settled --ring lost--> seeking
 *
 *   seeking   rounds, at growing delays: at most ten candidates each, drawn at random without repetition.
 *             Elders are dialled at once. Those who came after us dial us, so we give them a grace first.
 *   settled   one candidate that we have no link to, now and then: in a ring that is whole it costs one link;
 *             when there are two rings it makes them one. After strangers have appeared, one of them soon, by as many
 *             nodes as it takes: newcomers join by themselves, the members of another ring do not.
 *
 * Leaf links that the ring has no other use for are dropped after a while.
 */
import { type Endpoint, schemeOf } from './endpoint.ts'
import type { Greeters } from './greeters.ts'
import type { Linker } from './linker.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, LEAF, type RoleBits, withoutRole } from './role.ts'
import type { TimerProfile } from './timer-profile.ts'

/** Presences beyond it are dropped: the paper saw 600 instances of one account. */
const MAX_CANDIDATES = 2_000
/** A candidate that failed is left alone for so long. */
const FAILED_MS = 10_000
/** One whose link fell silent may be back at once: perhaps it was we who slept. */
const SUSPECT_MS = 1_000
/** Long enough to find our place through it, wherever it leads. A guess. */
const LEAF_KEPT_MS = 5_000
/** In a ring that spares its service: with one link, such a place is found at once. A guess. */
const LEAF_KEPT_SPARING_MS = 1_500
/** How many of a ring's nodes dial a stranger that appeared: enough that one of them gets through. A guess. */
const PROBES_PER_STRANGER = 3
/** In a crowd the stranger may as well be somebody of ours who greets from now on; another ring shows many. A guess. */
const PROBES_PER_STRANGER_OF_CROWD = 1
/**
 * An elder joins nobody by itself, so a ring that is smaller than this asks it the sooner, the smaller it is: tabs of one
 * browser are a ring before they have signed in, and are the newcomers to everybody else. A guess.
 */
const AS_SLOW_FOR_ELDERS_NODES = 100

/**
 * Where more are shown than may be asked in a round, there is a ring, and a few of them lead into it; one greeter does. What
 * is asked of more is a burden to the service, so more are asked only when the first have not let us in. A guess.
 */
const FEW = 3
/** Candidates are shown one after the other. A guess: a service sends what it has in one go. */
const GATHERING_MS = 30

/**
 * Who has not answered by then is dead, or the service is slow: so long nobody else is asked in its place, else a service
 * that is behind is asked ever more. A guess: many round trips.
 */
const PATIENCE_MS = 6_000

type Candidate = { endpoint: Endpoint; dialAfterMs: number; greeter: boolean }

export class LeafOverlord {
  private readonly core: NodeCore
  private readonly linker: Linker
  private readonly greeters: Pick<Greeters, 'visibility' | 'watchersOf'>
  private readonly candidates = new Map<Endpoint, Candidate>()
  private round = 0
  /** When the next round begins; undefined while nobody was asked in this one. */
  private roundAtMs: number | undefined
  /** When the grace of one who came after us ends. */
  private graceEndsAtMs: number | undefined
  private probeAtMs: number | undefined
  /** Who has appeared since we are settled, and was not dialled yet. */
  private readonly strangers = new Set<Endpoint>()
  private strangerProbeAtMs: number | undefined
  /** When leaf links that have had their time are given up; undefined while there are none. */
  private dropAtMs: number | undefined
  private settled = false
  /** How many were asked in this round. */
  private asked = 0
  /** When those were asked who may yet answer. */
  private readonly askedAtMs = new Map<Endpoint, number>()

  constructor(core: NodeCore, linker: Linker, greeters: Pick<Greeters, 'visibility' | 'watchersOf'>) {
    this.core = core
    this.linker = linker
    this.greeters = greeters
  }

  get deadlineMs(): number | undefined {
    if (this.settled) {
      const never = Number.POSITIVE_INFINITY
      const atMs = Math.min(this.probeAtMs ?? never, this.strangerProbeAtMs ?? never, this.dropAtMs ?? never)
      return atMs === Number.POSITIVE_INFINITY ? undefined : atMs
    }
    if (this.roundAtMs === undefined || this.graceEndsAtMs === undefined) return this.roundAtMs ?? this.graceEndsAtMs
    return Math.min(this.roundAtMs, this.graceEndsAtMs)
  }

  get known(): number {
    return this.candidates.size
  }

  /** Whether a candidate is being dialled, or has yet to dial us: more than the few who lead into a ring of many. */
  get expectsSomebody(): boolean {
    if (this.candidates.size > this.profile.candidatesPerRound) return false
    for (const { endpoint, dialAfterMs } of this.candidates.values()) {
      if (this.core.table.ofEndpoint(endpoint)) continue
      if (this.linker.isDialling(endpoint) || dialAfterMs > this.core.nowMs) return true
    }
    return false
  }

  shows(endpoint: Endpoint): boolean {
    return this.candidates.has(endpoint)
  }

  appeared(endpoint: Endpoint, elder: boolean, greeter = false): void {
    if (this.core.endpoints.includes(endpoint)) return
    if (!this.core.config.transports.some(({ scheme }) => scheme === schemeOf(endpoint))) {
      this.core.count('candidate: unknown scheme')
      return
    }
    if (this.candidates.size >= MAX_CANDIDATES && !this.candidates.has(endpoint)) {
      this.core.count('candidate: too many')
      return
    }
    const dialAfterMs = this.core.nowMs + (elder ? 0 : this.profile.newcomerGraceMs)
    this.candidates.set(endpoint, { endpoint, dialAfterMs, greeter })
    if (this.settled) {
      this.noteStranger(endpoint, elder)
      return
    }
    if (!this.profile.dialsOnAppearance) {
      this.roundAtMs ??= this.core.nowMs + this.roundDelayMs()
      return
    }
    // Within a round's allowance a new candidate need not wait for the next one.
    const isEnough = this.core.config.greeters && this.asked >= FEW
    const gatheredMs = this.core.nowMs + GATHERING_MS
    if (greeter || (elder && isEnough)) this.graceEndsAtMs = Math.min(this.graceEndsAtMs ?? gatheredMs, gatheredMs)
    else if (elder) this.askSome([endpoint])
    else this.graceEndsAtMs = Math.min(this.graceEndsAtMs ?? dialAfterMs, dialAfterMs)
  }

  vanished(endpoint: Endpoint): void {
    this.candidates.delete(endpoint)
    this.strangers.delete(endpoint)
  }

  failed(endpoint: Endpoint): void {
    this.putOff(endpoint, FAILED_MS)
  }

  /** A link stands that we dialled for this role, perhaps long after we asked for it. */
  linked(role: RoleBits): void {
    if (this.settled && hasRole(role, LEAF)) this.dropAtMs ??= this.core.nowMs + this.leafKeptMs
  }

  /** Somebody at these endpoints fell silent: others come first. */
  suspect(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) this.putOff(endpoint, SUSPECT_MS)
  }

  /** The ring is consistent as far as we see, or no longer. */
  review(connected: boolean): void {
    if (connected === this.settled) return
    const { nowMs } = this.core
    this.settled = connected
    this.round = 0
    this.asked = 0
    this.graceEndsAtMs = undefined
    this.strangers.clear()
    this.strangerProbeAtMs = undefined
    this.dropAtMs = connected ? nowMs + this.leafKeptMs : undefined
    this.roundAtMs = connected ? undefined : nowMs
    this.probeAtMs = connected ? this.nextProbeMs() : undefined
  }

  wake(): void {
    const { nowMs } = this.core
    if (this.settled) {
      this.probeStranger()
      this.dropUseless()
      if (this.probeAtMs === undefined || this.probeAtMs > nowMs) return
      this.probeAtMs = this.nextProbeMs()
      const [stranger] = this.openStrangers()
      if (this.greeters.visibility === 'quiet') return
      for (const endpoint of stranger ? [stranger] : this.draw(1)) this.probe(endpoint)
      return
    }
    if (this.roundAtMs !== undefined && this.roundAtMs <= nowMs) {
      this.roundAtMs = undefined
      this.asked = 0
      this.askSome(this.draw(this.perRound))
      // A round in which nobody could be asked is none: it begins when somebody can.
      this.roundAtMs ??= this.earliestOpenMs()
    }
    if (this.graceEndsAtMs !== undefined && this.graceEndsAtMs <= nowMs) {
      this.graceEndsAtMs = undefined
      this.askSome(this.draw(this.perRound))
    }
  }

  private noteStranger(endpoint: Endpoint, elder: boolean): void {
    const { strangerProbeMs } = this.profile
    if (strangerProbeMs === undefined || this.greeters.visibility === 'quiet') return
    this.strangers.add(endpoint)
    if (!elder && this.strangerProbeAtMs !== undefined) return
    const size = this.core.table.estimateSize(this.core.config.perSide)
    const share = elder ? Math.min(1, size / AS_SLOW_FOR_ELDERS_NODES) : 1
    const probeAtMs = this.core.nowMs + this.fuzzy(strangerProbeMs * share)
    this.strangerProbeAtMs = Math.min(this.strangerProbeAtMs ?? probeAtMs, probeAtMs)
  }

  private probeStranger(): void {
    if (this.strangerProbeAtMs === undefined || this.strangerProbeAtMs > this.core.nowMs) return
    this.strangerProbeAtMs = undefined
    const open = this.openStrangers()
    const size = this.watchers
    const stranger = open[Math.floor(this.core.random() * open.length)]
    if (stranger && this.core.random() * size < this.probesPerStranger * open.length) {
      this.probe(stranger)
    }
    // All of them have had their chance; else each newcomer's coming and going would give them another.
    if (this.greeters.visibility === 'greeter') this.strangers.clear()
  }

  private openStrangers(): Endpoint[] {
    for (const endpoint of this.strangers) if (this.core.table.ofEndpoint(endpoint)) this.strangers.delete(endpoint)
    return [...this.strangers]
  }

  private probe(endpoint: Endpoint): void {
    this.strangers.delete(endpoint)
    this.linker.dial(endpoint, undefined, LEAF)
  }

  private putOff(endpoint: Endpoint, forMs: number): void {
    const candidate = this.candidates.get(endpoint)
    if (candidate) candidate.dialAfterMs = Math.max(candidate.dialAfterMs, this.core.nowMs + forMs)
  }

  private earliestOpenMs(): number | undefined {
    let earliest: number | undefined
    for (const { endpoint, dialAfterMs } of this.candidates.values()) {
      if (this.core.table.ofEndpoint(endpoint)) continue
      if (earliest === undefined || dialAfterMs < earliest) earliest = dialAfterMs
    }
    return earliest === undefined
      ? undefined
      : Math.max(earliest, this.core.nowMs + (this.profile.roundDelaysMs[0] as number))
  }

  /** Asks as many as this round allows; the others wait for the next one. */
  private askSome(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      if (this.core.table.ofEndpoint(endpoint)) continue
      this.roundAtMs ??= this.core.nowMs + this.roundDelayMs()
      if (Math.max(this.asked, this.unanswered) >= this.perRound) return
      this.asked++
      this.askedAtMs.set(endpoint, this.core.nowMs)
      this.linker.dial(endpoint, undefined, LEAF)
    }
  }

  /** How many of those who were asked may yet answer. */
  get unanswered(): number {
    for (const [endpoint, atMs] of this.askedAtMs) {
      const isOpen = atMs + PATIENCE_MS > this.core.nowMs && this.linker.isDialling(endpoint)
      if (!isOpen) this.askedAtMs.delete(endpoint)
    }
    return this.askedAtMs.size
  }

  private get perRound(): number {
    const { candidatesPerRound } = this.profile
    if (!this.core.config.greeters) return candidatesPerRound
    const isFirst = this.round === 0 || (this.round === 1 && this.roundAtMs !== undefined)
    for (const { greeter } of this.candidates.values()) if (greeter) return isFirst ? 1 : FEW
    return isFirst && this.candidates.size > candidatesPerRound ? FEW : candidatesPerRound
  }

  private get probesPerStranger(): number {
    return this.greeters.visibility === 'greeter' ? PROBES_PER_STRANGER_OF_CROWD : PROBES_PER_STRANGER
  }

  private get leafKeptMs(): number {
    return this.core.sparesService ? LEAF_KEPT_SPARING_MS : LEAF_KEPT_MS
  }

  /** How many nodes of our ring see the same strangers. */
  private get watchers(): number {
    return this.greeters.watchersOf(this.core.table.estimateSize(this.core.config.perSide))
  }

  private get profile(): TimerProfile {
    return this.core.config.profile
  }

  private nextProbeMs(): number {
    const { everyMs, nodes } = this.profile.settledProbe
    return this.core.nowMs + this.fuzzy(everyMs * Math.max(1, this.watchers / nodes))
  }

  private roundDelayMs(): number {
    const delayMs = this.profile.roundDelaysMs[Math.min(this.round, this.profile.roundDelaysMs.length - 1)] as number
    this.round++
    return this.fuzzy(delayMs)
  }

  /** Distinct candidates at random, of those that may be dialled and are not linked. */
  private draw(count: number): Endpoint[] {
    const { nowMs, table } = this.core
    const linked = new Set<Endpoint>()
    for (const connection of table.all()) for (const endpoint of connection.endpoints) linked.add(endpoint)
    let open: Endpoint[] = []
    for (const { endpoint, dialAfterMs } of this.candidates.values()) {
      if (dialAfterMs <= nowMs && !linked.has(endpoint) && !this.linker.isDialling(endpoint)) open.push(endpoint)
    }
    const greeting = open.filter((endpoint) => this.candidates.get(endpoint)?.greeter)
    if (greeting.length > 0) open = greeting
    for (let index = 0; index < Math.min(count, open.length); index++) {
      const other = index + Math.floor(this.core.random() * (open.length - index))
      const chosen = open[other] as Endpoint
      open[other] = open[index] as Endpoint
      open[index] = chosen
    }
    return open.slice(0, count)
  }

  private dropUseless(): void {
    const { nowMs, table } = this.core
    if (this.dropAtMs === undefined || this.dropAtMs > nowMs) return
    this.dropAtMs = undefined
    for (const connection of table.all()) {
      if (!hasRole(connection.roles, LEAF)) continue
      const dropAtMs = connection.sinceMs + this.leafKeptMs
      if (dropAtMs > nowMs) this.dropAtMs = Math.min(dropAtMs, this.dropAtMs ?? dropAtMs)
      else {
        table.setRoles(connection, withoutRole(connection.roles, LEAF))
      }
    }
  }

  /** Half to one and a half times as long, so that those who started together do not stay in step. */
  private fuzzy(ms: number): number {
    return ms * (0.5 + this.core.random())
  }
}
