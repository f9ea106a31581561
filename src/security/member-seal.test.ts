import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openAsMember, sealForMembers } from './member-seal.ts'

const filled = (value: number) => new Uint8Array(32).fill(value)
const [PSK, HASH] = [filled(1), filled(2)]
const HELLO = new TextEncoder().encode('who I am, and next to whom')

describe('what is sealed for members', () => {
  test('is read by those who know the secret, in the same handshake', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(openAsMember(PSK, HASH, sealForMembers(PSK, HASH, bytes))).toEqual(bytes)
      }),
    )
  })

  test('shows nothing of itself', () => {
    const sealed = Buffer.from(sealForMembers(PSK, HASH, HELLO))
    expect(sealed.includes(Buffer.from(HELLO.subarray(0, 6)))).toBe(false)
  })

  test('is not read with another secret, in another handshake, or when a bit of it was changed', () => {
    const sealed = sealForMembers(PSK, HASH, HELLO)
    expect(openAsMember(filled(3), HASH, sealed)).toBeUndefined()
    expect(openAsMember(PSK, filled(3), sealed)).toBeUndefined()
    for (let at = 0; at < sealed.length; at++) {
      expect(
        openAsMember(
          PSK,
          HASH,
          sealed.map((byte, index) => (index === at ? byte ^ 1 : byte)),
        ),
      ).toBeUndefined()
      expect(openAsMember(PSK, HASH, sealed.subarray(0, at))).toBeUndefined()
    }
  })
})
