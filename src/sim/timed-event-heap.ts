/** TimedEventHeap: events by time and then by order, earliest first; what was cancelled is swept out before it prevails. */
export type TimedEvent = {
  readonly atMs: number
  readonly order: number
  /** Undefined once it was cancelled or run. */
  wake: (() => void) | undefined
  inHeap: boolean
}

/** Below it a sweep costs more than what it frees. A guess. */
const SWEEP_ABOVE = 1_024

export class TimedEventHeap {
  private heap: TimedEvent[] = []
  private cancelledCount = 0

  get size(): number {
    return this.heap.length
  }

  /** The whole millisecond of the first; infinite when there is none. */
  get earliestMs(): number {
    const [first] = this.heap
    return first ? Math.floor(first.atMs) : Number.POSITIVE_INFINITY
  }

  push(event: TimedEvent): void {
    const { heap } = this
    event.inHeap = true
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >>> 1
      const above = heap[parent] as TimedEvent
      if (!isBefore(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  /** The first that was not cancelled, if it is due before then. */
  takeBefore(limitMs: number): TimedEvent | undefined {
    for (let first = this.heap[0]; first && first.atMs < limitMs; first = this.heap[0]) {
      this.pop()
      first.inHeap = false
      if (first.wake) return first
      this.cancelledCount--
    }
    return undefined
  }

  /** To be called when the `wake` of one that is here was taken away. */
  cancelled(): void {
    this.cancelledCount++
    if (this.heap.length <= SWEEP_ABOVE || this.cancelledCount <= this.heap.length / 2) return
    // A sorted list is a heap, too.
    this.heap = this.heap.filter(({ wake }) => wake).sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    this.cancelledCount = 0
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop() as TimedEvent
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as TimedEvent, heap[child] as TimedEvent)) child++
      if (!isBefore(heap[child] as TimedEvent, last)) break
      heap[index] = heap[child] as TimedEvent
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
