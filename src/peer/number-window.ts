/** Number window: which of the numbers that one sender uses once each, and about in order, have we seen? */
export class NumberWindow {
  private readonly size: number
  private readonly seen = new Set<number>()
  /** The highest that was seen and is not remembered any more. */
  private floor = Number.NEGATIVE_INFINITY

  constructor(size: number) {
    this.size = size
  }

  /** What is older than all that is remembered counts as seen. */
  has(number: number): boolean {
    return number <= this.floor || this.seen.has(number)
  }

  add(number: number): void {
    this.seen.add(number)
    if (this.seen.size <= this.size) return
    const lowest = Math.min(...this.seen)
    this.seen.delete(lowest)
    this.floor = lowest
  }
}
