import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Effect, Input } from '../overlay/effects.ts'
import { ChurnModel } from './churn-model.ts'
import { runScenario, type ScenarioOptions } from './scenario.ts'
import { World } from './world.ts'

/** Of everything that each node was given and gave back, bytes and times and all. */
function hashOfRun(seed: number): string {
  const hash = createHash('sha256')
  const bytesAsHex = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
  const witness = (name: string, input: Input, effects: readonly Effect[], nowMs: number) => {
    hash.update(JSON.stringify([name, nowMs, input, effects], bytesAsHex))
  }
  const world = new World({ seed, latencyMs: 100, loss: 0.05, witness })
  world.startTogether(12)
  world.run(8_000)
  new ChurnModel(world, 15_000)
  world.run(20_000)
  return hash.digest('hex')
}

describe('a world', () => {
  test('is the same world for the same seed, to the last byte, and another for another', () => {
    expect(hashOfRun(1)).toBe(hashOfRun(1))
    expect(hashOfRun(1)).not.toBe(hashOfRun(2))
  })

  test('is the same whether its nodes are watched or not', () => {
    const totals = [true, false].map((watch) => {
      const world = new World({ seed: 7, latencyMs: 100, traced: () => watch })
      world.startTogether(10)
      world.run(30_000)
      return { ...world.traffic, events: world.clock.events }
    })
    expect(totals[0]).toEqual(totals[1])
  })
})

test('a node that breaks an invariant of its own ends its scenario, and is the one whose trace is asked for', async () => {
  const broken = async () => {
    const world = new World({ seed: 1 })
    const [, second] = world.startTogether(3)
    if (second) {
      Object.defineProperty(second.node.table, 'size', {
        get: () => {
          throw new Error('no table')
        },
      })
    }
    world.run(1_000)
    return { figures: {}, failure: undefined, events: 0, virtualMs: 0 }
  }
  const { failure } = await runScenario(broken, {} as ScenarioOptions, () => undefined)
  expect(failure?.why).toBe('n2 threw: no table')
  expect(failure?.concerned.map(({ name }) => name)).toEqual(['n2'])
})
