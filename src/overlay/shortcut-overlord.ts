/**
 * ShortcutOverlord: have we the far links that make the ring small? Each node draws places at harmonic distances and asks
 * whoever lives there to link to it; the links are used both ways.
 *
 *   resting --connected, too few--> asking --willing--> awaiting --linked--> resting
 *      ^                              |                    |
 *      +----- delay <--- full, known, no answer ----- no link in time
 *
 * Whoever asked holds the link: the asked node gives it the role only until it hears that the asker does. Links that
 * were drawn when the ring was half or twice as large lead to the wrong distances: new ones are made first, and the old
 * ones given up when the ring is quiet (Symphony §3.4). Giving up takes away our reason only; a link that is near, or
 * that the other end holds, stays.
 */
import { type Address, isBetween } from './address.ts'
import type { Connection } from './connection.ts'
import type { Connector, SeekAnswer } from './connector.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, NEAR, SHORTCUT, withoutRole, withRole } from './role.ts'
import { MAX_SIZE_WITHOUT_SHORTCUTS, shortcutsFor, shortcutTarget } from './shortcut-target.ts'

/** Others may hold so many links to us for each that we want; the next one is told to draw again (Symphony §3.1). */
const MAX_INCOMING_PER_WANTED = 2
/** Beyond so many of ours for each that is wanted, the rest is given up (Brunet, shortcut overlord). */
const MAX_OWN_PER_WANTED = 2
/** Draws without a message that may fall on those we are linked to, before the next delay. */
const MAX_DRAWS = 8
/** From the answer to the link: the other end's dial, then ours. A guess. */
const LINK_TIMEOUT_MS = 10_000
/** How long the asked node holds a link for an asker that does not say that it wants it. A guess. */
const HANDOVER_MS = 10_000

/**
 * Where fewer are known, an estimate just above the ring that needs no shortcuts is not believed: from four nodes on each
 * side a ring of ten looks like one of 25 to one node in a thousand.
 */
const CERTAIN_SIZE = 25

type State =
  | { name: 'resting'; untilMs: number }
  | { name: 'asking'; sinceMs: number; size: number }
  | { name: 'awaiting'; address: Address; size: number; deadlineMs: number }

export class ShortcutOverlord {
  private readonly core: NodeCore
  private readonly connector: Connector
  private state: State = { name: 'resting', untilMs: 0 }
  /** The shortcuts that we hold, and the size of the ring that each was drawn for. */
  private readonly drawn = new Map<Address, number>()
  /** Until when those whom we said yes to count, though no link is made yet. */
  private promisesMs: number[] = []
  private connected = false
  private failures = 0
  private links = 0
  private quietSinceMs = 0
  private releaseAtMs: number | undefined

  constructor(core: NodeCore, connector: Connector) {
    this.core = core
    this.connector = connector
  }

  get deadlineMs(): number | undefined {
    let earliest = this.releaseAtMs ?? Number.POSITIVE_INFINITY
    if (this.state.name === 'awaiting') earliest = Math.min(earliest, this.state.deadlineMs)
    if (this.state.name === 'resting' && this.tooFew) earliest = Math.min(earliest, this.state.untilMs)
    if (this.hasSurplus) earliest = Math.min(earliest, this.trimAtMs)
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
  }

  /** How many we want to hold. */
  get wanted(): number {
    const { size } = this
    const isSmall = size < CERTAIN_SIZE && !this.core.table.knowsMoreThan(MAX_SIZE_WITHOUT_SHORTCUTS)
    return this.core.config.shortcuts ?? (isSmall ? 0 : shortcutsFor(size))
  }

  /** Whether somebody who asks may have a shortcut to us; counts as given for a while. */
  admits(): boolean {
    const { nowMs, table } = this.core
    this.promisesMs = this.promisesMs.filter((untilMs) => untilMs > nowMs)
    let incoming = this.promisesMs.length
    for (const { status } of table.all()) if (hasRole(status.roles, SHORTCUT)) incoming++
    if (incoming >= MAX_INCOMING_PER_WANTED * this.wanted) {
      this.core.count('shortcut: refused, has enough')
      return false
    }
    this.promisesMs.push(nowMs + this.core.config.profile.connectGraceMs)
    return true
  }

  /** To be called whenever the table or what others name has changed; `connected` as the near overlord sees it. */
  review(connected: boolean): void {
    const { table, nowMs } = this.core
    if (connected && !this.connected) this.hurry()
    this.connected = connected
    for (const address of [...this.drawn.keys()]) {
      const connection = table.get(address)
      if (connection && !hasRole(connection.roles, NEAR)) continue
      this.drawn.delete(address)
      if (connection) this.giveUp(connection)
      else this.hurry()
    }
    this.settleAwaited()
    this.releaseOthers()
    if (this.links === table.size) return
    this.links = table.size
    this.quietSinceMs = nowMs
  }

  wake(): void {
    const { nowMs } = this.core
    switch (this.state.name) {
      case 'resting':
        if (this.state.untilMs <= nowMs && this.tooFew) this.ask()
        break
      case 'asking':
        break
      case 'awaiting':
        if (this.state.deadlineMs <= nowMs) this.fail('no link')
        break
    }
    if (this.releaseAtMs !== undefined && this.releaseAtMs <= nowMs) this.releaseOthers()
    if (this.hasSurplus && this.trimAtMs <= nowMs) this.trim()
  }

