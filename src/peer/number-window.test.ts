import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NumberWindow } from './number-window.ts'

test('a number that was seen is known, and one that was not is unless all that is remembered is newer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(12), { maxLength: 40 }), (size, numbers) => {
      const window = new NumberWindow(size)
      const taken: number[] = []
      for (const number of numbers) {
        const newest = [...taken].sort((a, b) => b - a)
        const oldest = newest.length > size ? (newest[size] as number) : Number.NEGATIVE_INFINITY
        expect(window.has(number)).toBe(taken.includes(number) || number < oldest)
        if (window.has(number)) continue
        window.add(number)
        taken.push(number)
      }
    }),
  )
})
