/** PartSchedule: when is the next of a node's parts due, and which are due now? */
export interface Part {
  readonly deadlineMs: number | undefined
  wake(nowMs: number): void
}

export class PartSchedule {
  private readonly parts: readonly Part[]
  /** Undefined when it is to be asked for anew. */
  private knownMs: number | undefined

  constructor(parts: readonly Part[]) {
    this.parts = parts
  }

  /** Infinity while nothing is due. */
  get earliestMs(): number {
    if (this.knownMs !== undefined) return this.knownMs
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { deadlineMs } of this.parts) {
      if (deadlineMs !== undefined && deadlineMs < earliestMs) earliestMs = deadlineMs
    }
    this.knownMs = earliestMs
    return earliestMs
  }

  /** To be called after an input that may have changed any part's deadline. */
  forget(): void {
    this.knownMs = undefined
  }

  wake(nowMs: number): void {
    for (const part of this.parts) {
      const { deadlineMs } = part
      if (deadlineMs !== undefined && deadlineMs <= nowMs) part.wake(nowMs)
    }
  }
}