  private get size(): number {
    return this.core.table.estimateSize(this.core.config.perSide)
  }

  /** As many as there are nodes to have them with. */
  private get tooFew(): boolean {
    if (!this.connected) return false
    const others = this.core.table.structured().length - this.drawn.size
    return this.drawn.size - this.outdatedCount < Math.min(this.wanted, this.size - 1 - others)
  }

  private get hasSurplus(): boolean {
    if (!this.connected || this.drawn.size === 0) return false
    const excess = this.drawn.size > MAX_OWN_PER_WANTED * this.wanted
    return excess || (this.outdatedCount > 0 && !this.tooFew)
  }

  private get trimAtMs(): number {
    return this.quietSinceMs + this.core.config.profile.trimDelayMs
  }

  private get outdatedCount(): number {
    let count = 0
    for (const then of this.drawn.values()) if (this.isOutdated(then)) count++
    return count
  }

  private isOutdated(then: number): boolean {
    const { size } = this
    return size >= 2 * then || 2 * size <= then
  }

  private ask(): void {
    const { config, random, nowMs } = this.core
    const { size } = this
    let target: Address | undefined
    for (let draws = 0; draws < MAX_DRAWS && !target; draws++) {
      const drawn = shortcutTarget(config.address, size, random)
      if (!this.isOurs(drawn)) target = drawn
    }
    if (!target) {
      this.fail('no place')
      return
    }
    const asking: State = { name: 'asking', sinceMs: nowMs, size }
    this.state = asking
    this.connector.seek(target, 'greedy', SHORTCUT, (answer) => {
      if (this.state === asking) this.onAnswer(asking, answer)
    })
  }

  /** Who lives there is linked to us for certain. */
  private isOurs(place: Address): boolean {
    const { table, config } = this.core
    const left = table.neighboursOf(config.address, 'left', config.perSide).at(-1)
    const right = table.neighboursOf(config.address, 'right', config.perSide).at(-1)
    return left !== undefined && right !== undefined && isBetween(place, right, left)
  }

  private onAnswer(asking: Extract<State, { name: 'asking' }>, answer: SeekAnswer | undefined): void {
    const { nowMs, table } = this.core
    if (!answer || answer.full) {
      this.fail(answer ? 'has enough' : 'no answer', answer !== undefined)
      return
    }
    const { from: address } = answer
    const connection = table.get(address)
    const isOld = connection && connection.sinceMs < asking.sinceMs
    if (isOld && hasRole(connection.allRoles, withRole(NEAR, SHORTCUT))) {
      this.fail('known already', true)
      return
    }
    this.state = { name: 'awaiting', address, size: asking.size, deadlineMs: nowMs + LINK_TIMEOUT_MS }
    this.settleAwaited()
  }

  /** The link that we asked for is there. */
  private settleAwaited(): void {
    if (this.state.name !== 'awaiting') return
    const { address, size } = this.state
    const connection = this.core.table.get(address)
    if (!connection) return
    this.failures = 0
    this.rest(0)
    if (hasRole(connection.roles, NEAR)) return
    this.drawn.set(address, size)
    this.core.table.setRoles(connection, withRole(connection.roles, SHORTCUT))
  }

  /** We dialled for somebody who asked: the link is theirs from the moment that they say so. */
  private releaseOthers(): void {
    this.releaseAtMs = undefined
    for (const connection of this.core.table.all()) {
      if (!hasRole(connection.roles, SHORTCUT) || this.drawn.has(connection.address)) continue
      const releaseAtMs = connection.sinceMs + HANDOVER_MS
      if (hasRole(connection.status.roles, SHORTCUT) || releaseAtMs <= this.core.nowMs) this.giveUp(connection)
      else this.releaseAtMs = Math.min(releaseAtMs, this.releaseAtMs ?? releaseAtMs)
    }
  }

  /** One at a time: the outdated first, else any. */
  private trim(): void {
    const outdated = [...this.drawn.keys()].filter((address) => this.isOutdated(this.drawn.get(address) as number))
    const candidates = outdated.length > 0 ? outdated : [...this.drawn.keys()]
    const victim = candidates[Math.floor(this.core.random() * candidates.length)] as Address
    const connection = this.core.table.get(victim)
    this.drawn.delete(victim)
    this.quietSinceMs = this.core.nowMs
    if (connection) this.giveUp(connection)
  }

  private giveUp(connection: Connection): void {
    if (!hasRole(connection.roles, SHORTCUT)) return
    this.core.table.setRoles(connection, withoutRole(connection.roles, SHORTCUT))
  }

  /** Where somebody answered another draw may be luckier, so the longest delay is for those who hear nothing. */
  private fail(reason: string, answered = false): void {
    this.core.count(`shortcut: ${reason}`)
    const longest = this.core.config.profile.shortcutDelaysMs.length - (answered ? 2 : 1)
    this.rest(Math.min(this.failures + 1, Math.max(longest, this.failures)))
  }

  /** What made attempts fail may have changed. */
  private hurry(): void {
    this.failures = 0
    if (this.state.name === 'resting') this.rest(0)
  }

  private rest(failures: number): void {
    const delays = this.core.config.profile.shortcutDelaysMs
    const delayMs = delays[Math.min(failures, delays.length - 1)] as number
    this.failures = failures
    this.state = { name: 'resting', untilMs: this.core.nowMs + delayMs * (0.5 + this.core.random()) }
  }
}
