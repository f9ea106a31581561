/** What has a process cost so far? As Linux counts it (proc(5)). */
import { readFile } from 'node:fs/promises'

export type ProcessCost = { cpuS: number; peakMiB: number }

const TICKS_PER_S = 100 // proc(5): sysconf(_SC_CLK_TCK), 100 on every Linux that runs browsers.

export async function processCost(pid: number): Promise<ProcessCost> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  // The second field may hold spaces and ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const peakKiB = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1])
  return { cpuS: ticks / TICKS_PER_S, peakMiB: peakKiB / 1_024 }
}
