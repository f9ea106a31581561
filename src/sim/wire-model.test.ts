import { describe, expect, test } from 'vitest'
import { seededRandom } from '../overlay/seeded-random.ts'
import { wireDelay } from './wire-model.ts'

const FRAMES = 20_000

function delays(loss: number, latencyMs = 100): number[] {
  const delay = wireDelay({ latencyMs, loss }, seededRandom(1))
  return Array.from({ length: FRAMES }, delay)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

describe('a frame’s delay', () => {
  test('is the mean latency give or take a fifth where nothing is lost', () => {
    const found = delays(0)
    expect(Math.min(...found)).toBeGreaterThanOrEqual(80)
    expect(Math.max(...found)).toBeLessThan(120)
    expect(Math.abs(mean(found) - 100)).toBeLessThan(1)
  })

  test('is longer by the wait for a resend for as large a share as is lost', () => {
    const found = delays(0.1)
    expect(Math.abs(found.filter((delay) => delay > 120).length / FRAMES - 0.1)).toBeLessThan(0.01)
    expect(Math.min(...found.filter((delay) => delay > 120))).toBeGreaterThanOrEqual(400)
  })

  test('doubles its wait with each loss of the same frame', () => {
    const twice = delays(0.3).filter((delay) => delay > 120 + 400 && delay < 120 + 3 * 400)
    expect(Math.min(...twice)).toBeGreaterThanOrEqual(80 + 400 + 800)
  })
})
