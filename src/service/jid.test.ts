import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJid } from './jid.ts'

test('A full JID has a localpart, a domain and a resource', () => {
  expect(parseJid('Romeo@Example.ORG/Orchard@2/x')).toEqual({
    local: 'romeo',
    domain: 'example.org',
    resource: 'Orchard@2/x',
    bare: 'romeo@example.org',
    full: 'romeo@example.org/Orchard@2/x',
  })
})

test('A domain alone is a JID', () => {
  expect(parseJid('localhost')?.full).toBe('localhost')
})

test.each(['', '@', 'a@', '@b', 'a@b/', 'a b@c', 'a@b@c', '/c', 'a"@b', 'a@b/\u0000', `${'x'.repeat(1_024)}@b`])(
  '%j is no JID',
  (text) => {
    expect(parseJid(text)).toBeUndefined()
  },
)

test('What was read as a JID is read again as the same one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (local, resource) => {
      const jid = parseJid(`${local}@example.org/${resource}`)
      if (jid !== undefined) expect(parseJid(jid.full)).toEqual(jid)
    }),
  )
})
