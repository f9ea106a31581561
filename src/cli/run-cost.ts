/** RunCost: what did the simulation itself take? Processor time, not the clock on the wall, tells machines apart least. */
import type { Outcome } from '../sim/scenario.ts'

export class RunCost {
  private readonly startedAtMs = performance.now()
  private readonly cpu = process.cpuUsage()

  read({ events, virtualMs }: Pick<Outcome, 'events' | 'virtualMs'>) {
    const wallMs = performance.now() - this.startedAtMs
    const { user, system } = process.cpuUsage(this.cpu)
    return {
      events,
      eventsPerS: Math.round((1_000 * events) / wallMs),
      usPerEvent: Number(((user + system) / Math.max(1, events)).toFixed(2)),
      virtualS: Math.round(virtualMs / 1_000),
      wallS: Number((wallMs / 1_000).toFixed(2)),
      cpuS: Number(((user + system) / 1e6).toFixed(2)),
      /** The most that the process ever held, with the interpreter and its compiler. */
      peakMiB: Math.round(process.resourceUsage().maxRSS / 1_024),
    }
  }
}
