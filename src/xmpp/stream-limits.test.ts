import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Element, xml } from './stanza.ts'
import { readStreamLimits } from './stream-limits.ts'

const NOTHING = { maxStanzaBytes: undefined, idleMs: undefined }

describe('stream limits', () => {
  test('what a service says is taken', () => {
    const limits = limitsOf(xml('max-bytes', {}, '20000'), xml('idle-seconds', {}, '60'))
    expect(readStreamLimits(limits)).toEqual({ maxStanzaBytes: 20_000, idleMs: 60_000 })
  })

  test('a service that says nothing has no limits that we know of', () => {
    expect(readStreamLimits(xml('features'))).toEqual(NOTHING)
    expect(readStreamLimits(limitsOf())).toEqual(NOTHING)
    expect(readStreamLimits(xml('features', {}, xml('limits', { xmlns: 'other' })))).toEqual(NOTHING)
  })

  test('what holds before sign-in does not hold after it', () => {
    for (const sasl of [
      xml('mechanisms', { xmlns: 'urn:ietf:params:xml:ns:xmpp-sasl' }),
      xml('authentication', { xmlns: 'urn:xmpp:sasl:2' }),
    ]) {
      const features = limitsOf(xml('max-bytes', {}, '10000'))
      features.append(sasl)
      expect(readStreamLimits(features)).toBeUndefined()
    }
  })

  test.each(['', '0', '-1', '1e9', '0x10', 'many', '12.5', '9'.repeat(11), '٣'])('“%s” is no limit', (text) => {
    expect(readStreamLimits(limitsOf(xml('max-bytes', {}, text), xml('idle-seconds', {}, text)))).toEqual(NOTHING)
  })

  test('a limit so small that nothing would fit is not believed', () => {
    expect(readStreamLimits(limitsOf(xml('max-bytes', {}, '1')))?.maxStanzaBytes).toBe(1_000)
  })

  test('whatever is said, limits are positive numbers or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (bytes, seconds) => {
        const limits = readStreamLimits(limitsOf(xml('max-bytes', {}, bytes), xml('idle-seconds', {}, seconds)))
        for (const limit of Object.values(limits ?? {})) expect(limit === undefined || limit > 0).toBe(true)
      }),
    )
  })
})

function limitsOf(...children: Element[]): Element {
  return xml('features', {}, xml('limits', { xmlns: 'urn:xmpp:stream-limits:0' }, ...children))
}
