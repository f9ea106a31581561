/** Part: what the node asks of each of its parts: when it is due, and to do then what is due. */
export type Part = {
  /** Undefined while nothing is due. */
  readonly deadlineMs: number | undefined
  wake(nowMs: number): void
}

/** Infinite while nothing is due. */
export function earliestDeadlineMs(parts: readonly Part[]): number {
  let earliestMs = Number.POSITIVE_INFINITY
  for (const { deadlineMs } of parts) if (deadlineMs !== undefined && deadlineMs < earliestMs) earliestMs = deadlineMs
  return earliestMs
}
