/** The clock of the page or process that we run in. */
import type { Clock } from '../ports.ts'

export const realClock: Clock = {
  now: () => performance.now(),
  wakeAt(at, wake) {
    const timer = setTimeout(wake, Math.max(0, Math.ceil(at - performance.now())))
    return () => clearTimeout(timer)
  },
}
