import { describe, expect, test } from 'vitest'
import { readServiceAddress } from './service-address.ts'

describe('service address', () => {
  test.each([
    '',
    'example.org/',
    'example.org:443',
    'exa mple.org',
    'me@example.org',
    'localhost:port',
    'localhost:99999',
    'http://example.org/',
    'wss://',
    'ws://exa mple.org',
    'javascript:alert(1)',
    'wss://a.org/#x',
    'wss://juliet@a.org/',
    'wss://juliet:rose@a.org/',
  ])('“%s” is no service', (service) => {
    expect(() => readServiceAddress({ service })).toThrow(expect.objectContaining({ code: 'bad-service' }))
  })

  test.each([
    'wss://juliet:rose@a.org/',
    'https://juliet:rose@a.org/',
    'juliet:rose@a.org',
    'wss://juliet:ro@se@a.org/',
  ])('the password in “%s” is not repeated', (service) => {
    expect(() => readServiceAddress({ service })).toThrow(/juliet:…@a\.org/)
  })

  test.each([
    ['wss://chat.example.org:5281/ws', 'chat.example.org'],
    ['ws://127.0.0.1:5280/', 'localhost'],
    ['ws://[::1]:5280/', 'localhost'],
    ['wss://Example.ORG/', 'example.org'],
    ['Example.org', 'example.org'],
    ['bücher.example', 'bücher.example'],
    ['localhost:5280', 'localhost'],
    ['127.0.0.1:5280', 'localhost'],
  ])('%s is taken to serve %s unless told', (service, domain) => {
    expect(readServiceAddress({ service }).domain).toBe(domain)
    expect(readServiceAddress({ service, domain: 'told.org' }).domain).toBe('told.org')
  })

  test('a domain has to be asked for the address, a URL is one', () => {
    expect(readServiceAddress({ service: 'example.org' })).toMatchObject({ url: undefined, host: 'example.org' })
    expect(readServiceAddress({ service: 'localhost:5280' })).toMatchObject({ url: undefined, host: 'localhost:5280' })
    expect(readServiceAddress({ service: 'wss://example.org/ws' })).toMatchObject({ url: 'wss://example.org/ws' })
  })

  test('an account says what the domain is', () => {
    const service = 'wss://ws.example.org/'
    expect(readServiceAddress({ service, jid: 'juliet@example.org/balcony' })).toMatchObject({
      domain: 'example.org',
      username: 'juliet',
    })
    expect(readServiceAddress({ service, jid: 'juliet' })).toMatchObject({
      domain: 'ws.example.org',
      username: 'juliet',
    })
  })

  test.each(['', '@example.org', 'juliet@', 'ju liet@example.org', 'a@b@example.org'])('“%s” is no account', (jid) => {
    expect(() => readServiceAddress({ service: 'wss://example.org/', jid })).toThrow(
      expect.objectContaining({ code: 'bad-service' }),
    )
  })

  test.each(['ws://example.org/', 'ws://10.0.0.1/', 'ws://localhost.example.org/'])(
    'no password goes to %s',
    (service) => {
      const account = { jid: 'juliet@example.org' }
      expect(() => readServiceAddress({ service, ...account })).toThrow('must not travel unencrypted')
      expect(readServiceAddress({ service }).username).toBeUndefined()
    },
  )

  test.each([
    'wss://example.org/',
    'ws://localhost:5280/',
    'ws://127.0.0.1/',
    'ws://[::1]/',
    'ws://xmpp.localhost/',
    'example.org',
  ])('a password may go to %s', (service) => {
    expect(readServiceAddress({ service, jid: 'juliet@example.org' }).username).toBe('juliet')
  })
})
