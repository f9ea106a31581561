import { describe, expect, test } from 'vitest'
import { type Clock, StanzaError } from '../ports.ts'
import { Keepalive } from './keepalive.ts'

describe('keepalive', () => {
  test('a service that has been silent for a while is asked, one that has not is not', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.start()
    clock.runTo(20_000)
    keepalive.heard()
    clock.runTo(49_999)
    expect(asked).toEqual([])
    clock.runTo(50_000)
    expect(asked).toEqual([50_000])
  })

  test('while nothing comes back it is asked again and again, but no more often', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.start()
    clock.runTo(100_000)
    expect(asked).toEqual([30_000, 60_000, 90_000])
  })

  test('a service that ends idle streams hears from us in time, however much it says itself', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.start()
    keepalive.limit(20_000)
    for (let now = 1_000; now <= 9_000; now += 1_000) {
      clock.runTo(now)
      keepalive.heard()
    }
    clock.runTo(10_000)
    expect(asked).toEqual([10_000])
  })

  test('what we say by ourselves is enough for it', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.limit(20_000)
    keepalive.start()
    clock.runTo(8_000)
    keepalive.said()
    keepalive.heard()
    clock.runTo(17_999)
    expect(asked).toEqual([])
    clock.runTo(18_000)
    expect(asked).toEqual([18_000])
  })

  test('a limit of hours makes it no rarer, one of a second no more frequent than is bearable', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.start()
    keepalive.limit(36_000_000)
    clock.runTo(30_000)
    expect(asked).toEqual([30_000])
    keepalive.limit(1_000)
    clock.runTo(40_000)
    expect(asked).toEqual([30_000, 35_000, 40_000])
  })

  test('a limit that the next stream does not have is forgotten', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.limit(20_000)
    keepalive.start()
    keepalive.limit(undefined)
    clock.runTo(29_999)
    expect(asked).toEqual([])
  })

  test('no answer in time means dead; any other error does not, nor one of an earlier stream', async () => {
    const { keepalive, answers, deaths } = setup()
    keepalive.start()
    keepalive.probe()
    keepalive.probe(1_000)
    answers[0]?.(new StanzaError('service-unavailable'))
    await Promise.resolve()
    expect(deaths()).toBe(0)
    answers[1]?.(new StanzaError('timeout'))
    await Promise.resolve()
    expect(deaths()).toBe(1)
    keepalive.probe()
    keepalive.start()
    answers[2]?.(new StanzaError('timeout'))
    await Promise.resolve()
    expect(deaths()).toBe(1)
  })

  test('once stopped it is silent', () => {
    const { clock, keepalive, asked } = setup()
    keepalive.start()
    keepalive.stop()
    keepalive.limit(20_000)
    clock.runTo(100_000)
    expect(asked).toEqual([])
  })
})

function setup() {
  const clock = new HandClock()
  const asked: number[] = []
  const answers: ((error: StanzaError) => void)[] = []
  let dead = 0
  const keepalive = new Keepalive(clock, {
    ask: () => {
      asked.push(clock.now())
      keepalive.said()
      return new Promise((_resolve, reject) => answers.push(reject))
    },
    dead: () => dead++,
  })
  return { clock, keepalive, asked, answers, deaths: () => dead }
}

class HandClock implements Clock {
  private nowMs = 0
  private readonly wakes = new Set<{ at: number; wake: () => void }>()

  now(): number {
    return this.nowMs
  }

  wakeAt(at: number, wake: () => void): () => void {
    const entry = { at, wake }
    this.wakes.add(entry)
    return () => this.wakes.delete(entry)
  }

  runTo(at: number): void {
    for (;;) {
      const [next] = [...this.wakes].sort((one, other) => one.at - other.at)
      if (next === undefined || next.at > at) break
      this.wakes.delete(next)
      this.nowMs = next.at
      next.wake()
    }
    this.nowMs = at
  }
}
