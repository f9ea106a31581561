/** RunCost: what did the simulation itself take? Processor time, not the clock on the wall, tells machines apart least. */
import type { Outcome } from '../sim/scenario.ts'

export class RunCost {
  private readonly startedAtMs = performance.now()
  private readonly cpu = process.cpuUsage()
  private readonly phases: Record<string, { events: number; usPerEvent: number; cpuS: number }> = {}
  private phase = { cpu: this.cpu, events: 0 }

  /** `events` are those since the beginning. */
  readonly phaseEnded = (what: string, events: number): void => {
    const { user, system } = process.cpuUsage(this.phase.cpu)
    this.phases[what] = costOf(events - this.phase.events, user + system)
    this.phase = { cpu: process.cpuUsage(), events }
  }

  read({ events, virtualMs }: Pick<Outcome, 'events' | 'virtualMs'>) {
    const wallMs = performance.now() - this.startedAtMs
    const { user, system } = process.cpuUsage(this.cpu)
    return {
      events,
      eventsPerS: Math.round((1_000 * events) / wallMs),
      usPerEvent: costOf(events, user + system).usPerEvent,
      virtualS: Math.round(virtualMs / 1_000),
      wallS: Number((wallMs / 1_000).toFixed(2)),
      cpuS: Number(((user + system) / 1e6).toFixed(2)),
      /** The most that the process ever held, with the interpreter and its compiler. */
      peakMiB: Math.round(process.resourceUsage().maxRSS / 1_024),
      ...this.phases,
    }
  }
}

function costOf(events: number, us: number) {
  return { events, usPerEvent: Number((us / Math.max(1, events)).toFixed(2)), cpuS: Number((us / 1e6).toFixed(2)) }
}
