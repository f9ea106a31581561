import { describe, expect, test } from 'vitest'
import { parseServer, ServerOptionError, serverUsage } from './server-options.ts'

const parse = (words: string, passwordAround?: string) => parseServer(words.split(' '), passwordAround)

describe('the words behind `npm run server --`', () => {
  test('are a domain, and two sessions of a stranger unless told', () => {
    expect(parse('example.org')).toEqual({
      service: 'example.org',
      domain: undefined,
      jid: undefined,
      password: undefined,
      rooms: undefined,
      sessions: 2,
      json: false,
    })
  })

  test('may be an address with all there is to say of it', () => {
    const words = 'wss://example.org/ws --domain guest.example.org --rooms muc.example.org --sessions 12 --json'
    expect(parse(words)).toMatchObject({
      service: 'wss://example.org/ws',
      domain: 'guest.example.org',
      rooms: 'muc.example.org',
      sessions: 12,
      json: true,
    })
  })

  test('may name an account, whose password may also be around them', () => {
    const account = { jid: 'ann@example.org', password: 'thorn' }
    expect(parse('example.org --jid ann@example.org --password thorn')).toMatchObject(account)
    expect(parse('example.org --jid ann@example.org', 'thorn')).toMatchObject(account)
  })

  test('take no password from around them where they name no account', () => {
    expect(parse('example.org', 'thorn').password).toBeUndefined()
  })

  test.each([
    ['--json', /Name a server/],
    ['example.org twice', /“twice” is one word too many/],
    ['https://example.org', /“https:\/\/example.org” is not the address of an XMPP service/],
    ['example.org --sessions 1', /--sessions is a whole number from 2 to 32, and not “1”/],
    ['example.org --sessions 33', /from 2 to 32/],
    ['example.org --sessions 2.5', /from 2 to 32/],
    ['example.org --jid ann@example.org', /--jid needs a --password/],
    ['example.org --jid ann --password p', /--jid is an account such as name@example.org, and not “ann”/],
    ['example.org --password p', /--password belongs to an account/],
    ['ws://example.org --jid ann@example.org --password p', /must not travel unencrypted/],
    ['example.org --rooms a@b', /--rooms is a domain/],
    ['example.org --domain=', /--domain is empty/],
    ['example.org --colour', /--colour/],
    ['example.org --rooms', /--rooms/],
  ])('are refused in a sentence: %s', (words, sentence) => {
    expect(() => parse(words)).toThrow(ServerOptionError)
    expect(() => parse(words)).toThrow(sentence)
  })

  test('are told of by --help, every one', () => {
    for (const flag of ['domain', 'jid', 'password', 'rooms', 'sessions', 'json']) {
      expect(serverUsage()).toContain(`--${flag}`)
    }
  })
})
