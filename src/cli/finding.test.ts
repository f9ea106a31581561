import { describe, expect, test } from 'vitest'
import { judge } from './finding.ts'
import type { IceFacts, Observation } from './observation.ts'

const turn = (facts: Partial<IceFacts> = {}): IceFacts => ({
  way: 'turn-udp',
  place: 'turn.example.org:3478',
  hasCredentials: true,
  lifetimeS: 86_400,
  ...facts,
})
const stun = turn({ way: 'stun', hasCredentials: false, lifetimeS: undefined })
const ice = (...servers: IceFacts[]): Observation => ({ about: 'stun and turn', by: 'XEP-0215', servers, tried: [] })
const waysIn = (facts: object): Observation => ({
  about: 'ways in',
  mechanisms: [],
  registers: false,
  entered: undefined,
  why: 'no way in',
  ...facts,
})
const pace = (ms: number[], why = ''): Observation => ({ about: 'pace', bytes: 16_384, ms, roundTripMs: 20, why })
const rooms = (facts: object): Observation => ({
  about: 'rooms',
  at: 'conference.example.org',
  listed: 'conference.example.org',
  shown: 'by the room',
  ms: 80,
  why: '',
  ...facts,
})

describe('a judgement', () => {
  const CASES: [name: string, observation: Observation, status: string, seen: RegExp][] = [
    [
      'an address that the domain names',
      { about: 'address', host: 'a.org', url: 'wss://a.org/ws', why: '', hidden: false },
      'ok',
      /a\.org names wss:\/\/a\.org\/ws/,
    ],
    [
      'a host-meta that no page may read',
      { about: 'address', host: 'a.org', url: undefined, why: 'no answer', hidden: true },
      'missing',
      /no page of another origin may read \(CORS\)/,
    ],
    [
      'a WebSocket for programs only',
      { about: 'websocket', url: 'wss://a.org/ws', opened: false, openedWithoutOrigin: true, why: '403' },
      'missing',
      /opens for programs, and not for a page of another origin: 403/,
    ],
    [
      'a WebSocket without TLS',
      { about: 'websocket', url: 'ws://a.org/ws', opened: true, openedWithoutOrigin: true, why: '' },
      'limited',
      /unencrypted/,
    ],
    ['anonymous sign-in', waysIn({ mechanisms: ['ANONYMOUS'], entered: 'anonymously' }), 'ok', /^ANONYMOUS; came in/],
    ['no way in', waysIn({ mechanisms: ['EXTERNAL'] }), 'missing', /none that a page has; no way in/],
    [
      'registration',
      waysIn({ mechanisms: ['SCRAM-SHA-1', 'PLAIN'], registers: true, entered: 'with an account made now' }),
      'ok',
      /^SCRAM-SHA-1, PLAIN, registration;/,
    ],
    [
      'an account where strangers have none',
      waysIn({ mechanisms: ['SCRAM-SHA-256'], entered: 'with the account given' }),
      'limited',
      /^SCRAM-SHA-256;/,
    ],
    [
      'sessions that were thrown out',
      { about: 'sessions', asked: 12, held: 10, shared: true, why: 'conflict' },
      'limited',
      /^10 of 12 of one account; .*conflict/,
    ],
    ['one session only', { about: 'sessions', asked: 2, held: 1, shared: true, why: 'conflict' }, 'missing', /^1 of 2/],
    ['a relay', { about: 'relay', ms: 21.4, why: '' }, 'ok', /takes 21 ms/],
    ['no relay', { about: 'relay', ms: undefined, why: 'timeout' }, 'missing', /does not come back: timeout/],
    ['a free pace', pace([30, 31, 29]), 'ok', /16 KiB in pieces take 30, 31, 29 ms/],
    ['a throttle that lets a burst pass', pace([30, 1_100, 2_100]), 'limited', /about 10\.4 kB\/s/],
    ['one hiccup', pace([30, 2_100, 30, 30]), 'ok', /2100/],
    ['a throttle that lets nothing pass', pace([], 'timeout'), 'limited', /did not arrive: timeout/],
    ['a room', rooms({}), 'ok', /^at conference\.example\.org; the room says who is there; 80 ms/],
    ['a room that names nobody', rooms({ shown: 'by the guest' }), 'ok', /each says who it is/],
    ['a room that hides who is there', rooms({ shown: 'not', why: 'nobody seen' }), 'missing', /but nobody seen/],
    ['no rooms', rooms({ at: undefined, why: 'x: timeout' }), 'missing', /^none: x: timeout/],
    ['TURN in two ways', ice(stun, turn(), turn({ way: 'turns' })), 'ok', /TURN over UDP at .*TLS at .*for 24 h$/],
    ['STUN alone', ice(stun), 'limited', /no TURN$/],
    ['TURN without credentials', ice(stun, turn({ hasCredentials: false })), 'limited', /no credentials for TURN$/],
    ['TURN over UDP alone', ice(stun, turn()), 'limited', /none over TCP or TLS$/],
    ['short credentials', ice(turn({ way: 'turn-tcp', lifetimeS: 60 })), 'limited', /credentials for 60 s$/],
    [
      'no STUN',
      { about: 'stun and turn', by: undefined, servers: [], tried: ['XEP-0215: forbidden'] },
      'missing',
      /none \(XEP-0215: forbidden\)/,
    ],
    [
      'one STUN server that is silent',
      { about: 'stun answer', answers: [{ place: 'a:3478', ms: undefined, seenAs: undefined }] },
      'missing',
      /a:3478 is silent/,
    ],
    ['a long hibernation', { about: 'resumption', offered: true, resumes: true, maxS: 600 }, 'limited', /for 10 min/],
    ['a short hibernation', { about: 'resumption', offered: true, resumes: true, maxS: 30 }, 'ok', /for 30 s/],
    ['limits that are low', { about: 'limits', maxStanzaBytes: 4_000, idleS: 60 }, 'limited', /4000 bytes.*60 s/],
    ['what is not tried', { about: 'rooms', notTried: 'nobody could sign in' }, 'not tried', /nobody could sign in/],
  ]

  test.each(CASES)('of %s', (_name, observation, status, seen) => {
    const finding = judge(observation)
    expect(finding.status).toBe(status)
    expect(finding.seen).toMatch(seen)
  })

  test.each(CASES)('says what it means and what to set only where not all is well: %s', (_name, observation) => {
    const { status, meaning, settings } = judge(observation)
    const isWell = status === 'ok' || status === 'not tried'
    expect(meaning === undefined).toBe(isWell)
    expect(settings === undefined).toBe(isWell)
  })

  test('of passwords in plain text names the setting for SCRAM', () => {
    const { settings } = judge(waysIn({ mechanisms: ['PLAIN'], registers: true, entered: 'with an account made now' }))
    expect(settings?.prosody).toBe('authentication = "internal_hashed"')
  })
})
