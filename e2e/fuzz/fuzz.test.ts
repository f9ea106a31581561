/** Does the fuzzer find what is wrong, and does everything that reads a stranger's bytes bear what it was not made for? */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decoder } from './decoder.ts'
import { DECODERS } from './decoders.ts'
import { keepFound, keptInputs } from './found-inputs.ts'
import { parseFuzz } from './fuzz-options.ts'
import { FuzzRun, faultWith } from './fuzz-run.ts'
import { HeapWatch } from './heap-watch.ts'

const SEED = 1
const INPUTS_EACH = 300

describe.each(DECODERS)('$name', (decoder) => {
  test('reads what it is made to read', async () => {
    const read = fc.sample(decoder.valid, { numRuns: 20, seed: SEED }).map((bytes) => decoder.decode(bytes))
    expect(await Promise.all(read)).not.toContain(undefined)
  })

  test('bears inputs that were changed', async () => {
    const run = new FuzzRun([decoder], SEED)
    await run.round(INPUTS_EACH)
    expect(run.found.map(({ why, bytes }) => `${why}: ${Buffer.from(bytes).toString('hex')}`)).toEqual([])
    expect(run.inputs).toBe(INPUTS_EACH)
  })
})

describe('whatever was found once', () => {
  const names = DECODERS.map(({ name }) => name)

  test('belongs to a decoder that there is', () => {
    expect(keptInputs().filter(({ decoder }) => !names.includes(decoder))).toEqual([])
  })

  test.each(keptInputs().map((found) => [found.decoder, found.why, found] as const))(
    '%s no longer %s',
    async (name, _why, { bytes }) => {
      const decoder = DECODERS.find((each) => each.name === name)
      expect(decoder && (await faultWith(decoder, bytes))).toBeUndefined()
    },
  )
})

describe('the fuzzer', () => {
  test('finds what throws, and makes it small', async () => {
    const run = new FuzzRun([brokenDecoder((bytes) => bytes.includes(0x3c) && trip())], SEED)
    await run.round(INPUTS_EACH)
    expect(run.found).toMatchObject([{ why: 'throws Error: tripped', seed: SEED, bytes: Uint8Array.of(0x3c) }])
  })

  test('finds what rejects', async () => {
    const run = new FuzzRun([brokenDecoder(async () => trip())], SEED)
    await run.round(1)
    expect(run.found[0]?.why).toBe('throws Error: tripped')
  })

  test('finds what makes much of little', async () => {
    const run = new FuzzRun([brokenDecoder((bytes) => 'x'.repeat(256 * (bytes[0] ?? 0)))], SEED)
    await run.round(INPUTS_EACH)
    expect(run.found[0]?.why).toMatch(/^makes \d+ bytes of \d+$/)
  })

  test('finds what writes into its input', async () => {
    const run = new FuzzRun([brokenDecoder((bytes) => bytes.fill(7))], SEED)
    await run.round(INPUTS_EACH)
    expect(run.found[0]?.why).toBe('changes its input')
  })

  test('goes on with the others when one has failed', async () => {
    const good = brokenDecoder(() => undefined)
    const run = new FuzzRun([brokenDecoder(trip), good], SEED)
    await run.round(10)
    await run.round(10)
    expect([run.found.length, run.inputs, run.isOver]).toEqual([1, 21, false])
  })

  test('gives the same inputs for the same seed, and others for another', () => {
    const [decoder] = DECODERS as [Decoder]
    const inputs = (seed: number) => [...new FuzzRun([], seed).inputsFor(decoder, 50)].map(String)
    expect(inputs(SEED)).toEqual(inputs(SEED))
    expect(inputs(SEED)).not.toEqual(inputs(SEED + 1))
  })

  test('keeps what it has found for the tests', () => {
    const folder = mkdtempSync(join(tmpdir(), 'overture-found-'))
    const url = pathToFileURL(`${folder}/`)
    const found = { decoder: 'broken', seed: SEED, why: 'throws', bytes: Uint8Array.of(0, 0x3c, 255) }
    keepFound(found, url)
    expect(keptInputs(url)).toEqual([found])
    rmSync(folder, { recursive: true })
  })

  test('tells a heap that only grows from one that is collected', () => {
    const megabytes = [10, 60, 20, 90]
    const watch = new HeapWatch(() => {})
    const looks = megabytes.map((used) => watch.look(() => used * 1_048_576))
    expect(looks.map((complaint) => complaint !== undefined)).toEqual([false, false, false, true])
  })
})

describe('what is asked of the fuzzer', () => {
  test('has its defaults', () => {
    expect(parseFuzz([], ['a', 'b'], 7)).toEqual({ minutes: 1, seed: 7, decoders: ['a', 'b'], json: false })
  })

  test('is taken', () => {
    const words = ['--minutes', '10', '--seed', '5', '--only', 'b', '--json']
    expect(parseFuzz(words, ['a', 'b'], 7)).toEqual({ minutes: 10, seed: 5, decoders: ['b'], json: true })
  })

  test.each([
    [['--minutes', '0'], '--minutes takes'],
    [['--seed', '-1.5'], '--seed'],
    [['--seed', 'x'], '--seed takes'],
    [['--only', 'c'], 'There is no decoder “c”'],
    [['--often'], '--often'],
  ])('is refused where it makes no sense: %s', (words, complaint) => {
    expect(parseFuzz(words, ['a', 'b'], 7)).toContain(complaint)
  })
})

function brokenDecoder(decode: Decoder['decode']): Decoder {
  return { name: 'broken', valid: fc.uint8Array({ minLength: 1, maxLength: 20 }), decode }
}

function trip(): never {
  throw new Error('tripped')
}
