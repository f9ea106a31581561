/** What has been asked of the fuzzer? Turns the words behind `npm run fuzz --` into options, or into what is wrong with them. */
import { parseArgs } from 'node:util'

export type FuzzOptions = { minutes: number; seed: number; decoders: readonly string[]; json: boolean }

export const FUZZ_USAGE = `npm run fuzz -- [options]
  --minutes M      how long; default 1
  --seed N         repeats a run, as far as its minutes go
  --only NAME,…    these decoders alone
  --json           prints one JSON object as the last line

Gives everything that reads a stranger's bytes good inputs that were changed. An input that is not borne is kept in
e2e/fuzz/found, and the tests give it to its decoder ever after.`

const MAX_MINUTES = 10_000
const MAX_SEED = 2 ** 32 - 1

/** Returns a sentence for words that ask for what there is not. */
export function parseFuzz(words: string[], known: readonly string[], seed: number): FuzzOptions | string {
  let values: { minutes?: string; seed?: string; only?: string; json?: boolean }
  try {
    const options = {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean' },
    } as const
    values = parseArgs({ args: words, options }).values
  } catch (error) {
    return (error as Error).message
  }
  const minutes = Number(values.minutes ?? 1)
  if (!(minutes > 0 && minutes <= MAX_MINUTES)) return `--minutes takes a number above 0, at most ${MAX_MINUTES}.`
  const chosen = Number(values.seed ?? seed)
  if (!Number.isInteger(chosen) || chosen < 0 || chosen > MAX_SEED) {
    return `--seed takes a whole number from 0 to ${MAX_SEED}.`
  }
  const decoders = values.only?.split(',') ?? known
  const unknown = decoders.find((name) => !known.includes(name))
  if (unknown !== undefined) return `There is no decoder “${unknown}”. There are ${known.join(', ')}.`
  return { minutes, seed: chosen, decoders, json: values.json ?? false }
}
