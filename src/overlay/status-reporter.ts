import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'
import type { Status } from './wire.ts'

/** A guess: less than a network round trip, more than one burst of events. */
const DELAY_MS = 15
const DELAY_RELAY_MS = 250

type Report = { told: string; dueAtMs: number | undefined }

export class StatusReporter {
  private readonly core: NodeCore
  private readonly reports = new Map<Connection, Report>()
  private reviewedVersion = -1

  constructor(core: NodeCore) {
    this.core = core
  }

  get deadlineMs(): number | undefined {
    let earliest: number | undefined
    for (const { dueAtMs } of this.reports.values()) {
      if (dueAtMs !== undefined && (earliest === undefined || dueAtMs < earliest)) earliest = dueAtMs
    }
    return earliest
  }

  /** The handshake has already told this. */
  told(connection: Connection, status: Status): void {
    this.reports.set(connection, { told: key(status), dueAtMs: undefined })
  }

  forget(connection: Connection): void {
    this.reports.delete(connection)
  }

  review(): void {
    if (this.reviewedVersion === this.core.table.version) return
    this.reviewedVersion = this.core.table.version
    for (const connection of this.core.table.all()) {
      const report = this.reports.get(connection) ?? { told: '', dueAtMs: undefined }
      this.reports.set(connection, report)
      const delay = connection.active?.kind === 'relay' ? DELAY_RELAY_MS : DELAY_MS
      report.dueAtMs ??= this.core.nowMs + delay
    }
  }

  wake(): void {
    for (const [connection, report] of this.reports) {
      if (report.dueAtMs === undefined || report.dueAtMs > this.core.nowMs) continue
      report.dueAtMs = undefined
      const status = this.core.statusFor(connection.address)
      if (key(status) === report.told) continue
      report.told = key(status)
      this.core.sendTo(connection, { type: 'status', status })
    }
  }
}

/** The size alone is no news: it changes with every arrival anywhere. */
function key(status: Status): string {
  return `${status.roles} ${status.hidden} ${status.neighbours.join()}`
}
