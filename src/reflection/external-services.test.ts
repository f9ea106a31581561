import { describe, expect, test, vi } from 'vitest'
import { StanzaError } from '../ports.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { type ExchangedStanzas, StanzaExchange } from '../xmpp/stanza-exchange.ts'
import { EXTDISCO_XMLNS, ExternalServices, OLD_EXTDISCO_XMLNS } from './external-services.ts'
import { JINGLE_INFO_XMLNS } from './jingle-info.ts'

const DOMAIN = 'example.org'
const NOON_MS = Date.parse('2026-03-01T12:00:00Z')

const stun = (host: string) => xml('service', { type: 'stun', host })
const turn = (more: Record<string, string> = {}) => xml('service', { type: 'turn', host: 'turn.example', ...more })
const endsIn = (ms: number, nowMs = NOON_MS) => ({ expires: new Date(nowMs + ms).toISOString() })
const jingleInfo = (host: string) =>
  xml('query', { xmlns: JINGLE_INFO_XMLNS }, xml('stun', {}, xml('server', { host, udp: '1' })))

/** A service and a user of it. What the service answers is added by the test. */
function setUp() {
  const clock = new VirtualClock()
  const exchange = new StanzaExchange(DOMAIN, clock)
  const server = exchange.connect(DOMAIN)
  const found = vi.fn()
  const start = () => {
    const user = exchange.connect('me@example.org/1')
    const today = () => NOON_MS + clock.now()
    const reflection = new ExternalServices({ stanzas: user, clock, today, found })
    const urls = () => reflection.iceServers().map((each) => each.urls)
    return { user, reflection, urls }
  }
  return { clock, exchange, server, found, start }
}

function answerServices(server: ExchangedStanzas, services: () => Element[], xmlns = EXTDISCO_XMLNS): void {
  server.onIq('get', 'services', xmlns, () => xml('services', { xmlns }, ...services()))
}

describe('whom we ask', () => {
  test('the service, once, where it knows XEP-0215', async () => {
    const { exchange, server, start } = setUp()
    answerServices(server, () => [stun('a'), xml('service', { type: 'nonsense' })])
    const { urls, reflection } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:a']))
    expect(exchange.iqs.map(({ to }) => to)).toEqual([DOMAIN])
    expect([...reflection.dropped]).toEqual([['unusable service', 1]])
  })

  test('by its older version, where the service does not know the newer', async () => {
    const { server, start } = setUp()
    answerServices(server, () => [stun('old')], OLD_EXTDISCO_XMLNS)
    const { urls } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:old']))
  })

  test('by jingle info, where it knows neither or names nothing of use', async () => {
    const { server, start } = setUp()
    answerServices(server, () => [])
    server.onIq('get', 'query', JINGLE_INFO_XMLNS, () => jingleInfo('google'))
    const { urls } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:google:1']))
  })

  test('our own account, where the service itself does not answer for it', async () => {
    const { exchange, start } = setUp()
    exchange.connect('me@example.org').onIq('get', 'query', JINGLE_INFO_XMLNS, () => jingleInfo('account'))
    const { urls } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:account:1']))
  })

  test('in vain, which is no failure and is not repeated', async () => {
    const { clock, exchange, found, start } = setUp()
    const { reflection, urls } = start()
    await vi.waitFor(() => expect([...reflection.dropped]).toEqual([['none named', 1]]))
    expect(urls()).toEqual([])
    clock.run(10 * 86_400_000)
    expect(exchange.iqs).toHaveLength(4)
    expect(found).not.toHaveBeenCalled()
  })

  test('again at each sign-in', async () => {
    const { exchange, server, start } = setUp()
    let host = 'a'
    answerServices(server, () => [stun(host)])
    const { user, urls } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:a']))
    host = 'b'
    exchange.disconnect('me@example.org/1')
    user.goOnline('me@example.org/2')
    await vi.waitFor(() => expect(urls()).toEqual(['stun:b']))
  })
})

