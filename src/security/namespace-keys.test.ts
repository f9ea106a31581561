import { bytesToHex } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { OvertureError } from '../overture-error.ts'
import { namespaceKeys } from './namespace-keys.ts'

const name = fc.string({ minLength: 1, maxLength: 40 })
/** As the app makes them: 128 bits. */
const secret = fc.constantFrom('k3Vd0tBzTq9yWm2HxLrE5g', 'Zp7sQwJ1nC-uXa4_GfK8oA', 'B6hYv0RmTe2jNdWq9LsXcg')

describe('the keys of a namespace', () => {
  test('are the same for the same name and secret; the hash is 40 hex digits', async () => {
    await fc.assert(
      fc.asyncProperty(name, secret, async (namespace, key) => {
        const keys = await namespaceKeys(namespace, key)
        expect(keys.hash).toMatch(/^[0-9a-f]{40}$/)
        expect(keys).toEqual(await namespaceKeys(namespace, key))
      }),
    )
  })

  test('differ wherever name or secret differ', async () => {
    await fc.assert(
      fc.asyncProperty(name, secret, name, secret, async (a, b, c, d) => {
        fc.pre(a !== c || b !== d)
        const [one, two] = [await namespaceKeys(a, b), await namespaceKeys(c, d)]
        expect(one.hash).not.toBe(two.hash)
        expect(bytesToHex(one.psk)).not.toBe(bytesToHex(two.psk))
      }),
    )
  })

  test('differ from each other, so that what is shown of one says nothing of the next', async () => {
    const { psk, signalKey, broadcastKey, hash } = await namespaceKeys('chess/1', 'k3Vd0tBzTq9yWm2HxLrE5g')
    const all = [psk, signalKey, broadcastKey].map((key) => bytesToHex(key))
    expect(new Set([...all.map((key) => key.slice(0, 40)), hash]).size).toBe(4)
  })

  test.each([
    ['chess', 1],
    ['correct horse battery staple', 1],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1],
    ['k3Vd0tBzTq9yWm2HxLrE5g', 0],
  ])(
    'of the secret %s take %i stretching of 600 000 rounds: what people make up could be guessed',
    async (key, count) => {
      const stretching = vi.spyOn(crypto.subtle, 'deriveBits')
      await namespaceKeys('chess/1', key)
      expect(stretching.mock.calls.map(([algorithm]) => algorithm)).toEqual(
        Array(count).fill(expect.objectContaining({ name: 'PBKDF2', iterations: 600_000 })),
      )
      stretching.mockRestore()
    },
  )

  test('do not exist for names and secrets that cannot be used', async () => {
    for (const [namespace, key, complaint] of [
      ['', undefined, /empty/],
      ['x'.repeat(257), undefined, /too long/],
      ['x', 'y'.repeat(257), /secret/],
    ] as const) {
      const failure = await namespaceKeys(namespace, key).catch((error) => error)
      expect(failure).toBeInstanceOf(OvertureError)
      expect(failure.message).toMatch(complaint)
    }
  })
})
