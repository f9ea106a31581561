import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PACER_LIMITS, Pacer, type PacerLimits } from './pacer.ts'

const TIGHT: PacerLimits = {
  burstStanzas: 4,
  burstBytes: 1_000,
  stanzasPerS: 2,
  bytesPerS: 100,
  queuedStanzas: 50,
  queuedBytes: 5_000,
}

describe('pacer', () => {
  test('a burst of 200 small stanzas goes at once, in order', () => {
    const pacer = new Pacer<number>(0)
    for (let i = 0; i < 200; i++) pacer.offer(i, 300)
    expect(pacer.take(0)).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect(pacer.deadline).toBeUndefined()
  })

  test('a spent burst leaves the sustained rate', () => {
    const pacer = new Pacer<number>(0, TIGHT)
    for (let i = 0; i < 6; i++) pacer.offer(i, 10)
    expect(pacer.take(0)).toEqual([0, 1, 2, 3])
    expect(pacer.deadline).toBe(500)
    expect(pacer.take(499)).toEqual([])
    expect(pacer.take(500)).toEqual([4])
    expect(pacer.take(1_000)).toEqual([5])
  })

  test('bytes are paced as stanzas are', () => {
    const pacer = new Pacer<string>(0, TIGHT)
    pacer.offer('large', 1_000)
    pacer.offer('small', 50)
    expect(pacer.take(0)).toEqual(['large'])
    expect(pacer.deadline).toBe(500)
    expect(pacer.take(500)).toEqual(['small'])
  })

  test('answers that went past the queue are made up for by what waits', () => {
    const pacer = new Pacer<string>(0, TIGHT)
    for (let i = 0; i < 4; i++) pacer.spend(10, 0)
    pacer.offer('waits', 10)
    expect(pacer.take(0)).toEqual([])
    expect(pacer.take(500)).toEqual(['waits'])
  })

  test('a flood of answers delays us by no more than emptying the bucket twice', () => {
    const pacer = new Pacer<string>(0, TIGHT)
    for (let i = 0; i < 10_000; i++) pacer.spend(10, 0)
    pacer.offer('waits', 10)
    expect(pacer.deadline).toBe(10_100)
  })

  test('a full queue refuses, by count and by bytes', () => {
    const { queuedStanzas, queuedBytes } = PACER_LIMITS
    const many = new Pacer<number>(0)
    for (let i = 0; i < queuedStanzas; i++) expect(many.offer(i, 1)).toBe(true)
    expect(many.offer(0, 1)).toBe(false)
    const large = new Pacer<number>(0)
    expect(large.offer(0, queuedBytes)).toBe(true)
    expect(large.offer(1, 1)).toBe(false)
    large.clear()
    expect(large.offer(1, 1)).toBe(true)
  })

  test('bulk goes when nothing else waits, however long it has waited', () => {
    const pacer = new Pacer<string>(0, TIGHT)
    pacer.spend(TIGHT.burstBytes, 0)
    pacer.offer('bulk', 50, true)
    pacer.offer('more bulk', 50, true)
    pacer.offer('ping', 50)
    pacer.offer('pong', 50)
    expect(pacer.take(10_000)).toEqual(['ping', 'pong', 'bulk', 'more bulk'])
  })

  test('what goes first is not passed by bulk that would fit', () => {
    const pacer = new Pacer<string>(0, TIGHT)
    pacer.spend(TIGHT.burstBytes, 0)
    pacer.offer('small bulk', 10, true)
    pacer.offer('large', 500)
    expect(pacer.take(4_000)).toEqual([])
    expect(pacer.deadline).toBe(5_000)
    expect(pacer.take(5_000)).toEqual(['large'])
  })

  test('bulk fills half of the queue, and leaves the rest to all else', () => {
    const { queuedStanzas, queuedBytes } = PACER_LIMITS
    const many = new Pacer<number>(0)
    for (let i = 0; i < queuedStanzas / 2; i++) expect(many.offer(i, 1, true)).toBe(true)
    expect(many.offer(0, 1, true)).toBe(false)
    expect(many.offer(0, 1)).toBe(true)
    const large = new Pacer<number>(0)
    expect(large.offer(0, queuedBytes / 2, true)).toBe(true)
    expect(large.offer(1, 1, true)).toBe(false)
    expect(large.offer(1, 1)).toBe(true)
  })

  test('whatever is offered whenever: order is kept, limits hold, and the deadline is neither early nor never', () => {
    const step = fc.record({
      waitMs: fc.nat(3_000),
      sizes: fc.array(fc.integer({ min: 1, max: 2_000 }), { maxLength: 5 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const pacer = new Pacer<{ index: number; bytes: number }>(0, TIGHT)
        const sent: { index: number; bytes: number }[] = []
        let now = 0
        let index = 0
        for (const { waitMs, sizes } of steps) {
          now += waitMs
          for (const bytes of sizes) if (pacer.offer({ index, bytes }, bytes)) index++
          sent.push(...pacer.take(now))
          const elapsedS = now / 1_000
          expect(sent.length).toBeLessThanOrEqual(TIGHT.burstStanzas + elapsedS * TIGHT.stanzasPerS)
          const bytes = sent.slice(0, -1).reduce((sum, one) => sum + one.bytes, 0)
          expect(bytes).toBeLessThanOrEqual(TIGHT.burstBytes + elapsedS * TIGHT.bytesPerS + 1_000)
        }
        while (pacer.deadline !== undefined) {
          const { deadline, length } = pacer
          expect(deadline).toBeGreaterThanOrEqual(now)
          now = Math.max(now, deadline)
          sent.push(...pacer.take(now))
          expect(pacer.length).toBeLessThan(length)
        }
        expect(sent.map((one) => one.index)).toEqual(Array.from({ length: index }, (_, i) => i))
      }),
    )
  })
})
