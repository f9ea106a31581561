import { describe, expect, test } from 'vitest'
import { type Address, classOf, fractionOf, leftDistance, nodeAddress, rightDistance } from './address.ts'
import { seededRandom } from './seeded-random.ts'
import { shortcutDistance, shortcutsFor, shortcutTarget } from './shortcut-target.ts'

const DRAWS = 4_000
/** Kolmogorov–Smirnov: the greatest gap that chance makes once in a thousand times. */
const CRITICAL = 1.95 / Math.sqrt(DRAWS)
const SIZES = [16, 256, 4_096]
const self = nodeAddress(Uint8Array.from({ length: 20 }, (_, index) => 37 * index))

/** The greatest gap between what was drawn and what is uniform on [0, 1]. */
function gapToUniform(drawn: number[]): number {
  const sorted = [...drawn].sort((a, b) => a - b)
  return sorted.reduce(
    (gap, value, index) => Math.max(gap, value - index / sorted.length, (index + 1) / sorted.length - value),
    0,
  )
}

/** 0 for all of the ring, 1 for one node's share of it. */
const logarithmic = (distance: number, size: number) => Math.log(distance) / Math.log(1 / size)

function targets(size: number): { side: 'left' | 'right'; distance: number; target: Address }[] {
  const random = seededRandom(size)
  return Array.from({ length: DRAWS }, () => {
    const drawn: number[] = []
    const target = shortcutTarget(self, size, () => drawn[drawn.push(random()) - 1] as number)
    const side = (drawn[1] as number) < 0.5 ? 'left' : 'right'
    const arc = side === 'left' ? leftDistance(self, target) : rightDistance(self, target)
    return { side, distance: fractionOf(arc), target }
  })
}

describe('shortcut targets', () => {
  for (const size of SIZES) {
    test(`lie log-uniformly between one node's share and all of a ring of ${size} (mutation: base-10 logarithm)`, () => {
      expect(gapToUniform(targets(size).map(({ distance }) => logarithmic(distance, size)))).toBeLessThan(CRITICAL)

      const random = seededRandom(size)
      const inBaseTen = () => Math.exp(Math.log10(size) * (random() - 1))
      const mutated = Array.from({ length: DRAWS }, () => logarithmic(inBaseTen(), size))
      expect(gapToUniform(mutated)).toBeGreaterThan(10 * CRITICAL)
    })

    test(`are on either side alike in a ring of ${size}`, () => {
      const lefts = targets(size).filter(({ side }) => side === 'left').length
      // Four standard deviations.
      expect(Math.abs(lefts - DRAWS / 2)).toBeLessThan(4 * Math.sqrt(DRAWS / 4))
    })
  }

  test('are addresses that a node may have', () => {
    expect(new Set(targets(256).map(({ target }) => classOf(target)))).toEqual(new Set([0]))
  })

  test('at the ends of chance are one share away, and almost all of the ring', () => {
    expect(shortcutDistance(256, () => 0)).toBeCloseTo(1 / 256, 12)
    expect(shortcutDistance(256, () => 1 - 2 ** -32)).toBeCloseTo(1, 6)
    expect(() => shortcutTarget(self, 1, () => 1 - 2 ** -53)).not.toThrow()
  })
})

test('the number of shortcuts is half the binary logarithm, rounded up, and none up to ten nodes', () => {
  expect([1, 9, 10, 11, 16, 17, 64, 65, 1_024, 4_096, 4_097].map(shortcutsFor)).toEqual([
    0, 0, 0, 2, 2, 3, 3, 4, 5, 6, 7,
  ])
})
