/**
 * DhtProofs: are records bound by whom they say? Who is able to reckon that is asked, and answers when it has: until then
 * nothing is done with them. Where proofs are not needed, or there are none, we go on at once.
 */
import type { DhtRecord } from './dht-record.ts'
import type { NodeCore } from './node-core.ts'
import type { Part } from './part-schedule.ts'

/** Whose proofs are being looked at; further ones are not taken. A guess. */
const MAX_UNDER_WAY = 256
/** An answer is a matter of milliseconds; who does not give one must not keep the place for ever. A guess. */
const PATIENCE_MS = 30_000

type Check = { records: readonly DhtRecord[]; then: (proved: DhtRecord[]) => void; untilMs: number }

export class DhtProofs implements Part {
  private readonly core: NodeCore
  /** The oldest first. */
  private readonly checks = new Map<number, Check>()
  private lastCheck = 0

  constructor(core: NodeCore) {
    this.core = core
  }

  get deadlineMs(): number | undefined {
    for (const { untilMs } of this.checks.values()) return untilMs
    return undefined
  }

  wake(nowMs: number): void {
    for (const [check, { untilMs }] of this.checks) if (untilMs <= nowMs) this.checked(check, [])
  }

  /** Goes on with those whose proof holds. */
  prove(records: readonly DhtRecord[], then: (proved: DhtRecord[]) => void): void {
    const isNeeded = this.core.config.provesRecords && records.some(({ bound }) => bound)
    if (!isNeeded) {
      then([...records])
      return
    }
    if (this.checks.size >= MAX_UNDER_WAY) {
      this.core.count('dht: too much under way')
      then([])
      return
    }
    const check = ++this.lastCheck
    this.checks.set(check, { records, then, untilMs: this.core.nowMs + PATIENCE_MS })
    this.core.emit({ type: 'dht-check', check, records: [...records] })
  }

  /** `proved`: of each whether its proof holds; what is missing does not. */
  checked(check: number, proved: readonly boolean[]): void {
    const asked = this.checks.get(check)
    if (!asked) return
    this.checks.delete(check)
    const good = asked.records.filter((_, index) => proved[index])
    for (let bad = good.length; bad < asked.records.length; bad++) this.core.count('dht: not proved')
    asked.then(good)
  }
}