describe('credentials', () => {
  test('are asked for where a restricted service gives none', async () => {
    const { server, start } = setUp()
    const place = { port: '3478', restricted: 'true' }
    answerServices(server, () => [stun('a'), turn(place), turn({ ...place, transport: 'tcp' })])
    const asked: Record<string, string>[] = []
    server.onIq('get', 'credentials', EXTDISCO_XMLNS, (child) => {
      asked.push({ ...child.getChild('service')?.attrs })
      return xml('credentials', { xmlns: EXTDISCO_XMLNS }, turn({ username: 'u', password: 'p' }))
    })
    const { reflection } = start()
    const credentials = { username: 'u', credential: 'p' }
    await vi.waitFor(() =>
      expect(reflection.iceServers()).toEqual([
        { urls: 'stun:a' },
        { urls: 'turn:turn.example:3478?transport=udp', ...credentials },
        { urls: 'turn:turn.example:3478?transport=tcp', ...credentials },
      ]),
    )
    expect(asked).toEqual([{ type: 'turn', host: 'turn.example', port: '3478' }])
  })

  test('that are refused cost the other servers nothing', async () => {
    const { server, start } = setUp()
    answerServices(server, () => [turn({ restricted: '1' }), stun('a')])
    const { reflection, urls } = start()
    await vi.waitFor(() => expect(reflection.dropped.get('no credentials')).toBe(1))
    expect(urls()).toEqual(['stun:a'])
  })

  test('of another server are not taken', async () => {
    const { server, start } = setUp()
    answerServices(server, () => [turn({ restricted: '1' }), stun('a')])
    const others = xml('service', { type: 'turn', host: 'evil.example', username: 'u', password: 'p' })
    server.onIq('get', 'credentials', EXTDISCO_XMLNS, () => xml('credentials', { xmlns: EXTDISCO_XMLNS }, others))
    const { reflection, urls } = start()
    await vi.waitFor(() => expect(reflection.dropped.get('no credentials')).toBe(1))
    expect(urls()).toEqual(['stun:a'])
  })

  test('are not asked for where the service says that none are needed', async () => {
    const { exchange, server, start } = setUp()
    answerServices(server, () => [turn({ restricted: ' false ' }), stun('a')])
    const { urls } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:a']))
    expect(exchange.iqs).toHaveLength(1)
  })

  test('that Prosody 0.12 forgets with TURN over TLS are those of its TURN on the same host', async () => {
    const { exchange, server, start } = setUp()
    const tls = { type: 'turns', transport: 'tcp', port: '5349' }
    answerServices(server, () => [
      turn({ username: 'u', password: 'p', restricted: '1', ...endsIn(60_000) }),
      turn(tls),
    ])
    const { reflection } = start()
    await vi.waitFor(() =>
      expect(reflection.iceServers()).toContainEqual({
        urls: 'turns:turn.example:5349?transport=tcp',
        username: 'u',
        credential: 'p',
      }),
    )
    expect(exchange.iqs).toHaveLength(1)
  })
})

describe('credentials that end', () => {
  test('are asked for anew at half of their life, for the links that start later', async () => {
    const { clock, server, start } = setUp()
    let asked = 0
    answerServices(server, () => {
      asked += 1
      return [turn({ username: `u${asked}`, password: 'p', ...endsIn(600_000, NOON_MS + clock.now()) })]
    })
    const { reflection } = start()
    await vi.waitFor(() => expect(reflection.iceServers()).toHaveLength(1))
    clock.run(299_000)
    expect(asked).toBe(1)
    clock.run(2_000)
    await vi.waitFor(() => expect(reflection.iceServers()[0]?.username).toBe('u2'))
    reflection.close()
  })

  test('are not handed out once they have ended, and are asked for when somebody needs them', async () => {
    const { clock, exchange, server, start } = setUp()
    let life = 60_000
    answerServices(server, () => [
      stun('a'),
      turn({ username: 'u', password: 'p', ...endsIn(life, NOON_MS + clock.now()) }),
    ])
    const { reflection, urls } = start()
    await vi.waitFor(() => expect(urls()).toHaveLength(2))
    exchange.intercept = () => new StanzaError('internal-server-error')
    clock.run(59_000)
    await vi.waitFor(() => expect(reflection.dropped.get('no answer')).toBe(1))
    expect(urls()).toHaveLength(2)
    clock.run(2_000)
    expect(urls()).toEqual(['stun:a'])
    exchange.intercept = () => undefined
    life = 600_000
    clock.run(1)
    await vi.waitFor(() => expect(urls()).toHaveLength(2))
  })

  test('and have ended already when they are given are not used, nor asked for without a pause', async () => {
    const { clock, exchange, server, start } = setUp()
    answerServices(server, () => [turn({ username: 'u', password: 'p', ...endsIn(-1) })])
    const { reflection, urls } = start()
    await vi.waitFor(() => expect(reflection.dropped.get('none named')).toBe(1))
    expect(urls()).toEqual([])
    expect(reflection.dropped.get('expired service')).toBe(1)
    const asked = exchange.iqs.length
    clock.run(86_400_000)
    expect(exchange.iqs).toHaveLength(asked)
  })

  test('too early, as a TURN server finds, are asked for anew, though not each time that it finds so', async () => {
    const { clock, exchange, server, start } = setUp()
    answerServices(server, () => [turn({ username: 'u', password: 'p' })])
    const { reflection, urls } = start()
    await vi.waitFor(() => expect(urls()).toHaveLength(1))
    for (let i = 0; i < 100; i += 1) reflection.refused()
    clock.run(31_000)
    await vi.waitFor(() => expect(exchange.iqs).toHaveLength(2))
    expect(reflection.dropped.get('refused by a TURN server')).toBe(100)
  })
})

