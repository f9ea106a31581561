/**
 * VirtualClock: time that passes only when the next event is due. Events of one instant keep the order they were set in,
 * so a world is the same world each time it is run. A binary heap holds them: the cost of an event grows with the
 * logarithm of how many wait, and what was cancelled is swept out before it outnumbers what was not.
 */
import type { TurnClock } from '../ports.ts'

/** `wake` is undefined once it was cancelled. */
type Event = { atMs: number; order: number; wake: (() => void) | undefined }

/** Below it a sweep costs more than what it frees. A guess. */
const SWEEP_ABOVE = 1_024

export class VirtualClock implements TurnClock {
  /** How many events were run. */
  events = 0
  private nowMs = 0
  private orders = 0
  /** Earliest first. */
  private heap: Event[] = []
  private cancelled = 0

  now(): number {
    return this.nowMs
  }

  wakeAt(atMs: number, wake: () => void): () => void {
    const event = this.set(atMs, wake)
    return () => this.cancel(event)
  }

  /** For what is never cancelled, as a frame on its way: it makes no garbage but the event. */
  callAt(atMs: number, wake: () => void): void {
    this.set(atMs, wake)
  }

  /** A turn of the simulator is one event, and has nothing to wait for. */
  soon(task: () => void): void {
    task()
  }

  /** Runs what is due within the next so many milliseconds. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs
    for (let event = this.heap[0]; event && event.atMs <= untilMs; event = this.heap[0]) {
      this.pop()
      const { wake } = event
      if (!wake) {
        this.cancelled--
        continue
      }
      // A canceller that comes too late finds nothing to cancel.
      event.wake = undefined
      this.nowMs = event.atMs
      this.events++
      wake()
    }
    this.nowMs = untilMs
  }

  /** How many events wait, with those cancelled and not yet swept out. */
  get waiting(): number {
    return this.heap.length
  }

  private set(atMs: number, wake: () => void): Event {
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.orders++, wake }
    this.push(event)
    return event
  }

  private cancel(event: Event): void {
    if (!event.wake) return
    event.wake = undefined
    this.cancelled++
    if (this.heap.length > SWEEP_ABOVE && this.cancelled > this.heap.length / 2) this.sweep()
  }

  private sweep(): void {
    // A sorted array is a heap, too.
    this.heap = this.heap.filter(({ wake }) => wake).sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    this.cancelled = 0
  }

  private push(event: Event): void {
    const { heap } = this
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >>> 1
      const above = heap[parent] as Event
      if (!isBefore(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[index] = heap[child] as Event
      index = child
    }
    heap[index] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
