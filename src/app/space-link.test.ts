import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OvertureError } from '../overture-error.ts'
import {
  encodeSpaceLink,
  isCarriable,
  isService,
  keylessNamespace,
  newSecret,
  parseSpaceLink,
  whatIsWrongWithName,
  withKey,
  withoutKey,
} from './space-link.ts'

const names = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((name) => whatIsWrongWithName(name) === undefined)
const domains = fc.domain()
const services = fc.webUrl({ validSchemes: ['ws', 'wss'] }).filter(isService)

const invitations = fc.record({
  inviter: fc.tuple(fc.stringMatching(/^[a-z0-9._-]{1,20}$/), domains).map((parts) => parts.join('@')),
  token: fc.stringMatching(/^[\w-]{1,40}$/),
})

test('a link read back is the link that was written', () => {
  const link = fc.record(
    { namespace: names, secret: names, service: services, domain: domains, invitation: invitations },
    { requiredKeys: ['namespace', 'secret'] },
  )
  fc.assert(
    fc.property(link, (written) => {
      expect(parseSpaceLink(encodeSpaceLink(written))).toEqual(written)
    }),
  )
})

test('a link survives being put into an address bar', () => {
  fc.assert(
    fc.property(names, (namespace) => {
      const link = { namespace, secret: newSecret() }
      const url = new URL(`http://localhost:5173/${encodeSpaceLink(link)}`)
      expect(parseSpaceLink(url.hash)).toEqual(link)
    }),
  )
})

test('no fragment makes the reader throw', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc
      .array(
        fc.tuple(fc.constantFrom('n', 'k', 's', 'd', 'i', 't', 'x', ''), fc.string({ unit: 'binary', maxLength: 60 })),
      )
      .map((fields) => `#${fields.map(([key, value]) => `${key}=${value}`).join('&')}`),
    fc.string({ unit: fc.constantFrom('%', 'F', 'f', '8', '0', 'n', '=', '&', '#') }),
  )
  fc.assert(
    fc.property(hostile, (fragment) => {
      const link = parseSpaceLink(fragment)
      if (link instanceof OvertureError) expect(link.code).toBe('bad-link')
      else expect(parseSpaceLink(encodeSpaceLink(link))).toEqual(link)
    }),
  )
})

test('a link leads to an XMPP service, whatever its address pretends, or to none', () => {
  const schemes = fc.constantFrom(
    'javascript:',
    'data:',
    'blob:',
    'file://',
    'http://',
    'https://',
    'ws://',
    'WSS://',
    'wss://',
  )
  const accounts = fc.constantFrom('', 'me@', 'me:secret@', '%6de:@', '@')
  const places = fc.oneof(fc.domain(), fc.ipV4(), fc.string({ unit: 'binary', maxLength: 20 }))
  fc.assert(
    fc.property(schemes, accounts, places, fc.string({ maxLength: 10 }), (scheme, account, place, rest) => {
      const service = `${scheme}${account}${place}${rest}`
      const link = parseSpaceLink(`#${new URLSearchParams({ n: 'chess', k: 'a', s: service })}`)
      if (link instanceof OvertureError) return
      const { protocol, username, password, hash } = new URL(link.service ?? '')
      expect([username, password, hash]).toEqual(['', '', ''])
      expect(['ws:', 'wss:']).toContain(protocol)
    }),
  )
})

test('fields that objects have are fields like others', () => {
  const link = parseSpaceLink('#__proto__=x&constructor=y&n=__proto__&k=toString&s=example.org&hasOwnProperty=z')
  expect(link).toEqual({ namespace: '__proto__', secret: 'toString', service: 'example.org' })
  expect(Object.getPrototypeOf(link)).toBe(Object.prototype)
})

