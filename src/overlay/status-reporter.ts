/**
 * StatusReporter: tells each connection what has changed of our roles and of the links that lie near to it.
 *
 *   told --something changed--> waiting --burst over--> compared --no news-----------------------> told
 *                                                          +------news-------------> sent -------> told
 *                                                          +------news for later---> put off --> compared
 *
 * Changes come in bursts, so a report waits until the burst is over (upkeep tells), and is followed by a pause where every
 * frame costs a stanza. Names that lie beyond as many as the other end wants on their side can make no neighbour of it: they only
 * serve it when those before them are gone, and while a ring forms most changes are of that sort. Once the ring is whole,
 * only those beside us hear of changes at once: nobody else could be a neighbour of what changes here.
 */
import { type Address, sameAddresses } from './address.ts'
import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'
import { Soonest } from './soonest.ts'
import { MAX_NEIGHBOURS, type Status } from './wire.ts'

/** After a death: a burst of them, but no longer. A guess. */
const HURRY_MS = 50
/** Between reports over relays; the first of them waits no longer than any, as a join hangs on it. A guess. */
const RELAY_PAUSE_MS = 250
/** A guess: a ring forms within a few of it, and a silent neighbour takes longer to be noticed. */
const PUT_OFF_MS = 1_000
/** Where the ring is whole, only those beside us can gain or lose a neighbour by what changes at our place. A guess. */
const PUT_OFF_FAR_MS = 5_000

type Report = {
  told: Status | undefined
  /** The ring links by which it was last compared. */
  structured: readonly Address[] | undefined
  putOffUntilMs: number | undefined
}

export class StatusReporter {
  private readonly core: NodeCore
  private readonly reports = new Map<Connection, Report>()
  private connected = false
  private beside: { of: readonly Address[]; connections: ReadonlySet<Connection> } = { of: [], connections: new Set() }
  /** What of ourselves the last reports to all were made of. */
  private seen = { roles: -1, hidden: false }
  private reviewedVersion = -1
  private dueRelayAtMs: number | undefined
  private dueFarAtMs: number | undefined
  private reportedOverRelaysAtMs = Number.NEGATIVE_INFINITY
  private readonly putOff = new Soonest()

  constructor(core: NodeCore) {
    this.core = core
  }

  get deadlineMs(): number | undefined {
    const none = Number.POSITIVE_INFINITY
    const earliest = Math.min(this.dueRelayAtMs ?? none, this.dueFarAtMs ?? none, this.putOff.deadlineMs ?? none)
    return earliest === none ? undefined : earliest
  }

  /** The handshake has already told this, if anything. */
  told(connection: Connection, status: Status | undefined): void {
    this.reports.set(connection, { told: status, structured: undefined, putOffUntilMs: undefined })
  }

  forget(connection: Connection): void {
    this.reports.delete(connection)
  }

  /** Somebody died whom others may look for because we have named it to them. */
  hurry(): void {
    const atMs = this.core.nowMs + HURRY_MS
    this.dueFarAtMs = Math.min(atMs, this.dueFarAtMs ?? atMs)
  }

  /** To be called whenever the table may have changed. */
  review(connected: boolean): void {
    this.connected = connected
    if (this.reviewedVersion === this.core.table.version) return
    this.reviewedVersion = this.core.table.version
    if (connected && this.reports.size > 0) this.dueFarAtMs ??= this.core.nowMs + PUT_OFF_FAR_MS
  }

  /** To be called when a burst of changes is over. */
  report(): void {
    if (this.reports.size > 0) this.compareAll(true)
  }

  wake(): void {
    this.compareAll(false)
  }

