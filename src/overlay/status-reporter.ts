/**
 * StatusReporter: tells each connection what has changed of our roles and of the links that lie near to it.
 *
 *   told --something changed--> waiting --burst over--> compared --no news-----------------------> told
 *                                                          +------news-------------> sent -------> told
 *                                                          +------news for later---> put off --> compared
 *
 * Changes come in bursts, so a report waits a moment for more, and is followed by a pause where every frame costs a
 * stanza. Names that lie beyond as many as the other end wants on their side can make no neighbour of it: they only
 * serve it when those before them are gone, and while a ring forms most changes are of that sort.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'
import { Soonest } from './soonest.ts'
import { MAX_NEIGHBOURS, type Status } from './wire.ts'

/** A guess: less than a network round trip, more than one burst of events. */
const DELAY_MS = 15
/** Between reports over relays; the first of them waits no longer than any, as a join hangs on it. A guess. */
const RELAY_PAUSE_MS = 250
/** A guess: a ring forms within a few of it, and a silent neighbour takes longer to be noticed. */
const PUT_OFF_MS = 1_000

type Report = {
  told: Status | undefined
  /** The ring links by which it was last compared. */
  structured: readonly Address[] | undefined
  putOffUntilMs: number | undefined
}

export class StatusReporter {
  private readonly core: NodeCore
  private readonly reports = new Map<Connection, Report>()
  private reviewedVersion = -1
  private dueAtMs: number | undefined
  private dueRelayAtMs: number | undefined
  private reportedOverRelaysAtMs = Number.NEGATIVE_INFINITY
  private readonly putOff = new Soonest()

  constructor(core: NodeCore) {
    this.core = core
  }

  get deadlineMs(): number | undefined {
    const none = Number.POSITIVE_INFINITY
    const earliest = Math.min(this.dueAtMs ?? none, this.dueRelayAtMs ?? none, this.putOff.deadlineMs ?? none)
    return earliest === none ? undefined : earliest
  }

  /** The handshake has already told this. */
  told(connection: Connection, status: Status): void {
    this.reports.set(connection, { told: status, structured: undefined, putOffUntilMs: undefined })
  }

  forget(connection: Connection): void {
    this.reports.delete(connection)
  }

  review(): void {
    if (this.reviewedVersion === this.core.table.version) return
    this.reviewedVersion = this.core.table.version
    if (this.reports.size === 0) return
    this.dueAtMs ??= this.core.nowMs + DELAY_MS
    this.dueRelayAtMs ??= Math.max(this.core.nowMs + DELAY_MS, this.reportedOverRelaysAtMs + RELAY_PAUSE_MS)
  }

  wake(): void {
    const { nowMs } = this.core
    const isDue = this.dueAtMs !== undefined && this.dueAtMs <= nowMs
    const isRelayDue = this.dueRelayAtMs !== undefined && this.dueRelayAtMs <= nowMs
    if (isDue) this.dueAtMs = undefined
    if (isRelayDue) {
      this.dueRelayAtMs = undefined
      this.reportedOverRelaysAtMs = nowMs
    }
    this.putOff.restart()
    for (const [connection, report] of this.reports) {
      const { putOffUntilMs } = report
      if (putOffUntilMs !== undefined && putOffUntilMs <= nowMs) this.compare(connection, report, 'now')
      else if (connection.active?.kind === 'relay' ? isRelayDue : isDue) this.compare(connection, report, 'later')
      if (report.putOffUntilMs !== undefined) this.putOff.add(report.putOffUntilMs)
    }
  }

  /** `others`: when news are sent that make no difference to whom the other end should be linked to. */
  private compare(connection: Connection, report: Report, others: 'now' | 'later'): void {
    const { told } = report
    const structured = this.core.table.structured()
    const isSameRing = report.structured === structured && report.putOffUntilMs === undefined
    if (isSameRing && told?.roles === connection.roles && told.hidden === this.core.hidden) return
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
}

/** The size alone is no news: it changes with every arrival anywhere. */
function newsIn(status: Status, told: Status, perSide: number): 'none' | 'urgent' | 'other' {
  if (status.roles !== told.roles || status.hidden !== told.hidden) return 'urgent'
  const before = told.neighbours
  const now = status.neighbours
  // With fewer names than there is room for, left and right are not to be told apart.
  if (now.length < MAX_NEIGHBOURS || before.length < MAX_NEIGHBOURS) return isSame(now, before) ? 'none' : 'urgent'
  const half = MAX_NEIGHBOURS / 2
  let news: 'none' | 'other' = 'none'
  for (let index = 0; index < MAX_NEIGHBOURS; index++) {
    if (now[index] === before[index]) continue
    if (index % half < perSide) return 'urgent'
    news = 'other'
  }
  return news
}

function isSame(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, index) => address === b[index])
}
