/**
 * Does everything that reads a stranger's bytes bear whatever they are? `npm run fuzz -- --minutes 10`: prints the seed
 * and what was found. It exits with 1 when anything was, and keeps it in `found/`, which the tests read.
 */
import { progressBar } from '../../src/cli/progress-bar.ts'
import { DECODERS } from './decoders.ts'
import { keepFound } from './found-inputs.ts'
import { FUZZ_USAGE, type FuzzOptions, parseFuzz } from './fuzz-options.ts'
import { FuzzRun } from './fuzz-run.ts'
import { HeapWatch } from './heap-watch.ts'

const INPUTS_PER_ROUND = 500
const ROUNDS_BEFORE_FIRST_LOOK = 3
const LOOK_EVERY_ROUNDS = 10
const MS_PER_MINUTE = 60_000

const words = process.argv.slice(2)
const names = DECODERS.map(({ name }) => name)
const asked = parseFuzz(words, names, Math.floor(Math.random() * 2 ** 32))
if (words.includes('--help')) console.log(FUZZ_USAGE)
else if (typeof asked === 'string') {
  console.error(`${asked}\n\n${FUZZ_USAGE}`)
  process.exitCode = 2
} else process.exitCode = await fuzz(asked)

async function fuzz({ minutes, seed, decoders, json }: FuzzOptions): Promise<number> {
  console.log(`seed ${seed}, ${decoders.length} decoders, ${minutes} min`)
  const run = new FuzzRun(
    DECODERS.filter(({ name }) => decoders.includes(name)),
    seed,
  )
  const heap = new HeapWatch()
  const bar = progressBar(process.stderr, 'fuzz')
  const startedMs = performance.now()
  let growth: string | undefined
  let kept = 0
  for (let round = 1, done = 0; done < 1 && growth === undefined && !run.isOver; round++) {
    await run.round(INPUTS_PER_ROUND)
    for (const found of run.found.slice(kept)) {
      bar.end()
      console.error(`${found.decoder} ${found.why}\n  ${keepFound(found)}`)
    }
    kept = run.found.length
    if (round === ROUNDS_BEFORE_FIRST_LOOK || round % LOOK_EVERY_ROUNDS === 0) growth = heap.look()
    done = (performance.now() - startedMs) / (minutes * MS_PER_MINUTE)
    bar.show(Math.min(1, done), `${run.inputs} inputs, ${kept} found`)
  }
  bar.end()
  if (growth !== undefined) console.error(growth)
  console.log(`${run.inputs} inputs, ${kept} found; the heap grew by ${heap.largestGrowthBytes} bytes at most`)
  const found = run.found.map(({ decoder, why }) => ({ decoder, why }))
  if (json)
    console.log(JSON.stringify({ seed, minutes, inputs: run.inputs, found, heapGrowthBytes: heap.largestGrowthBytes }))
  return kept === 0 && growth === undefined ? 0 : 1
}
