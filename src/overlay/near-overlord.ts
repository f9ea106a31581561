/**
 * NearOverlord: are we linked to those who are next to us on the ring?
 *
 * Everybody names to everybody the links that lie nearest to the one told. From what is named and what is linked we
 * know the nearest nodes on either side; those that are linked become near, the others are asked to connect through
 * whoever named them. Each new link brings new names, so neighbours are found in a cascade of events and no poll.
 * Far away from our place nobody can name our neighbours: there one annealing request for our own place, through
 * each new link, finds them in O(log n) hops, and finds the other ring when there are two.
 *
 * Near links are made while fewer than `perSide` lie closer on their side, one more in large rings. They are given up when
 * twice as many lie closer on both sides and the ring has been quiet: the gap between the two numbers is the hysteresis
 * (Brunet, near overlord).
 * Links that the cascade only passed through, and that never became direct, cost nothing and are given up at once.
 * In a ring that is whole as far as it sees, few nodes go on seeking: it is the ring that looks for another one.
 */
import { type Address, isBetween, sameAddresses } from './address.ts'
import type { Connection } from './connection.ts'
import { nearestOn } from './connection-table.ts'
import type { Connector } from './connector.ts'
import { NamedNodes } from './named-nodes.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, NEAR, withoutRole, withRole } from './role.ts'

/** In a ring so small, links lead everywhere, and each costs a page an RTCPeerConnection. As for shortcuts. */
const SPARE_ABOVE = 10
/** Of a ring that is whole as far as it sees, so many nodes look for their places beyond it if each gets a link there. A guess. */
const SEEKERS = 20
/**
 * Links that have stood for so long are not given up for younger ones, as many on each side as are wanted: addresses cost
 * nothing, and whoever makes many right beside us shall not be all that we see of the ring. A guess.
 */
const ELDER_MS = 300_000
/** Requests for our own place at a time. A guess. */
const MAX_SEEKING = 3

export class NearOverlord {
  private readonly core: NodeCore
  private readonly connector: Connector
  /** How many others rendezvous has shown us. */
  private readonly candidates: () => number
  private soughtThrough = new WeakSet<Connection>()
  /** Links into what may be another ring, which we leave to others of our ring to look into. */
  private passedOver = new WeakSet<Connection>()
  /** How many requests for our own place are not left to chance. */
  private certain = 0
  private seeking = 0
  private seekAtMs: number | undefined
  /** When somebody who is named, and lately proved dead, may be believed in again. */
  private believeAtMs: number | undefined
  private quietSinceMs = 0
  /** How long we wait for those at our own place, since we began to seek it with no ring link of our own. */
  private placeUntilMs: number | undefined
  /** As many on either side are wanted. */
  private perSide = 0
  private readonly names: NamedNodes
  private hasSurplus = false
  /** The nearest nodes that we know of, linked or not; nearest first. */
  left: Address[] = []
  right: Address[] = []

  constructor(core: NodeCore, connector: Connector, candidates: () => number) {
    this.core = core
    this.connector = connector
    this.candidates = candidates
    this.names = new NamedNodes(core.table)
  }

  get deadlineMs(): number | undefined {
    const trimAtMs = this.hasSurplus ? this.quietSinceMs + this.core.config.profile.trimDelayMs : undefined
    const none = Number.POSITIVE_INFINITY
    const earliest = Math.min(
      trimAtMs ?? none,
      this.seekAtMs ?? none,
      this.believeAtMs ?? none,
      this.placeUntilMs ?? none,
    )
    return earliest === none ? undefined : earliest
  }

  /** Whether the nodes next to us, as far as anybody we know has named them, are linked to us on both sides. */
  get connected(): boolean {
    const [left] = this.left
    const [right] = this.right
    return left !== undefined && right !== undefined && this.isLinked(left) && this.isLinked(right)
  }

