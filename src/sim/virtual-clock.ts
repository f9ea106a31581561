/** VirtualClock: time that passes only when the next event is due. Events of one instant keep the order they were set in. */
import type { TurnClock } from '../ports.ts'

type Event = { atMs: number; order: number; wake: (() => void) | undefined }

export class VirtualClock implements TurnClock {
  private nowMs = 0
  private orders = 0
  /** A binary heap, earliest first. */
  private readonly heap: Event[] = []

  now(): number {
    return this.nowMs
  }

  wakeAt(atMs: number, wake: () => void): () => void {
    const event: Event = { atMs: Math.max(atMs, this.nowMs), order: this.orders++, wake }
    this.push(event)
    return () => {
      event.wake = undefined
    }
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
      if (!event.wake) continue
      this.nowMs = event.atMs
      event.wake()
    }
    this.nowMs = untilMs
  }

  private push(event: Event): void {
    const { heap } = this
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >>> 1
      if (!isBefore(event, heap[parent] as Event)) break
      heap[index] = heap[parent] as Event
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
