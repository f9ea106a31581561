/** Backoff: how long until the next attempt? Exponential with full jitter, so that those cut off together come back apart. */
import type { Random } from '../ports.ts'

export type BackoffLimits = { firstMs: number; capMs: number }

export class Backoff {
  private readonly limits: BackoffLimits
  private readonly random: Random
  private attempts = 0

  constructor(limits: BackoffLimits, random: Random) {
    this.limits = limits
    this.random = random
  }

  /** Uniform from nothing to a ceiling that doubles with each attempt up to the cap. */
  nextMs(): number {
    const { firstMs, capMs } = this.limits
    const ceilingMs = Math.min(capMs, firstMs * 2 ** this.attempts)
    if (ceilingMs < capMs) this.attempts++
    return this.random() * ceilingMs
  }

  reset(): void {
    this.attempts = 0
  }
}