  /** Somebody names others than before. Returns whether that can change who is next to us: most names lie elsewhere. */
  named(by: Connection, before: readonly Address[]): boolean {
    this.names.note(by)
    const now = by.status.neighbours
    const [left, right] = [this.left.at(-1), this.right.at(-1)]
    const knowsTooFew = Math.min(this.left.length, this.right.length) < this.perSide
    if (!left || !right || knowsTooFew) return true
    const { address: self } = this.core.config
    const isNear = (name: Address) =>
      name === left || name === right || isBetween(name, self, left) || isBetween(name, right, self)
    return (
      now.some((name) => isNear(name) && !before.includes(name)) ||
      before.some((name) => isNear(name) && !now.includes(name))
    )
  }

  /** To be called whenever the table or what others name has changed. */
  review(): void {
    const { table, config } = this.core
    const { address: self } = config
    const perSide = this.wanted
    const isSame = this.names.isSame(perSide) && this.believeAtMs === undefined
    if (isSame && this.allLinked) return
    this.perSide = perSide
    const informers = this.namedAndBelieved(perSide)
    const linked = table.addresses()
    let left = nearestOn(linked, self, 'left', perSide)
    let right = nearestOn(linked, self, 'right', perSide)
    if (informers.size > 0) {
      const known = [...new Set([...left, ...right, ...informers.keys()])].sort()
      left = nearestOn(known, self, 'left', perSide)
      right = nearestOn(known, self, 'right', perSide)
    }
    if (!sameAddresses(left, this.left) || !sameAddresses(right, this.right)) this.quietSinceMs = this.core.nowMs
    if (isOther(left, this.left) || isOther(right, this.right)) this.seekAnew()
    this.left = left
    this.right = right
    if (this.waitsForPlace) return
    for (const address of [...this.left, ...this.right]) {
      const connection = table.get(address)
      if (connection) this.makeNear(connection)
      else this.connector.connect(address, NEAR)
    }
  }

  /**
   * In a large ring our first link leads to somewhere else, and those whom it names are not our neighbours: asking for links to
   * them costs what stands between, most likely the service. Who is found at our own place knows better.
   */
  private get waitsForPlace(): boolean {
    const { core } = this
    if (!core.sparesService || core.table.structured().length > 0) return false
    if (this.placeUntilMs === undefined) {
      this.seekOwnPlace()
      if (this.seeking > 0) this.placeUntilMs = core.nowMs + core.config.profile.connectGraceMs
    }
    return this.placeUntilMs !== undefined && this.placeUntilMs > core.nowMs
  }

  /** To be called some time after the table has changed. */
  tidy(): void {
    this.seekOwnPlace()
    this.giveUpPassing()
    this.hasSurplus = this.surplus().length > 0
  }

  wants(address: Address): boolean {
    return this.left.includes(address) || this.right.includes(address)
  }

  wake(): void {
    if (this.placeUntilMs !== undefined && this.placeUntilMs <= this.core.nowMs) {
      this.review()
      this.placeUntilMs = undefined
    }
    if (this.believeAtMs !== undefined && this.believeAtMs <= this.core.nowMs) this.review()
    if (this.seekAtMs !== undefined && this.seekAtMs <= this.core.nowMs) this.seekOwnPlace()
    if (!this.hasSurplus || this.quietSinceMs + this.core.config.profile.trimDelayMs > this.core.nowMs) return
    this.hasSurplus = false
    for (const connection of this.surplus()) this.giveUp(connection)
  }

  /** A third neighbour on each side is there at once when two die in the time that it takes to notice one death. */
  private get wanted(): number {
    const { table, config } = this.core
    const { perSide } = config
    const isLarge = table.structured().length >= SPARE_ABOVE || table.estimateSize(perSide) > SPARE_ABOVE
    return isLarge ? perSide + 1 : perSide
  }

  private get allLinked(): boolean {
    for (const address of this.left) if (!this.isLinked(address)) return false
    for (const address of this.right) if (!this.isLinked(address)) return false
    return true
  }

  private isLinked(address: Address): boolean {
    return this.core.table.get(address)?.structured === true
  }

  private giveUp(connection: Connection): void {
    this.core.table.setRoles(connection, withoutRole(connection.roles, NEAR))
  }

