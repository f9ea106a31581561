/**
 * LinkReporter: tells the far ends of our links where else our links lead, for their lookahead. Only the length of ways
 * depends on it, so unlike a status it waits for seconds, and costs nothing while no link comes or goes.
 */
import { type Address, sameAddresses } from './address.ts'
import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, SHORTCUT } from './role.ts'
import { MAX_ADDRESSES } from './wire.ts'

/** A guess: what a burst of changes takes, and few enough reports under churn. */
const DELAY_MS = 10_000

export class LinkReporter {
  private readonly core: NodeCore
  private readonly told = new WeakMap<Connection, readonly Address[]>()
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
    const links = this.farFirst()
    for (const connection of this.core.table.all()) {
      if (!connection.structured) continue
      const { address } = connection
      const { neighbours } = this.core.statusFor(address)
      // What a status does not name.
      const rest = links.filter((link) => link !== address && !neighbours.includes(link)).slice(0, MAX_ADDRESSES)
      if (sameAddresses(rest, this.told.get(connection) ?? [])) continue
      this.told.set(connection, rest)
      this.core.sendTo(connection, { type: 'links', links: rest })
    }
  }

  /** Our ring links, shortcuts before near ones. */
  private farFirst(): Address[] {
    const { table } = this.core
    const shortcuts: Address[] = []
    const others: Address[] = []
    for (const link of table.structured()) {
      const isShortcut = hasRole(table.get(link)?.allRoles ?? SHORTCUT, SHORTCUT)
      if (isShortcut) shortcuts.push(link)
      else others.push(link)
    }
    return [...shortcuts, ...others]
  }
}
