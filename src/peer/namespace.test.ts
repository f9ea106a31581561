import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { namespaceHash } from './namespace.ts'

const name = fc.string({ minLength: 1, maxLength: 40 })

describe('the hash of a namespace', () => {
  test('is 40 hex digits, the same for the same name and secret', () => {
    fc.assert(
      fc.property(name, name, (namespace, secret) => {
        expect(namespaceHash(namespace, secret)).toMatch(/^[0-9a-f]{40}$/)
        expect(namespaceHash(namespace, secret)).toBe(namespaceHash(namespace, secret))
      }),
    )
  })

  test('differs wherever name or secret differ, also where they are divided differently', () => {
    fc.assert(
      fc.property(name, name, name, name, (a, b, c, d) => {
        fc.pre(a !== c || b !== d)
        expect(namespaceHash(a, b)).not.toBe(namespaceHash(c, d))
      }),
    )
    expect(namespaceHash('ab', 'c')).not.toBe(namespaceHash('a', 'bc'))
  })

  test('does not exist for names and secrets that cannot be used', () => {
    expect(() => namespaceHash('')).toThrow(/empty/)
    expect(() => namespaceHash('x'.repeat(257))).toThrow(/too long/)
    expect(() => namespaceHash('x', 'y'.repeat(257))).toThrow(/secret/)
  })
})