  private giveUpPassing(): void {
    if (!this.allLinked) return
    for (const connection of this.core.table.all()) {
      const passing = hasRole(connection.roles, NEAR) && !this.wants(connection.address)
      if (passing && connection.channels.every(({ kind }) => kind === 'relay')) this.giveUp(connection)
    }
  }

  private makeNear(connection: Connection): void {
    if (hasRole(connection.roles, NEAR)) return
    this.core.table.setRoles(connection, withRole(connection.roles, NEAR))
  }

  /** Who named whom, of those who would be nearer than what is linked; the lately dead are not believed in. */
  private namedAndBelieved(perSide: number): ReadonlyMap<Address, Connection> {
    const named = this.names.unlinked(perSide)
    this.believeAtMs = undefined
    if (!this.connector.shunsSomebody) return named
    let believed: Map<Address, Connection> | undefined
    for (const address of named.keys()) {
      const untilMs = this.connector.shunnedUntilMs(address)
      if (untilMs === undefined) continue
      believed ??= new Map(named)
      believed.delete(address)
      this.believeAtMs = Math.min(untilMs, this.believeAtMs ?? untilMs)
    }
    return believed ?? named
  }

  /** All those next to us on one side are gone at once: whoever takes their place may not know of us, nor we of it. */
  private seekAnew(): void {
    this.soughtThrough = new WeakSet()
    this.passedOver = new WeakSet()
    this.certain = MAX_SEEKING
  }

  /** Only somebody whose ring goes on beyond what we can see by ourselves can know of a better place for us. */
  private seekOwnPlace(): void {
    const { connected } = this
    const { table, config } = this.core
    this.seekAtMs = undefined
    for (const connection of table.all()) {
      if (this.seeking >= MAX_SEEKING) return
      if (this.soughtThrough.has(connection) || connection.status.size <= 2 * config.perSide + 1) continue
      // A link that our ring has no use for may lead into another ring.
      const isStranger = connected && !connection.structured
      if (!isStranger && connection.status.size <= Math.max(table.size, this.candidates()) + 1) continue
      if (connected && this.passedOver.has(connection)) continue
      const seekAtMs = connection.sinceMs + (this.core.sparesService ? 0 : config.profile.seekAfterMs)
      if (seekAtMs > this.core.nowMs) {
        this.seekAtMs = Math.min(seekAtMs, this.seekAtMs ?? seekAtMs)
        continue
      }
      if (connected && this.certain === 0 && this.core.random() * table.estimateSize(config.perSide) >= SEEKERS) {
        this.passedOver.add(connection)
        continue
      }
      if (this.certain > 0) this.certain--
      this.soughtThrough.add(connection)
      this.seeking++
      this.connector.seekOwnPlace(NEAR, connection, () => {
        this.seeking--
      })
    }
  }

  private elders(): Address[] {
    const { table, config, nowMs } = this.core
    const hasStood = (address: Address) => (table.get(address)?.sinceMs ?? nowMs) + ELDER_MS <= nowMs
    const elders = table.structured().filter(hasStood)
    const { address, perSide } = config
    return [...nearestOn(elders, address, 'left', perSide), ...nearestOn(elders, address, 'right', perSide)]
  }

  /** The near links of ours that lie beyond twice the wanted number on both sides, those that have stood for long left out. */
  private surplus(): Connection[] {
    const { table, config } = this.core
    const reach = 2 * config.perSide
    if (table.structured().length <= 2 * reach) return []
    const kept = new Set([
      ...table.neighboursOf(config.address, 'left', reach),
      ...table.neighboursOf(config.address, 'right', reach),
      ...this.elders(),
    ])
    return [...table.all()].filter(({ roles, address }) => hasRole(roles, NEAR) && !kept.has(address))
  }
}

/** Whether nobody is left of those who were next to us. */
function isOther(now: readonly Address[], before: readonly Address[]): boolean {
  return before.length > 0 && !now.some((address) => before.includes(address))
}
