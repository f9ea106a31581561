import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameOpener, FrameSealer, REKEY_EVERY, SEAL_BYTES } from './frame-seal.ts'

const SECRET = new Uint8Array(32).fill(3)
const bytes = (...values: number[]) => Uint8Array.from(values)

function ends(mayMiss = false) {
  const sealer = new FrameSealer(SECRET)
  const opener = new FrameOpener(SECRET, mayMiss)
  const seal = (frame: Uint8Array, bulk = false) => sealer.seal(frame, bulk) as Uint8Array
  return { seal, open: (sealed: Uint8Array) => opener.open(sealed) }
}

describe('sealed frames', () => {
  test('come out as they were, in order, while bulk and all else pass each other', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.boolean())), (frames) => {
        const { seal, open } = ends()
        const sealed = frames.map(([frame, bulk]) => ({ frame, bulk, sealed: seal(frame, bulk) }))
        const passing = [...sealed.filter(({ bulk }) => bulk), ...sealed.filter(({ bulk }) => !bulk)]
        for (const each of passing) expect(open(each.sealed)).toEqual(each.frame)
      }),
    )
  })

  test('say nothing but their length, and no two are alike', () => {
    const { seal } = ends()
    const [one, two] = [seal(new Uint8Array(100)), seal(new Uint8Array(100))]
    expect(one.length).toBe(100 + SEAL_BYTES)
    expect(one.subarray(5)).not.toEqual(two.subarray(5))
  })

  test('that were changed or cut anywhere are forged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(7), fc.nat(200), (frame, at, bit, cut) => {
        const { seal, open } = ends()
        const good = seal(frame)
        const flipped = good.slice()
        flipped[at % good.length] = (flipped[at % good.length] as number) ^ (1 << bit)
        expect(open(flipped)).toBe('forged')
        expect(open(good.subarray(0, cut % good.length))).toBe('forged')
        expect(open(good)).toEqual(frame)
      }),
    )
  })

  test('are taken once', () => {
    const { seal, open } = ends()
    const sealed = seal(bytes(1))
    open(sealed)
    expect(open(sealed)).toBe('replayed')
  })

  test('cannot be left out unnoticed', () => {
    const { seal, open } = ends()
    seal(bytes(1))
    expect(open(seal(bytes(2)))).toBe('gap')
  })

  test('may be missing where the channel loses some, but neither come late nor twice', () => {
    const { seal, open } = ends(true)
    const [one, two] = [seal(bytes(1)), seal(bytes(2))]
    expect(open(two)).toEqual(bytes(2))
    expect([open(one), open(two)]).toEqual(['replayed', 'replayed'])
  })

  test('cannot be moved to the other lane', () => {
    const { seal, open } = ends()
    const sealed = seal(bytes(1))
    sealed[0] = 1
    expect(open(sealed)).toBe('forged')
  })

  test('go on when the key is replaced, also where those are missing that came just before', () => {
    const { seal, open } = ends(true)
    const sealed: Uint8Array[] = []
    for (let number = 0; number <= REKEY_EVERY + 1; number++) {
      const each = seal(bytes(number & 255))
      if (number < REKEY_EVERY - 2) open(each)
      else sealed.push(each)
    }
    const [, , afterwards, next] = sealed as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    expect(open(afterwards)).toEqual(bytes(REKEY_EVERY & 255))
    expect(open(next)).toEqual(bytes((REKEY_EVERY + 1) & 255))
  })

  test('of another key are forged', () => {
    const { seal } = ends()
    expect(new FrameOpener(new Uint8Array(32), false).open(seal(bytes(1)))).toBe('forged')
  })
})
