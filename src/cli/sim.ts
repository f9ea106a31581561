/**
 * How does the ring behave in a world that no lab can hold? `npm run sim -- SCENARIO [options]`: prints what it measured
 * and the seed that repeats it. When a promise is broken it exits with 1 and prints the trace that leads to it, which it
 * gets by running the same seed again with the nodes concerned watched.
 */
import { type Failure, runScenario } from '../sim/scenario.ts'
import { progressBar } from './progress-bar.ts'
import { RunCost } from './run-cost.ts'
import { parseSim, SimOptionError, type SimRequest, simUsage } from './sim-options.ts'
import { tableOf } from './sim-table.ts'

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) {
  console.log(simUsage())
} else {
  try {
    process.exitCode = await simulate(parseSim(words, Math.floor(Math.random() * 2 ** 32)))
  } catch (error) {
    if (!(error instanceof SimOptionError)) throw error
    console.error(`${error.message}\n\n${simUsage()}`)
    process.exitCode = 2
  }
}

async function simulate({ scenario, entry, options, json }: SimRequest): Promise<number> {
  const bar = progressBar(process.stderr, scenario)
  const cost = new RunCost()
  const outcome = await runScenario(entry.run, options, bar.show, cost.phaseEnded)
  const measuredCost = cost.read(outcome)
  bar.end()
  const asked = { ...Object.fromEntries(Object.keys(entry.takes).map((key) => [key, plain(options, key)])) }
  const result = {
    scenario,
    seed: options.seed,
    ...asked,
    ...outcome.figures,
    ...(outcome.failure ? { failure: outcome.failure.why } : {}),
    ...measuredCost,
  }
  console.log(tableOf(result))
  if (outcome.failure) await printTrace(outcome.failure, { scenario, entry, options, json })
  if (json) console.log(JSON.stringify(result))
  return outcome.failure ? 1 : 0
}

/** The same world again, with those concerned watched. */
async function printTrace(failure: Failure, { scenario, entry, options }: SimRequest): Promise<void> {
  const names = new Set(failure.concerned.map(({ name }) => name))
  console.error(`${scenario}, seed ${options.seed}: ${failure.why}`)
  if (names.size === 0) return
  const bar = progressBar(process.stderr, 'again, with a trace')
  const again = await runScenario(entry.run, { ...options, traced: names }, bar.show)
  bar.end()
  for (const { name, address, driver } of again.failure?.concerned ?? []) {
    console.error(`\n${name}, ${address}`)
    for (const { atMs, what } of driver.trace) console.error(`  ${String(atMs).padStart(9)} ms  ${what}`)
  }
}

function plain(options: SimRequest['options'], key: string): unknown {
  const value = options[key as keyof typeof options]
  if (key === 'profile') return options.profile.name
  return value === undefined ? null : value
}
