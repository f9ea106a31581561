import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SIM = fileURLToPath(new URL('sim.ts', import.meta.url))

function sim(words: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', SIM, ...words.split(' ')], (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
  })
}

function resultOf(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
}

describe('npm run sim', () => {
  test('prints a table, and with --json one object on the last line, with the seed and its own cost', async () => {
    const { code, stdout, stderr } = await sim('form --nodes 3 --minutes 0 --json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const result = resultOf(stdout)
    expect(result).toMatchObject({ scenario: 'form', nodes: 3, formedMs: expect.any(Number), seed: expect.any(Number) })
    for (const cost of ['events', 'eventsPerS', 'usPerEvent', 'peakMiB']) expect(result[cost]).toBeGreaterThan(0)
    expect(stdout).toMatch(/^formedMs +\d+$/m)
    expect(stdout.split('\n').filter((line) => line.startsWith('{')).length).toBe(1)
  })

  test('repeats a run from its seed', async () => {
    const { seed, formedMs, whileForming } = resultOf((await sim('form --nodes 7 --minutes 0 --json')).stdout)
    const again = resultOf((await sim(`form --nodes 7 --minutes 0 --json --seed ${seed}`)).stdout)
    expect(again).toMatchObject({ seed, formedMs, whileForming })
  })

  test('ends with 1 when a promise is broken, with the seed and the trace that leads to it', async () => {
    const { code, stdout, stderr } = await sim('form --nodes 3 --minutes 0 --unreachable 1 --seed 5 --json')
    expect(code).toBe(1)
    expect(resultOf(stdout)).toMatchObject({ failure: expect.stringMatching(/^no ring was formed: n\d is alone$/) })
    expect(stderr).toMatch(/^form, seed 5: no ring was formed/)
    expect(stderr).toMatch(/\d ms {2}candidate-appeared, endpoint xmpp:n\d/)
    expect(stderr).toMatch(/\d ms {2}dial, channel \d+, endpoint xmpp:n\d/)
  })

  test('ends with 2 and says how it is used when it is asked for what there is not', async () => {
    const { code, stdout, stderr } = await sim('form --nodes none')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^--nodes is a number from 2 to 100000, and not “none”\.\n\nnpm run sim -- SCENARIO/)
  })
})
