/** What has the crowd cost? One line for each thing that a server's keeper would ask. */
import { round } from '../statistics.ts'
import type { CrowdRun } from './crowd.ts'
import type { CrowdOptions } from './crowd-options.ts'

export type CrowdFigures = {
  seed: number
  options: Omit<CrowdOptions, 'seed' | 'json'>
  oneRingMs: number | null
  afterLastJoinMs: number | null
  /** What the server had to deliver, to all instances, until there was one ring. */
  stanzasPerJoin: number
  /** What it was sent by all instances. */
  sentPerJoin: number
  /** Of both. */
  presencesPerJoin: number
  presencesHeld: number
  /** Of the whole crowd, once settled. */
  restingStanzasPerS: number
  failed: number
  cut: number
  server: { peakMiB: number; cpuS: number }
}

export function crowdFigures({ seed, json: _, ...options }: CrowdOptions, run: CrowdRun): CrowdFigures {
  const { joining, resting, server } = run
  const rounded = (ms: number | undefined) => (ms === undefined ? null : round(ms))
  return {
    seed,
    options,
    oneRingMs: rounded(run.oneRingMs),
    afterLastJoinMs: rounded(run.afterLastJoinMs),
    stanzasPerJoin: round(joining.received / options.instances, 1),
    sentPerJoin: round(joining.sent / options.instances, 1),
    presencesPerJoin: round(joining.presences / options.instances, 1),
    presencesHeld: run.presencesHeld,
    restingStanzasPerS: round((resting.sent + resting.received) / resting.seconds, 1),
    failed: run.failed,
    cut: run.cut,
    server: { peakMiB: round(server.peakMiB), cpuS: round(server.cpuS, 1) },
  }
}

export function crowdTable(figures: CrowdFigures): string {
  const { options, server } = figures
  const seconds = (ms: number | null) => (ms === null ? 'never' : `${(ms / 1_000).toFixed(1)} s`)
  return [
    `${options.instances} instances of one account over ${options.overS} s, greeters ${options.greeters ? 'on' : 'off'}, seed ${figures.seed}`,
    '',
    `one ring after            ${seconds(figures.oneRingMs)}, ${seconds(figures.afterLastJoinMs)} after the last had signed in`,
    `stanzas per join          ${figures.stanzasPerJoin} delivered, ${figures.sentPerJoin} sent; ${figures.presencesPerJoin} of them presences`,
    `stanzas at rest           ${figures.restingStanzasPerS} per second, of all`,
    `presences held            ${figures.presencesHeld}`,
    `joins that failed         ${figures.failed}`,
    `sessions that were cut    ${figures.cut}`,
    `the server                ${server.cpuS} s of processor time, ${server.peakMiB} MiB at most`,
  ].join('\n')
}