test.each([
  ['', 'it does not name a space'],
  ['#__proto__=chess&k=a', 'it does not name a space'],
  [`#n=${'%25'.repeat(100_000)}&k=a`, 'it is too long'],
  [`#n=${'%'.repeat(100)}&k=a`, 'the name of the space has more than 80 letters'],
  [`#${'n&'.repeat(5_000)}`, 'it says the same thing twice'],
  ['#n=a%00b&k=a', 'the name of the space has letters that cannot be shown'],
  ['#n=a%E2%80%AEb&k=a', 'the name of the space has letters that cannot be shown'],
  ['#n=chess&k=a&s=wss://me@example.org/', 'the XMPP service that it gives has no usable address'],
  ['#n=chess&k=a&s=data:text/html,x', 'the XMPP service that it gives has no usable address'],
  ['#hello', 'it does not name a space'],
  ['#n=&k=x', 'the name of the space is empty'],
  ['#n=chess&k=', 'it has lost its key'],
  ['#n=chess&k=a&k=b', 'it says the same thing twice'],
  ['#n=%FF&k=a', 'the name of the space has letters that cannot be shown'],
  ['#n=chess&k=%00', 'its key is damaged'],
  ['#n=chess&k=a&s=javascript:alert(1)', 'the XMPP service that it gives has no usable address'],
  ['#n=chess&k=a&s=https://example.org', 'the XMPP service that it gives has no usable address'],
  ['#n=chess&k=a&s=wss://me:secret@example.org/', 'the XMPP service that it gives has no usable address'],
  ['#n=chess&k=a&d=a%20b', 'the XMPP domain that it gives is not a domain'],
  ['#n=chess&k=a&i=romeo@example.org', 'it has lost half of its invitation'],
  ['#n=chess&k=a&t=abc', 'it has lost half of its invitation'],
  ['#n=chess&k=a&i=romeo&t=abc', 'its invitation is damaged'],
  ['#n=chess&k=a&i=@example.org&t=abc', 'its invitation is damaged'],
  ['#n=chess&k=a&i=romeo@example.org/tab&t=abc', 'its invitation is damaged'],
  ['#n=chess&k=a&i=ro%20meo@example.org&t=abc', 'its invitation is damaged'],
  ['#n=chess&k=a&i=romeo@example.org&t=a%20b', 'its invitation is damaged'],
  [`#n=${'x'.repeat(81)}&k=a`, 'the name of the space has more than 80 letters'],
  [`#n=${'x'.repeat(100_000)}&k=a`, 'it is too long'],
])('the sentence about %.40s says why', (fragment, why) => {
  const error = parseSpaceLink(fragment)
  expect(error).toBeInstanceOf(OvertureError)
  expect((error as OvertureError).message).toContain(why)
})

test.each(['example.org', 'bücher.example', 'localhost', 'localhost:5280', '127.0.0.1:5280', 'wss://example.org/ws'])(
  'a link may carry the service %s',
  (service) => {
    const link = { namespace: 'chess', secret: 'a', service }
    expect(parseSpaceLink(encodeSpaceLink(link))).toEqual(link)
  },
)

test.each(['example.org:443', 'example.org/ws', 'localhost:', 'localhost:5280/ws', '-example.org'])(
  'no link may carry the service %s',
  (service) => expect(isService(service)).toBe(false),
)

test('a name that no link may carry is refused when the link is made', () => {
  expect(() => encodeSpaceLink({ namespace: ' ', secret: 'a' })).toThrow('empty')
})

test('each new space has a key of its own, safe in a URL', () => {
  const secrets = new Set(Array.from({ length: 100 }, newSecret))
  expect(secrets.size).toBe(100)
  for (const secret of secrets) expect(secret).toMatch(/^[\w-]{22}$/)
})

test('an inviter that no link may carry is refused when the link is made', () => {
  const invitation = { inviter: 'romeo', token: 'a' }
  const link = { namespace: 'chess', secret: 'a', invitation }
  expect(() => encodeSpaceLink(link)).toThrow('not an XMPP account')
  expect(isCarriable(link)).toBe(false)
})

test('a link without its key lacks nothing else, and is the same link again with it', () => {
  const link = { namespace: 'Chess & Co', secret: 'a+b/c', service: 'wss://example.org/x', domain: 'example.org' }
  const without = withoutKey(encodeSpaceLink(link))
  expect(without).not.toContain('a%2Bb')
  expect(keylessNamespace(without)).toBe(link.namespace)
  expect(parseSpaceLink(withKey(without, link.secret))).toEqual(link)
})

test.each(['', '#hello', '#n=', '#n=chess&k=', '#n=chess&k=a', '#n=a%00b', '#n=chess&s=data:text/html,x', '#n=a&n=b'])(
  'of %j it is not the key alone that is missing',
  (fragment) => expect(keylessNamespace(fragment)).toBeUndefined(),
)

test('of any text that follows a name, only what a space may be called is taken for its name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const name = keylessNamespace(`#n=${text}`)
      expect(name === undefined || whatIsWrongWithName(name) === undefined).toBe(true)
    }),
  )
})
