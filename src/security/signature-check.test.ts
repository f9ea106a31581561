import fc from 'fast-check'
import { expect, test } from 'vitest'
import { identityOf, isSignedBy } from './identity.ts'
import { signatureCheckOf } from './signature-check.ts'

const HELLO = new TextEncoder().encode('hello')

test('a signature is checked as noble checks it, whatever was changed', async () => {
  const { signingKey, sign } = await identityOf(new Uint8Array(32).fill(1))
  const signature = sign(HELLO)
  const check = signatureCheckOf(signingKey)
  expect(await check(signature, HELLO)).toBe(true)
  const place = fc.nat(8 * 64 - 1)
  await fc.assert(
    fc.asyncProperty(place, async (bit) => {
      const changed = signature.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(await check(changed, HELLO)).toBe(false)
      expect(isSignedBy(signingKey, changed, HELLO)).toBe(false)
    }),
  )
})

test('bytes that are no key have signed nothing', async () => {
  const { sign } = await identityOf(new Uint8Array(32).fill(1))
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 70 }), async (key, signature) => {
      expect(await signatureCheckOf(key)(signature, HELLO)).toBe(false)
      expect(await signatureCheckOf(key)(sign(HELLO), HELLO)).toBe(false)
    }),
    { numRuns: 50 },
  )
})
