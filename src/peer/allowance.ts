/** Allowance: how often something may be done, evenly over time, with as much at once as one second brings. */
export class Allowance {
  private readonly perSecond: number
  private left: number
  private atMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number) {
    this.perSecond = perSecond
    this.left = perSecond
  }

  /** Whether it may be done now, which then counts. */
  take(nowMs: number): boolean {
    const earned = ((nowMs - this.atMs) / 1_000) * this.perSecond
    this.left = Math.min(this.perSecond, this.left + earned)
    this.atMs = nowMs
    if (this.left < 1) return false
    this.left--
    return true
  }
}