describe('an answer', () => {
  test('that comes late still helps those who dial after it', async () => {
    const { clock, exchange, server, found, start } = setUp()
    answerServices(server, () => [stun('late')])
    exchange.latencyMs = 12_000
    const { urls } = start()
    clock.run(23_000)
    await Promise.resolve()
    expect(urls()).toEqual([])
    clock.run(2_000)
    await vi.waitFor(() => expect(urls()).toEqual(['stun:late']))
    expect(found).toHaveBeenCalledTimes(1)
  })

  test('that never comes is asked for again a few times only', async () => {
    const { clock, exchange, start } = setUp()
    exchange.intercept = () => 'lost'
    const { reflection } = start()
    for (let minute = 0; minute < 120; minute += 1) {
      clock.run(60_000)
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    }
    expect(exchange.iqs).toHaveLength(4 * 4)
    expect(reflection.dropped.get('no answer')).toBe(4)
  })

  test('with any number of services costs no more than a few questions', async () => {
    const { exchange, server, start } = setUp()
    answerServices(server, () => Array.from({ length: 500 }, (_, i) => turn({ host: `t${i}`, restricted: '1' })))
    const { reflection } = start()
    await vi.waitFor(() => expect(reflection.dropped.get('none named')).toBe(1))
    expect(exchange.iqs.length).toBeLessThanOrEqual(1 + 4 + 3)
  })

  test('that fails leaves what is known in use', async () => {
    const { clock, exchange, server, start } = setUp()
    answerServices(server, () => [turn({ username: 'u', password: 'p', ...endsIn(120_000) })])
    const { urls } = start()
    await vi.waitFor(() => expect(urls()).toHaveLength(1))
    exchange.intercept = () => 'lost'
    clock.run(100_000)
    expect(exchange.iqs.length).toBeGreaterThan(1)
    expect(urls()).toHaveLength(1)
  })
})

describe('a push', () => {
  const push = () =>
    xml('services', { xmlns: EXTDISCO_XMLNS }, xml('service', { action: 'add', type: 'stun', host: 'evil' }))

  test('of our service makes us ask for the new list', async () => {
    const { clock, server, start } = setUp()
    let host = 'a'
    answerServices(server, () => [stun(host)])
    const { urls } = start()
    await vi.waitFor(() => expect(urls()).toEqual(['stun:a']))
    host = 'b'
    await server.request({ type: 'set', to: 'me@example.org/1', child: push() })
    clock.run(30_000)
    await vi.waitFor(() => expect(urls()).toEqual(['stun:b']))
  })

  test.each(['juliet@example.org/1', 'example.com', 'me@example.org/2', 'sub.example.org'])(
    'of %s is refused, counted and not obeyed',
    async (jid) => {
      const { clock, exchange, server, start } = setUp()
      answerServices(server, () => [stun('a')])
      const { reflection, urls } = start()
      await vi.waitFor(() => expect(urls()).toEqual(['stun:a']))
      const stranger = exchange.connect(jid)
      const sent = stranger.request({ type: 'set', to: 'me@example.org/1', child: push() })
      await expect(sent).rejects.toThrow('forbidden')
      const asked = exchange.iqs.length
      clock.run(86_400_000)
      expect(exchange.iqs).toHaveLength(asked)
      expect(urls()).toEqual(['stun:a'])
      expect(reflection.dropped.get('forged push')).toBe(1)
    },
  )
})

test('who has closed asks nothing any more', async () => {
  const { clock, exchange, server, start } = setUp()
  answerServices(server, () => [turn({ username: 'u', password: 'p', ...endsIn(60_000) })])
  const { reflection, urls } = start()
  await vi.waitFor(() => expect(urls()).toHaveLength(1))
  reflection.close()
  clock.run(86_400_000)
  expect(exchange.iqs).toHaveLength(1)
})
