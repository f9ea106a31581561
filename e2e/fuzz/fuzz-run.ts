/**
 * FuzzRun: gives every decoder good inputs that were changed, and looks whether it bears them: it must not throw, what it
 * makes of them must not weigh more than a stated factor of their length, and it must not take long. The same seed gives
 * the same inputs, so that a number repeats a run.
 */
import fc from 'fast-check'
import { seededRandom } from '../../src/overlay/seeded-random.ts'
import type { Random } from '../../src/ports.ts'
import type { Decoder } from './decoder.ts'
import { below, mutated } from './mutation.ts'
import { weightOf } from './weight.ts'

/** The heaviest that there is for its length: an element of four bytes, with its empty attributes and list of children. */
export const MAX_WEIGHT_FACTOR = 128
/** What is there whatever the input's length, such as fields with their defaults. */
const BASE_WEIGHT = 4_096
/** A guess: no reading of 64 KiB takes a fiftieth of this, however busy the machine is. */
const MAX_READING_MS = 5_000

const SAMPLES = 40
const SHRINKING_STEPS = 2_000

export type Found = { decoder: string; seed: number; why: string; bytes: Uint8Array }

/** Says what is wrong, or undefined. */
export async function faultWith({ decode }: Decoder, bytes: Uint8Array): Promise<string | undefined> {
  const input = bytes.slice()
  const startedMs = performance.now()
  let read: unknown
  try {
    read = await decode(input)
  } catch (error) {
    return `throws ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`
  }
  if (performance.now() - startedMs > MAX_READING_MS) return 'takes too long'
  if (input.some((byte, at) => byte !== bytes[at])) return 'changes its input'
  const weight = weightOf(read)
  const limit = BASE_WEIGHT + MAX_WEIGHT_FACTOR * bytes.length
  return weight > limit ? `makes ${weight} bytes of ${bytes.length}` : undefined
}

export class FuzzRun {
  readonly found: Found[] = []
  inputs = 0
  private readonly seed: number
  private readonly random: Random
  private readonly decoders: Set<Decoder>

  constructor(decoders: Iterable<Decoder>, seed: number) {
    this.decoders = new Set(decoders)
    this.seed = seed
    this.random = seededRandom(seed)
  }

  /** Every decoder has failed. */
  get isOver(): boolean {
    return this.decoders.size === 0
  }

  /** So many inputs to each decoder that has not failed. */
  async round(inputsEach: number): Promise<void> {
    for (const decoder of this.decoders) {
      for (const bytes of this.inputsFor(decoder, inputsEach)) {
        this.inputs++
        const why = await faultWith(decoder, bytes)
        if (why === undefined) continue
        const small = await shrunk(decoder, bytes)
        this.found.push({
          decoder: decoder.name,
          seed: this.seed,
          bytes: small,
          why: (await faultWith(decoder, small)) ?? why,
        })
        // One fault hides the others behind it, and would be found again and again.
        this.decoders.delete(decoder)
        break
      }
    }
  }

  *inputsFor({ valid }: Decoder, count: number): Generator<Uint8Array> {
    const { random } = this
    const samples = fc.sample(valid, { numRuns: SAMPLES, seed: below(2 ** 31, random) })
    const drawn = () => samples[below(samples.length, random)] as Uint8Array
    for (let index = 0; index < count; index++) yield mutated(drawn(), random, drawn())
  }
}

/** The same fault with less: leaves out halves, then smaller and smaller pieces. */
async function shrunk(decoder: Decoder, bytes: Uint8Array): Promise<Uint8Array> {
  let small = bytes
  let steps = 0
  for (let size = Math.ceil(bytes.length / 2); size >= 1 && steps < SHRINKING_STEPS; size = Math.floor(size / 2)) {
    for (let at = 0; at < small.length && steps < SHRINKING_STEPS; steps++) {
      const less = Uint8Array.from([...small.subarray(0, at), ...small.subarray(at + size)])
      if ((await faultWith(decoder, less)) === undefined) at += size
      else small = less
    }
  }
  return small
}