  private compareAll(isDue: boolean): void {
    const { nowMs } = this.core
    const relayAtMs = this.dueRelayAtMs ?? (isDue ? this.reportedOverRelaysAtMs + RELAY_PAUSE_MS : nowMs + 1)
    const isRelayDue = relayAtMs <= nowMs
    const isFarDue = this.dueFarAtMs !== undefined && this.dueFarAtMs <= nowMs
    if (isFarDue) this.dueFarAtMs = undefined
    if (isRelayDue) {
      this.dueRelayAtMs = undefined
      this.reportedOverRelaysAtMs = nowMs
    }
    let isLeftOut = false
    const { table, hidden } = this.core
    const isOtherSelf = this.seen.roles !== table.rolesVersion || this.seen.hidden !== hidden
    const isForAll = isFarDue || isOtherSelf || !this.connected
    this.putOff.restart()
    for (const connection of isForAll ? this.reports.keys() : this.besideUs()) {
      const report = this.reports.get(connection)
      if (!report) continue
      const { putOffUntilMs } = report
      if (isFarDue || (putOffUntilMs !== undefined && putOffUntilMs <= nowMs)) this.compare(connection, report, 'now')
      // What is due over relays is due over all: a relay may have given way to a better channel since.
      else if (isRelayDue || (isDue && connection.active?.kind !== 'relay')) this.compare(connection, report, 'later')
      else isLeftOut = true
      if (report.putOffUntilMs !== undefined) this.putOff.add(report.putOffUntilMs)
    }
    if (!isLeftOut) this.seen = { roles: table.rolesVersion, hidden }
    else if (isDue) this.dueRelayAtMs ??= relayAtMs
  }

  /** `others`: when news are sent that make no difference to whom the other end should be linked to. */
  private compare(connection: Connection, report: Report, others: 'now' | 'later'): void {
    const { told } = report
    const structured = this.core.table.structured()
    const isSameRing = report.structured === structured && report.putOffUntilMs === undefined
    const isSameSelf = told?.roles === connection.roles && told.hidden === this.core.hidden
    // Of a far end that was told nothing by name, the handshake has told it what there is to say of such a link.
    if (this.isFleeting(connection) && (isSameSelf || !told)) return
    if (isSameSelf && isSameRing) return
    if (isSameSelf && others === 'later' && this.connected && !this.besideUs().has(connection)) return
    report.structured = structured
    const status = this.core.statusFor(connection.address)
    const news = told ? newsIn(status, told, this.core.config.perSide) : 'urgent'
    if (news === 'other' && others === 'later') {
      report.putOffUntilMs ??= this.core.nowMs + PUT_OFF_MS
      return
    }
    report.putOffUntilMs = undefined
    if (news === 'none') return
    report.told = status
    this.core.sendTo(connection, { type: 'status', status })
  }

  /** A first contact over the service, in a ring that spares it, has said what it was good for when it stood. */
  private isFleeting({ structured, active }: Connection): boolean {
    return !structured && active?.kind === 'relay' && this.core.sparesService
  }

  /** Those within twice the wanted number of links on either side: what is never trimmed. */
  private besideUs(): ReadonlySet<Connection> {
    const { table, config } = this.core
    const structured = table.structured()
    if (this.beside.of === structured) return this.beside.connections
    const reach = 2 * config.perSide
    const left = table.neighboursOf(config.address, 'left', reach)
    const right = table.neighboursOf(config.address, 'right', reach)
    const connections = new Set<Connection>()
    for (const address of left.concat(right)) connections.add(table.get(address) as Connection)
    this.beside = { of: structured, connections }
    return connections
  }
}

/** The size alone is no news: it changes with every arrival anywhere. */
function newsIn(status: Status, told: Status, perSide: number): 'none' | 'urgent' | 'other' {
  if (status.roles !== told.roles || status.hidden !== told.hidden) return 'urgent'
  const before = told.neighbours
  const now = status.neighbours
  // With fewer names than there is room for, left and right are not to be told apart.
  if (now.length < MAX_NEIGHBOURS || before.length < MAX_NEIGHBOURS)
    return sameAddresses(now, before) ? 'none' : 'urgent'
  const half = MAX_NEIGHBOURS / 2
  let news: 'none' | 'other' = 'none'
  for (let index = 0; index < MAX_NEIGHBOURS; index++) {
    if (now[index] === before[index]) continue
    if (index % half < perSide) return 'urgent'
    news = 'other'
  }
  return news
}
