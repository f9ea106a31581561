/**
 * LinkReporter: tells the far ends of our links where else our links lead, for their lookahead. Only the length of ways
 * depends on it, so unlike a status it waits for seconds, and costs nothing while no link comes or goes.
 */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, SHORTCUT } from './role.ts'
import { MAX_ADDRESSES } from './wire.ts'

/** A guess: what a burst of changes takes, and few enough reports under churn. */
const DELAY_MS = 5_000

export class LinkReporter {
  private readonly core: NodeCore
  private readonly told = new WeakMap<Connection, string>()
  private reviewedVersion = 0
  deadlineMs: number | undefined

  constructor(core: NodeCore) {
    this.core = core
  }

  /** To be called whenever the table has changed. */
  review(): void {
    const { table, config, nowMs, random } = this.core
    if (!config.lookahead || this.reviewedVersion === table.version) return
    this.reviewedVersion = table.version
    // Not all nodes at once, when a change concerned them all.
    this.deadlineMs ??= nowMs + DELAY_MS * (0.5 + random())
  }

  wake(): void {
    if (this.deadlineMs === undefined || this.deadlineMs > this.core.nowMs) return
    this.deadlineMs = undefined
    for (const connection of this.core.table.all()) {
      if (!connection.structured) continue
      const links = this.linksFor(connection.address)
      const key = links.join()
      if (key === (this.told.get(connection) ?? '')) continue
      this.told.set(connection, key)
      this.core.sendTo(connection, { type: 'links', links })
    }
  }

  /** What a status does not name, the far ones first. */
  private linksFor(address: Address): Address[] {
    const { table } = this.core
    const named = new Set([address, ...this.core.statusFor(address).neighbours])
    const rest = table.structured().filter((link) => !named.has(link))
    const isShortcut = (link: Address) => hasRole(table.get(link)?.allRoles ?? SHORTCUT, SHORTCUT)
    return [...rest.filter(isShortcut), ...rest.filter((link) => !isShortcut(link))].slice(0, MAX_ADDRESSES)
  }
}
