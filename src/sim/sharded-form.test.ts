import { expect, test } from 'vitest'
import { formScenario } from './form-scenario.ts'
import type { ScenarioOptions } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

const options = (changed: Partial<ScenarioOptions>) =>
  ({ traced: new Set(), seed: 5, ...SCENARIOS.form?.takes, nodes: 40, ...changed }) as ScenarioOptions

test('by two threads a ring forms and holds, and a run repeats to the last frame', async () => {
  const phases: string[] = []
  const run = () =>
    formScenario(
      options({ shards: 2 }),
      () => undefined,
      (what) => phases.push(what),
    )
  const [first, again] = [await run(), await run()]
  expect(first.failure).toBeUndefined()
  expect(first.figures.held).toBe(1)
  expect(first.figures.formedMs).toBeGreaterThan(500)
  expect(again).toEqual(first)
  expect(phases).toEqual(['forming', 'settling', 'idle', 'forming', 'settling', 'idle'])
})

test('a node costs by two threads what it costs by one', async () => {
  const run = (shards: number) => formScenario(options({ minutes: 3, shards }), () => undefined)
  const [one, two] = [await run(1), await run(2)]
  type PerNode = { bytesPerS: number; framesPerS: number; links: number }
  const [alone, shared] = [one.figures.perNode as PerNode, two.figures.perNode as PerNode]
  for (const key of ['bytesPerS', 'framesPerS', 'links'] as const) {
    expect(shared[key] / alone[key]).toBeGreaterThan(0.85)
    expect(shared[key] / alone[key]).toBeLessThan(1.15)
  }
})

test('options of which no ring can come end as a failure that says what is wrong', async () => {
  const { failure } = await formScenario(options({ nodes: 6, shards: 2, unreachable: 1, minutes: 0 }), () => undefined)
  expect(failure?.why).toMatch(/^no ring was formed: n\d+ is alone$/)
})
