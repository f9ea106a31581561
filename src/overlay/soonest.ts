/**
 * Soonest: when is the first of many deadlines, at the earliest?
 *
 * Most deadlines are put off or dropped before they come, and a node is asked for its own after nearly each input. So
 * none is ever taken out: the answer may be too early, never too late. Who is woken for nothing looks at all of them,
 * and tells those that remain anew.
 */
export class Soonest {
  private atMs = Number.POSITIVE_INFINITY

  get deadlineMs(): number | undefined {
    return this.atMs === Number.POSITIVE_INFINITY ? undefined : this.atMs
  }

  add(atMs: number): void {
    if (atMs < this.atMs) this.atMs = atMs
  }

  /** Before all that remain are added again. */
  restart(): void {
    this.atMs = Number.POSITIVE_INFINITY
  }
}
