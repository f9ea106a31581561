import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EndSession, REPLAY_WINDOW, sessionOf } from './end-session.ts'
import { REKEY_EVERY } from './frame-seal.ts'

const filled = (value: number) => new Uint8Array(32).fill(value)
const numbered = (number: number) => Uint8Array.of(number >>> 8, number & 255)

function ends(): [EndSession, EndSession] {
  const shared = { remote: filled(0), hash: filled(3) }
  return [
    new EndSession({ ...shared, sending: filled(1), receiving: filled(2) }),
    new EndSession({ ...shared, sending: filled(2), receiving: filled(1) }),
  ]
}

const sealedBy = (end: EndSession, number = 0) => end.seal(numbered(number)) as Uint8Array

describe('an end session', () => {
  test('opens at the far end what was sealed, either way, and shows nothing of it', () => {
    const [a, b] = ends()
    const plain = new TextEncoder().encode('for your eyes alone')
    const sealed = a.seal(plain) as Uint8Array
    expect(b.open(sealed)).toEqual(plain)
    expect(Buffer.from(sealed).includes(Buffer.from(plain))).toBe(false)
    expect(a.open(b.seal(plain) as Uint8Array)).toEqual(plain)
    expect(sessionOf(sealed)).toBe(a.id)
  })

  test('does not open what it has sealed itself', () => {
    const [a] = ends()
    expect(a.open(sealedBy(a))).toBe('forged')
  })

  test('opens each packet once, in whatever order they come within the window', () => {
    const count = REPLAY_WINDOW
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(count).keys()], { minLength: count }), (order) => {
        const [a, b] = ends()
        const sealed = order.map((_, number) => sealedBy(a, number))
        for (const number of order) expect(b.open(sealed[number] as Uint8Array)).toEqual(numbered(number))
        for (const number of order) expect(b.open(sealed[number] as Uint8Array)).toBe('replayed')
      }),
      { numRuns: 20 },
    )
  })

  test('takes what is older than its window for said before', () => {
    const [a, b] = ends()
    const sealed = Array.from({ length: REPLAY_WINDOW + 1 }, (_, number) => sealedBy(a, number))
    b.open(sealed.at(-1) as Uint8Array)
    expect(b.open(sealed[0] as Uint8Array)).toBe('replayed')
    expect(b.open(sealed[1] as Uint8Array)).toEqual(numbered(1))
  })

  test('refuses a packet of which any one bit was changed, and still opens the true one', () => {
    const [a, b] = ends()
    const sealed = sealedBy(a)
    for (let bit = 8 * 4; bit < 8 * sealed.length; bit++) {
      const changed = sealed.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(['forged', 'lost']).toContain(b.open(changed))
    }
    expect(b.open(sealed)).toEqual(numbered(0))
  })

  test('goes on with new keys after so many packets, and opens what is late of the keys before', () => {
    const [a, b] = ends()
    const sealed = Array.from({ length: 2 * REKEY_EVERY + 1 }, (_, number) => sealedBy(a, number))
    expect(b.open(sealed[REKEY_EVERY - 2] as Uint8Array)).toEqual(numbered(REKEY_EVERY - 2))
    expect(b.open(sealed[REKEY_EVERY] as Uint8Array)).toEqual(numbered(REKEY_EVERY))
    expect(b.open(sealed[REKEY_EVERY - 1] as Uint8Array)).toEqual(numbered(REKEY_EVERY - 1))
    expect(b.open(sealed[2 * REKEY_EVERY] as Uint8Array)).toEqual(numbered(2 * REKEY_EVERY))
  })

  test('bears the loss of all packets of some keys, and reckons no further for whoever says so', () => {
    const [a, b] = ends()
    const sealed: Uint8Array[] = []
    for (let number = 0; number <= 5 * REKEY_EVERY; number++) {
      const each = sealedBy(a, number & 0xffff)
      if (number % REKEY_EVERY === 0) sealed.push(each)
    }
    expect(b.open(sealed[5] as Uint8Array)).toBe('lost')
    expect(b.open(sealed[4] as Uint8Array)).toEqual(numbered(4 * REKEY_EVERY))
    expect(b.open(sealed[5] as Uint8Array)).toEqual(numbered(5 * REKEY_EVERY))
  })

  test('never throws on bytes', () => {
    const [, b] = ends()
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => typeof b.open(bytes) === 'string'))
  })
})
