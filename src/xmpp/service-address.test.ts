import { describe, expect, test } from 'vitest'
import { readServiceAddress } from './service-address.ts'

describe('service address', () => {
  test.each([
    '',
    'example.org',
    'http://example.org/',
    'wss://',
    'ws://exa mple.org',
    'javascript:alert(1)',
    'wss://a.org/#x',
  ])('“%s” is no service', (service) => {
    expect(() => readServiceAddress({ service })).toThrow(expect.objectContaining({ code: 'bad-service' }))
  })

  test.each([
    ['wss://chat.example.org:5281/ws', 'chat.example.org'],
    ['ws://127.0.0.1:5280/', 'localhost'],
    ['ws://[::1]:5280/', 'localhost'],
    ['wss://Example.ORG/', 'example.org'],
  ])('%s is taken to serve %s unless told', (service, domain) => {
    expect(readServiceAddress({ service }).domain).toBe(domain)
    expect(readServiceAddress({ service, domain: 'told.org' }).domain).toBe('told.org')
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

  test.each(['wss://example.org/', 'ws://localhost:5280/', 'ws://127.0.0.1/', 'ws://[::1]/', 'ws://xmpp.localhost/'])(
    'a password may go to %s',
    (service) => {
      expect(readServiceAddress({ service, jid: 'juliet@example.org' }).username).toBe('juliet')
    },
  )
})
