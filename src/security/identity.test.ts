import { utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isNodeAddress } from '../overlay/address.ts'
import { addressOf, identityOf, isSignedBy, signerOf } from './identity.ts'

const seedOf = (value: number) => new Uint8Array(32).fill(value)
const HELLO = utf8ToBytes('hello')

describe('an identity', () => {
  test('has the address that follows from its key, which is a node’s', async () => {
    const { address, keyPair } = await identityOf(seedOf(1))
    expect(address).toBe(addressOf(keyPair.publicKey))
    expect(isNodeAddress(address)).toBe(true)
  })

  test('is the same for the same seed, and another for another', async () => {
    expect((await identityOf(seedOf(1))).address).toBe((await identityOf(seedOf(1))).address)
    expect((await identityOf(seedOf(1))).address).not.toBe((await identityOf(seedOf(2))).address)
  })

  test('signs so that everybody can check it, and whose address it is', async () => {
    const { address, signingKey, sign } = await identityOf(seedOf(1))
    expect(isSignedBy(signingKey, sign(HELLO), HELLO)).toBe(true)
    expect(signerOf(signingKey)).toBe(address)
  })

  test('signs alike, soon or at once', async () => {
    const { sign, signSoon } = await identityOf(seedOf(1))
    expect(await signSoon(HELLO)).toEqual(sign(HELLO))
  })

  test('has not signed what was changed, nor what another has', async () => {
    const [one, two] = [await identityOf(seedOf(1)), await identityOf(seedOf(2))]
    expect(isSignedBy(one.signingKey, one.sign(HELLO), utf8ToBytes('hallo'))).toBe(false)
    expect(isSignedBy(one.signingKey, two.sign(HELLO), HELLO)).toBe(false)
  })

  test('is nobody’s, and has signed nothing, for bytes that are no key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 70 }), (key, signature) => {
        expect(isSignedBy(key, signature, HELLO)).toBe(false)
        expect(() => signerOf(key)).not.toThrow()
      }),
    )
    expect(signerOf(new Uint8Array(31))).toBeUndefined()
  })
})
