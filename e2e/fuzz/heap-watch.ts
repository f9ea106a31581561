/** HeapWatch: does what was read stay in memory? Looks after a collection, so that only what is held counts. */

/** What the engine itself may take for code and caches as it warms up. A guess, three times what was measured. */
const MAX_GROWTH_BYTES = 64 * 1_048_576

export class HeapWatch {
  private readonly collect: (() => void) | undefined
  private before: number | undefined
  largestGrowthBytes = 0

  constructor(collect = (globalThis as { gc?: () => void }).gc) {
    this.collect = collect
  }

  /** Says what is wrong, or undefined. The first look is what the others are compared with. */
  look(usedBytes = () => process.memoryUsage().heapUsed): string | undefined {
    this.collect?.()
    const used = usedBytes()
    this.before ??= used
    this.largestGrowthBytes = Math.max(this.largestGrowthBytes, used - this.before)
    const isTooMuch = this.collect !== undefined && used - this.before > MAX_GROWTH_BYTES
    return isTooMuch ? `The heap has grown by ${used - this.before} bytes and does not shrink.` : undefined
  }
}
