import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Address,
  addressFromBytes,
  arcOf,
  classOf,
  directionalAddress,
  directionOf,
  distance,
  fractionOf,
  isBetween,
  isNodeAddress,
  leftDistance,
  moveLeft,
  moveRight,
  nearer,
  nodeAddress,
  parseAddress,
  rightDistance,
  withClassZero,
  writeAddress,
} from './address.ts'

const FULL = 1n << 160n
const big = (text: string) => BigInt(`0x${text}`)
const text = (value: bigint) => (((value % FULL) + FULL) % FULL).toString(16).padStart(40, '0') as Address

/** Uniform values, and values at the edges of digits, groups and the ring, where carries go wrong. */
const place = fc.oneof(
  fc.bigInt({ min: 0n, max: FULL - 1n }),
  fc
    .tuple(fc.integer({ min: 0, max: 160 }), fc.integer({ min: -2, max: 2 }))
    .map(([bit, off]) => ((1n << BigInt(bit)) + BigInt(off) + FULL) % FULL),
)
const address = place.map(text)

describe('address against a BigInt oracle', () => {
  test('left and right distances are differences modulo 2^160', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        expect(leftDistance(text(a), text(b))).toBe(text(b - a))
        expect(rightDistance(text(a), text(b))).toBe(text(a - b))
      }),
    )
  })

  test('left and right distance add up to the whole ring, or to nothing between equals', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        expect(big(leftDistance(a, b)) + big(rightDistance(a, b))).toBe(a === b ? 0n : FULL)
      }),
    )
  })

  test('distance is the shorter way, the same from both ends', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const left = (b - a + FULL) % FULL
        const shorter = left < FULL - left ? left : FULL - left
        expect(big(distance(text(a), text(b)))).toBe(a === b ? 0n : shorter)
        expect(distance(text(a), text(b))).toBe(distance(text(b), text(a)))
      }),
    )
  })

  test('moving left by the left distance arrives', () => {
    fc.assert(fc.property(address, address, (a, b) => moveLeft(a, leftDistance(a, b)) === b))
  })

  test('moving right by the right distance arrives', () => {
    fc.assert(
      fc.property(address, address, (a, b) => {
        expect(moveRight(a, rightDistance(a, b))).toBe(b)
      }),
    )
  })

  test('text order is the order of values', () => {
    fc.assert(fc.property(place, place, (a, b) => text(a) < text(b) === a < b))
  })

  test('of three distinct addresses each lies between the others in exactly one direction', () => {
    fc.assert(
      fc.property(address, address, address, (a, b, c) => {
        fc.pre(a !== b && b !== c && a !== c)
        expect(isBetween(b, a, c)).toBe(!isBetween(b, c, a))
        const offset = (value: Address) => (big(value) - big(a) + FULL) % FULL
        expect(isBetween(b, a, c)).toBe(offset(b) < offset(c))
      }),
    )
  })

  test('nothing lies between an address and itself, and ends are not between', () => {
    fc.assert(
      fc.property(address, address, (a, b) => !isBetween(b, a, a) && !isBetween(a, a, b) && !isBetween(b, a, b)),
    )
  })

  test('the nearer of two does not depend on the order in which they are given, and ties go to the lower', () => {
    fc.assert(
      fc.property(address, address, address, (key, a, b) => {
        expect(nearer(key, a, b)).toBe(nearer(key, b, a))
        const other = nearer(key, a, b) === a ? b : a
        expect(distance(key, nearer(key, a, b)) <= distance(key, other)).toBe(true)
      }),
    )
    fc.assert(
      fc.property(place, fc.bigInt({ min: 1n, max: FULL / 2n }), (key, off) => {
        const [a, b] = [text(key + off), text(key - off)]
        expect(nearer(text(key), a, b)).toBe(a < b ? a : b)
      }),
    )
  })

  test('class is the number of trailing one bits', () => {
    fc.assert(
      fc.property(place, (value) => {
        let ones = 0
        while (ones < 160 && (value >> BigInt(ones)) & 1n) ones++
        expect(classOf(text(value))).toBe(ones)
        expect(isNodeAddress(text(value))).toBe(ones === 0)
      }),
    )
  })
})

describe('address', () => {
  test('setting class zero makes an even address, changes nothing else and is idempotent', () => {
    fc.assert(
      fc.property(address, (a) => {
        expect(big(withClassZero(a))).toBe(big(a) & ~1n)
        expect(withClassZero(withClassZero(a))).toBe(withClassZero(a))
        expect(classOf(withClassZero(a))).toBe(0)
      }),
    )
  })

  test('bytes and text carry the same address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        const copy = new Uint8Array(22)
        writeAddress(addressFromBytes(bytes), copy, 1)
        expect(copy.slice(1, 21)).toEqual(bytes)
        expect(parseAddress(nodeAddress(bytes))).toBe(nodeAddress(bytes))
      }),
    )
  })

  test('text that is no node address is refused', () => {
    const good = text(2n)
    for (const bad of [
      '',
      good.slice(1),
      `${good}0`,
      text(1n),
      good.toUpperCase().replace('0', 'G'),
      ` ${good.slice(1)}`,
    ]) {
      expect(parseAddress(bad)).toBeUndefined()
    }
  })

  test('of a direction has class 124 and says which', () => {
    for (const side of ['left', 'right'] as const) {
      expect(classOf(directionalAddress(side))).toBe(124)
      expect(directionOf(directionalAddress(side))).toBe(side)
      expect(parseAddress(directionalAddress(side))).toBeUndefined()
    }
    expect(directionOf(text((1n << 124n) - 1n))).toBeUndefined()
  })

  test('an arc is as long as the fraction of the ring that it stands for', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (fraction) => {
        expect(Math.abs(fractionOf(arcOf(fraction)) - fraction)).toBeLessThanOrEqual(2 ** -52)
        expect(arcOf(fraction)).toMatch(/^[0-9a-f]{40}$/)
      }),
    )
  })

  test('the fraction grows with the address from 0 towards 1', () => {
    expect(fractionOf(text(0n))).toBe(0)
    expect(fractionOf(text(FULL / 4n))).toBe(0.25)
    expect(fractionOf(text(FULL - 1n))).toBeLessThan(1)
  })
})
