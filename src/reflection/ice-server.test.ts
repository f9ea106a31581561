import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { xml } from '../xmpp/stanza.ts'
import { chooseIceServers, hasExpired, iceServerOf, MAX_ICE_SERVERS, readIceService } from './ice-server.ts'

type Attributes = Record<string, string>

const NOW_MS = Date.parse('2026-03-01T12:00:00Z')
const read = (attributes: Attributes) => readIceService(xml('service', attributes))
const serverOf = (attributes: Attributes) => {
  const service = read(attributes)
  return service && iceServerOf(service)
}

describe('a service that is named', () => {
  test.each<[Attributes, string]>([
    [{ type: 'stun', host: 'stun.example', port: '3478', transport: 'udp' }, 'stun:stun.example:3478'],
    [{ type: 'stun', host: '192.0.2.1' }, 'stun:192.0.2.1'],
    [{ type: 'stun', host: '[2001:db8::1]', port: ' 3478 ' }, 'stun:[2001:db8::1]:3478'],
    [{ type: 'turn', host: 'a', username: 'u', password: 'p' }, 'turn:a?transport=udp'],
    [{ type: 'turn', host: 'a', transport: 'tcp', username: 'u', password: 'p' }, 'turn:a?transport=tcp'],
    [
      { type: 'turns', host: '2001:db8::1', port: '5349', username: 'u', password: 'p' },
      'turns:[2001:db8::1]:5349?transport=tcp',
    ],
  ])('%o becomes %s', (attributes, urls) => {
    const credentials = attributes.username === undefined ? {} : { username: 'u', credential: 'p' }
    expect(serverOf(attributes)).toEqual({ urls, ...credentials })
  })

  test.each<Attributes>([
    { type: 'ftp', host: 'a' },
    { type: 'stun' },
    { type: 'stun', host: '' },
    { type: 'stun', host: 'a b' },
    { type: 'stun', host: 'a..b' },
    { type: 'stun', host: 'a:b:c' },
    { type: 'stun', host: 'a]' },
    { type: 'stun', host: 'a?transport=tcp' },
    { type: 'stun', host: 'x'.repeat(254) },
    { type: 'stun', host: 'a', port: '0' },
    { type: 'stun', host: 'a', port: '70000' },
    { type: 'stun', host: 'a', port: '1e3' },
    { type: 'stun', host: 'a', transport: 'sctp' },
    { type: 'stun', host: 'a', transport: 'tcp' },
    { type: 'stuns', host: 'a' },
    { type: 'turns', host: 'a', transport: 'udp', username: 'u', password: 'p' },
    { type: 'turn', host: 'a' },
    { type: 'turn', host: 'a', username: 'u', password: '' },
    { type: 'turn', host: 'a', username: '', password: 'p' },
    { type: 'turn', host: 'a', username: 'é'.repeat(255), password: 'p' },
    { type: 'turn', host: 'a', username: 'u', password: 'p'.repeat(1_025) },
  ])('%o becomes nothing', (attributes) => {
    expect(serverOf(attributes)).toBeUndefined()
  })

  test.each([
    ['1', true],
    ['true', true],
    [' true\n', true],
    ['0', false],
    ['false', false],
    ['TRUE', undefined],
    ['yes', undefined],
  ])('is restricted as xs:boolean has it: %j is %s', (restricted, expected) => {
    expect(read({ type: 'turn', host: 'a', restricted })?.restricted).toBe(expected)
  })

  test.each([
    ['2026-03-01T11:59:59Z', true],
    ['2026-03-01T12:00:00.000Z', true],
    ['2026-03-01T12:00:01Z', false],
    ['2026-03-01T12:30:00+01:00', true],
    ['1', false],
    ['soon', false],
    ['2026-13-45T99:99:99Z', false],
  ])('has expired at noon if its end is %s: %s', (expires, expected) => {
    const service = read({ type: 'stun', host: 'a', expires })
    expect(service && hasExpired(service, NOW_MS)).toBe(expected)
  })
})

describe('of many services', () => {
  const turn = (host: string, more: Attributes = {}) =>
    read({ type: 'turn', host, username: 'u', password: 'p', ...more }) ?? expect.fail('It can be read.')
  const stun = (host: string) => read({ type: 'stun', host }) ?? expect.fail('It can be read.')
  const urls = (servers: RTCIceServer[]) => servers.map((server) => server.urls)

  test('one of each way comes before the second of any, so that TCP and TLS are not crowded out', () => {
    const named = [
      stun('a'),
      stun('b'),
      stun('c'),
      stun('d'),
      turn('e'),
      turn('f', { transport: 'tcp' }),
      turn('g', { type: 'turns' }),
    ]
    expect(urls(chooseIceServers(named, NOW_MS))).toEqual([
      'stun:a',
      'turn:e?transport=udp',
      'turns:g?transport=tcp',
      'turn:f?transport=tcp',
    ])
  })

  test('those that have expired, and those without credentials, take nobody’s place', () => {
    const named = [turn('a', { expires: '2026-03-01T11:00:00Z' }), turn('b', { password: '' }), turn('c')]
    expect(urls(chooseIceServers(named, NOW_MS))).toEqual(['turn:c?transport=udp'])
  })

  test('a server that is named twice is handed out once', () => {
    expect(urls(chooseIceServers([stun('a'), stun('a'), stun('b')], NOW_MS))).toEqual(['stun:a', 'stun:b'])
  })
})

test('whatever a service says, nothing is thrown and nothing handed out that a browser would refuse', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[[\]:.0-9a-f?&=-]*$/),
    fc.constantFrom('stun', 'turn', 'turns', 'udp', 'tcp', 'a.example', '::1', '3478', 'x'.repeat(600)),
  )
  const names = ['type', 'host', 'port', 'transport', 'username', 'password', 'restricted', 'expires', '__proto__']
  const plausible = fc.record({
    type: fc.constantFrom('stun', 'turn', 'turns'),
    host: text,
    username: text,
    password: text,
  })
  const attributes = fc.oneof(fc.dictionary(fc.constantFrom(...names), text), plausible)
  fc.assert(
    fc.property(fc.array(attributes, { maxLength: 12 }), (named) => {
      const servers = chooseIceServers(
        named.flatMap((each) => read(each) ?? []),
        NOW_MS,
      )
      expect(servers.length).toBeLessThanOrEqual(MAX_ICE_SERVERS)
      for (const server of servers) expect(refusalOf(server)).toBeUndefined()
    }),
    { numRuns: 2_000 },
  )
})

/** W3C WebRTC §4.4.1.6, RFC 7064 §3.1, RFC 7065 §3.1, and Chromium's limit on names; asked of Chromium itself in e2e. */
function refusalOf({ urls, username, credential }: RTCIceServer): string | undefined {
  const address = /^(stun|turns?):(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[1-9]\d{0,4})?(\?transport=(udp|tcp))?$/i.exec(
    String(urls),
  )
  if (address === null) return 'malformed'
  const [, scheme, host, , query] = address
  if (host?.startsWith('[') && !URL.canParse(`http://${host}`)) return 'no address'
  if (scheme === 'stun') return query === undefined ? undefined : 'transport on STUN'
  if (!username || !credential) return 'no credentials'
  return new TextEncoder().encode(username).length > 508 ? 'long name' : undefined
}
