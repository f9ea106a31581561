/** ShardedForm: the scenario `form` by several threads, each with a shard of the nodes. */
import { Worker } from 'node:worker_threads'
import { perNode, rounded, summed, type Totals } from './meter.ts'
import type { Outcome, PhaseEnded, Progress, ScenarioOptions } from './scenario.ts'
import type { ShardReport, ShardResult, ShardTask } from './shard.ts'
import { meetingPlace } from './shard-meeting.ts'

/** For each thread, as `npm run sim` has it for the first: V8 would give threads less. */
const MAX_OLD_MIB = 12_288

export async function shardedForm(
  options: ScenarioOptions,
  progress: Progress,
  phaseEnded?: PhaseEnded,
): Promise<Outcome> {
  const { shards, profile, traced: _, ...rest } = options
  const place = meetingPlace(shards)
  const plain = { ...rest, shards, profile: profile.name }
  const onReport = (report: ShardReport) => {
    if (report.type === 'progress') progress(report.done, report.what)
    else if (report.type === 'phase') phaseEnded?.(report.what, report.events)
  }
  const workers: Worker[] = []
  try {
    const results = await Promise.all(
      Array.from({ length: shards }, (_none, shard) => {
        const worker = new Worker(new URL('./shard-thread.mjs', import.meta.url), {
          workerData: { shard, place, options: plain } satisfies ShardTask,
          resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_MIB },
        })
        workers.push(worker)
        return resultOf(worker, onReport)
      }),
    )
    return outcomeOf(results, options.minutes)
  } catch (error) {
    // As a node that throws in a world of one thread.
    const why = `a shard broke: ${error instanceof Error ? error.message : error}`
    return { figures: {}, failure: { why, concerned: [] }, events: 0, virtualMs: 0 }
  } finally {
    // One that broke leaves the others waiting for it.
    for (const worker of workers) void worker.terminate()
  }
}

function resultOf(worker: Worker, onReport: (report: ShardReport) => void): Promise<ShardResult> {
  return new Promise((resolve, reject) => {
    worker.on('message', (report: ShardReport) => {
      if (report.type === 'done') resolve(report.result)
      else onReport(report)
    })
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error('a shard ended without a result')))
  })
}

function outcomeOf(results: readonly ShardResult[], minutes: number): Outcome {
  const [{ formedMs, held, virtualMs }] = results as [ShardResult, ...ShardResult[]]
  const between = (which: 'forming' | 'idle') => {
    const sum = (end: 'from' | 'to') => summed(results.map((result) => result[which][end])) as Totals
    return perNode(sum('from'), sum('to'))
  }
  const kinds = (which: 'forming' | 'idle') => summed(results.map((result) => result[which].kinds))
  const figures: Record<string, unknown> = {
    formedMs: formedMs ?? null,
    whileForming: { ...between('forming'), kinds: kinds('forming') },
  }
  if (formedMs !== undefined && minutes > 0) {
    figures.held = rounded(held, 4)
    figures.perNode = between('idle')
    figures.kinds = kinds('idle')
    figures.counters = summed(results.map((result) => result.idle.counters))
  }
  const why = results.find((result) => result.why !== undefined)?.why
  const broken = formedMs === undefined ? 'no ring was formed' : 'the ring did not hold'
  const events = results.reduce((sum, result) => sum + result.events, 0)
  return {
    figures,
    failure: why === undefined ? undefined : { why: `${broken}: ${why}`, concerned: [] },
    events,
    virtualMs,
  }
}
