/** The clock of the page or process that we run in. */
import type { TurnClock } from '../ports.ts'

export const realClock: TurnClock = {
  now: () => performance.now(),
  wakeAt(at, wake) {
    const timer = setTimeout(wake, Math.max(0, Math.ceil(at - performance.now())))
    return () => clearTimeout(timer)
  },
  soon: (task) => queueMicrotask(task),
}
