/**
 * VirtualClock: time that passes only when the next event is due. Events of one instant keep the order they were set in,
 * so a world is the same world each time it is run.
 *
 *   far heap --within the wheel's span--> wheel, a slot per millisecond --its time has come--> drained in order
 *
 * Nearly all events of a world lie within the next few seconds. A slot is unordered until its time has come, so setting
 * an event costs the same however many wait; only what lies further off goes through the heap.
 */
import type { TurnClock } from '../ports.ts'
import { type TimedEvent, TimedEventHeap } from './timed-event-heap.ts'

/** In slots of a millisecond each; a power of two. Longer than a keepalive's wait, so that the heap sees little. */
const SPAN = 4_096

export class VirtualClock implements TurnClock {
  /** How many events were run. */
  events = 0
  private nowMs = 0
  private orders = 0
  private readonly wheel: TimedEvent[][] = Array.from({ length: SPAN }, () => [])
  /** How many lie in the wheel. */
  private near = 0
  private readonly far = new TimedEventHeap()
  /** The millisecond that is drained, what is due in it, in order, and how far the draining has come. */
  private slotMs = 0
  private slot: TimedEvent[] = []
  private drained = 0

  now(): number {
    return this.nowMs
  }

  wakeAt(atMs: number, wake: () => void): () => void {
    const event = this.set(atMs, wake)
    return () => {
      if (!event.wake) return
      event.wake = undefined
      if (event.inHeap) this.far.cancelled()
    }
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
    for (;;) {
      const event = this.slot[this.drained]
      if (event) {
        if (event.atMs > untilMs) break
        this.drained++
        const { wake } = event
        if (!wake) continue
        // One who cancels too late finds nothing to cancel.
        event.wake = undefined
        this.nowMs = event.atMs
        this.events++
        wake()
      } else {
        if (this.slotMs + 1 > untilMs) break
        this.nextSlot(Math.floor(untilMs))
      }
    }
    this.nowMs = untilMs
  }

  private set(atMs: number, wake: () => void): TimedEvent {
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.orders++, wake, inHeap: false }
    const slotMs = Math.floor(event.atMs)
    if (slotMs === this.slotMs) insert(this.slot, this.drained, event)
    else if (slotMs < this.slotMs + SPAN) this.putNear(slotMs, event)
    else this.far.push(event)
    return event
  }

  private putNear(slotMs: number, event: TimedEvent): void {
    this.near++
    ;(this.wheel[slotMs % SPAN] as TimedEvent[]).push(event)
  }

  /** The next millisecond, or the next in which something is due, but none after `limitMs`. */
  private nextSlot(limitMs: number): void {
    this.slotMs = this.near > 0 ? this.slotMs + 1 : Math.min(limitMs, Math.max(this.slotMs + 1, this.far.earliestMs))
    for (let event = this.far.takeBefore(this.slotMs + SPAN); event; event = this.far.takeBefore(this.slotMs + SPAN)) {
      this.putNear(Math.floor(event.atMs), event)
    }
    const index = this.slotMs % SPAN
    const next = this.wheel[index] as TimedEvent[]
    this.slot.length = 0
    this.wheel[index] = this.slot
    this.slot = next
    this.near -= next.length
    this.drained = 0
    if (next.length > 1) next.sort(byTime)
  }
}

/** Into a sorted list, none of what lies before `from` being moved. */
function insert(sorted: TimedEvent[], from: number, event: TimedEvent): void {
  let index = sorted.push(event) - 1
  for (; index > from && byTime(event, sorted[index - 1] as TimedEvent) < 0; index--) {
    sorted[index] = sorted[index - 1] as TimedEvent
  }
  sorted[index] = event
}

function byTime(a: TimedEvent, b: TimedEvent): number {
  return a.atMs - b.atMs || a.order - b.order
}
