/**
 * Upkeep: what a node does when its links have changed, and may do a moment later: tell others of it, look which links are
 * superfluous, which could be better, through which our place is still to be sought. Links change in bursts, most of all while a ring
 * forms, and each look goes over all of them, so there is one for each burst.
 */
import type { NodeCore } from './node-core.ts'
import type { Part } from './part-schedule.ts'

/** Less than a network round trip, more than a burst of frames takes. A guess. */
const DELAY_MS = 15
/** Where the ring is whole, nobody waits for it but one who joins us. A guess. */
const DELAY_CONNECTED_MS = 50

export class Upkeep implements Part {
  private readonly core: NodeCore
  private readonly looks: readonly (() => void)[]
  private notedVersion = 0
  deadlineMs: number | undefined

  constructor(core: NodeCore, looks: readonly (() => void)[]) {
    this.core = core
    this.looks = looks
  }

  /** To be called whenever the table may have changed. */
  note(connected: boolean): void {
    if (this.notedVersion === this.core.table.version) return
    this.notedVersion = this.core.table.version
    this.deadlineMs ??= this.core.nowMs + (connected ? DELAY_CONNECTED_MS : DELAY_MS)
  }

  wake(): void {
    if (this.deadlineMs === undefined || this.deadlineMs > this.core.nowMs) return
    this.deadlineMs = undefined
    for (const look of this.looks) look()
  }
}
