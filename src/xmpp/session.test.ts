import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { type Clock, StanzaError, type Storage } from '../ports.ts'
import { createXmppService, type XmppServiceOptions } from '../service/xmpp-service.ts'
import { CuttableWire } from './cuttable-wire.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import { realClock } from './real-clock.ts'
import { type SessionOptions, type SessionState, XmppSession } from './session.ts'
import { xml } from './stanza.ts'

const JULIET = { jid: 'juliet@localhost', password: 'rosé ♥' }
const ACCOUNTS = [{ username: 'juliet', password: JULIET.password }]
const PING = () => xml('ping', { xmlns: 'urn:xmpp:ping' })

const cleanups: (() => unknown)[] = []
beforeAll(installNodeWebSocket)
afterEach(async () => {
  vi.restoreAllMocks()
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

describe('session: coming in', () => {
  test('a stranger comes in, and has the resource that was asked for', async () => {
    const session = newSession(await serve())
    await session.start()
    expect(session.jid).toMatch(/^[^@]+@localhost\/balcony$/)
    expect(session.state).toEqual({ name: 'online', jid: session.jid })
  })

  test('an account comes in, whatever letters its password has', async () => {
    const session = newSession(await serve({ accounts: ACCOUNTS }), JULIET)
    await session.start()
    expect(session.jid).toBe('juliet@localhost/balcony')
  })

  test('a wrong password is refused in a sentence that names the account', async () => {
    const session = newSession(await serve({ accounts: ACCOUNTS }), { ...JULIET, password: 'thorn' })
    const expected = { code: 'wrong-password', message: expect.stringContaining('juliet@localhost') }
    await expect(session.start()).rejects.toMatchObject(expected)
    expect(session.state).toMatchObject({ name: 'offline', retryAtMs: undefined })
  })

  test('a start that was refused may be tried again', async () => {
    const options = { ...JULIET, password: 'thorn' }
    const session = newSession(await serve({ accounts: ACCOUNTS }), options)
    await expect(session.start()).rejects.toMatchObject({ code: 'wrong-password' })
    await expect(session.start()).rejects.toMatchObject({ code: 'wrong-password' })
  })

  test('a service that is down is unreachable', async () => {
    const service = createXmppService()
    const { url, close } = await service.listen()
    await close()
    await expect(newSession(url).start()).rejects.toMatchObject({ code: 'server-unreachable', retryable: true })
  })

  test('a web server is not XMPP', async () => {
    const server = createServer((_request, response) => response.end('Hello'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
    await expect(newSession(url).start()).rejects.toMatchObject({ code: 'not-xmpp' })
  })

  test.each(['hello', '<', '</x>', '<a></b>', '<open xmlns="urn:ietf:params:xml:ns:xmpp-framing"/></x>'])(
    'a WebSocket that says “%s” is not XMPP',
    async (words) => {
      const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
      sockets.on('connection', (socket) =>
        socket.on('message', () => {
          socket.send(words)
          socket.close()
        }),
      )
      cleanups.push(() => sockets.close())
      await once(sockets, 'listening')
      const url = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/`
      await expect(newSession(url).start()).rejects.toMatchObject({ code: 'not-xmpp' })
    },
  )

  test('an address that is none is refused before anything is sent', async () => {
    await expect(newSession('http://localhost/').start()).rejects.toMatchObject({ code: 'bad-service' })
    await expect(newSession('ws://example.org/', JULIET).start()).rejects.toMatchObject({ code: 'bad-service' })
  })

  test('a domain that is not served is named', async () => {
    const session = newSession(await serve(), { domain: 'elsewhere.org' })
    const expected = { code: 'bad-service', message: expect.stringContaining('elsewhere.org') }
    await expect(session.start()).rejects.toMatchObject(expected)
  })

  test('a service that lets no stranger in has no way in', async () => {
    const session = newSession(await serve({ anonymous: false, registration: false }))
    await expect(session.start()).rejects.toMatchObject({ code: 'no-way-in' })
  })

  test('a kept account that the service has forgotten is made anew', async () => {
    const storage = memoryStorage()
    await storage.set('xmpp-account:localhost', { username: 'ghost', password: 'boo' })
    const session = newSession(await serve({ anonymous: false }), { storage })
    await session.start()
    expect(session.jid).not.toMatch('ghost')
    expect(await storage.get('xmpp-account:localhost')).toMatchObject({ username: session.jid?.split('@')[0] })
  })

  test('a stop during the start ends it', async () => {
    const session = newSession(await serve())
    const starting = session.start()
    void session.stop()
    await expect(starting).rejects.toMatchObject({ code: 'left' })
    expect(session.state.name).toBe('offline')
  })

  test('a session that was stopped can start again', async () => {
    const session = newSession(await serve())
    await session.start()
    await session.stop()
    expect(session.jid).toBeUndefined()
    await session.start()
    expect(session.jid).toBeDefined()
  })
})

describe('session: the network fails', () => {
  test('after a cut it comes back by itself, and tells of the lost binding before the new one', async () => {
    const wire = await wireTo(await serve())
    const session = newSession(wire.url)
    await session.start()
    const told: unknown[] = []
    session.onOffline(() => told.push('offline', session.jid))
    session.onOnline((jid) => told.push(jid))
    const states: SessionState['name'][] = []
    session.onState(({ name }) => states.push(name))
    const [first] = told.splice(0)
    wire.cut()
    await vi.waitFor(() => expect(told).toHaveLength(3))
    expect(told).toEqual(['offline', undefined, session.jid])
    expect(first).not.toBe(session.jid)
    expect(states).toEqual(['offline', 'connecting', 'online'])
  })

  test('while a service is down it tries ever more rarely, and at once when told that the network is back', async () => {
    const wire = await wireTo(await serve())
    const session = newSession(wire.url, { clock: hastyClock(50), random: () => 0.999 })
    await session.start()
    const waits: number[] = []
    session.onState((state) => {
      if (state.name === 'offline' && state.retryAtMs !== undefined)
        waits.push(state.retryAtMs - clockOf(session).now())
    })
    wire.down()
    await vi.waitFor(() => expect(waits.length).toBeGreaterThanOrEqual(8), 5_000)
    for (const [index, wait] of waits.slice(0, 5).entries()) expect(wait).toBeGreaterThan(waits[index - 1] ?? 0)
    for (const wait of waits) expect(wait).toBeLessThanOrEqual(30_000)
    wire.up()
    await vi.waitFor(() => expect(session.state.name).toBe('offline'))
    session.reconnectNow()
    await vi.waitFor(() => expect(session.state.name).toBe('online'))
  })

  test('a start that failed goes on trying when asked to', async () => {
    const wire = await wireTo(await serve())
    wire.down()
    const session = newSession(wire.url, { clock: hastyClock(50) })
    await expect(session.start()).rejects.toMatchObject({ retryable: true })
    session.keepTrying()
    wire.up()
    await vi.waitFor(() => expect(session.state.name).toBe('online'))
  })

  test('a network that went silent is found out by asking', async () => {
    const wire = await wireTo(await serve())
    const session = newSession(wire.url, { clock: hastyClock(50) })
    await session.start()
    let offline = 0
    session.onOffline(() => offline++)
    wire.silence()
    session.reconnectNow()
    await vi.waitFor(() => expect(offline).toBe(1))
  })

  test('an account that was deleted ends the attempts, with the reason', async () => {
    const first = createXmppService({ accounts: ACCOUNTS })
    const { url } = await first.listen()
    const wire = await wireTo(url)
    const session = newSession(wire.url, JULIET)
    await session.start()
    wire.down()
    await first.close()
    const second = createXmppService()
    cleanups.push(() => second.close())
    await second.listen(Number(new URL(url).port))
    wire.up()
    session.reconnectNow()
    await vi.waitFor(() => {
      session.reconnectNow()
      expect(session.state).toMatchObject({ reason: expect.stringContaining('password'), retryAtMs: undefined })
    }, 5_000)
    const attempts = wire.connections
    session.reconnectNow()
    expect(session.state.name).toBe('offline')
    expect(wire.connections).toBe(attempts)
  })
})

describe('session: stanzas', () => {
  test('a request gets the child of its result', async () => {
    const session = await online()
    const child = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' })
    const answer = await session.request({ type: 'get', to: session.domain, child })
    expect(answer?.getChild('identity')?.attrs.category).toBe('server')
  })

  test('a request rejects with the condition of its error', async () => {
    const [asker, answerer] = await pair()
    const request = asker.request({ type: 'get', to: fullJid(answerer), child: xml('x', { xmlns: 'unheard:of' }) })
    await expect(request).rejects.toMatchObject({ name: 'StanzaError', condition: 'service-unavailable' })
  })

  test('a request that nobody answers times out', async () => {
    const wire = await wireTo(await serve())
    const session = newSession(wire.url)
    await session.start()
    wire.silence()
    const request = session.request({ type: 'get', to: session.domain, child: PING(), timeoutMs: 20 })
    await expect(request).rejects.toMatchObject({ condition: 'timeout' })
  })

  test('requests on their way reject when the binding is gone, and offline at once', async () => {
    const wire = await wireTo(await serve())
    const session = newSession(wire.url)
    await session.start()
    wire.silence()
    const request = session.request({ type: 'get', to: session.domain, child: PING() })
    void session.stop()
    await expect(request).rejects.toMatchObject({ condition: 'disconnected' })
    const late = session.request({ type: 'get', to: session.domain, child: PING() })
    await expect(late).rejects.toMatchObject({ condition: 'disconnected' })
  })

  test('every question is answered: by a handler, by its error, or by ours', async () => {
    const [asker, answerer] = await pair()
    const complaint = vi.spyOn(console, 'error').mockImplementation(() => {})
    answerer.onIq('get', 'echo', 'test', (child, from) => xml('echo', { xmlns: 'test', from }, child.getText()))
    answerer.onIq('set', 'quiet', 'test', () => undefined)
    answerer.onIq('get', 'no', 'test', () => {
      throw new StanzaError('not-allowed')
    })
    answerer.onIq('get', 'bug', 'test', () => {
      throw new TypeError('a bug')
    })
    const ask = (type: 'get' | 'set', name: string) =>
      asker.request({ type, to: fullJid(answerer), child: xml(name, { xmlns: 'test' }, 'hello') })
    const echo = await ask('get', 'echo')
    expect([echo?.getText(), echo?.attrs.from]).toEqual(['hello', asker.jid])
    expect(await ask('set', 'quiet')).toBeUndefined()
    await expect(ask('get', 'no')).rejects.toMatchObject({ condition: 'not-allowed' })
    await expect(ask('set', 'echo')).rejects.toMatchObject({ condition: 'service-unavailable' })
    await expect(ask('get', 'bug')).rejects.toMatchObject({ condition: 'internal-server-error' })
    expect(answerer.dropped.get('iq-handler-failed')).toBe(1)
    expect(complaint).toHaveBeenCalledOnce()
  })

  test('it says who it is and what it can do, and answers a ping', async () => {
    const [asker, answerer] = await pair()
    const stop = answerer.onIq('set', 'x', 'urn:example:x', () => undefined)
    const to = fullJid(answerer)
    const features = async () => {
      const child = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' })
      const info = await asker.request({ type: 'get', to, child })
      expect(info?.getChild('identity')?.attrs).toMatchObject({ category: 'client', type: 'web' })
      return info?.getChildren('feature').map((feature) => feature.attrs.var)
    }
    expect(await features()).toEqual(expect.arrayContaining(['urn:xmpp:ping', 'urn:example:x']))
    stop()
    expect(await features()).not.toContain('urn:example:x')
    expect(await asker.request({ type: 'get', to, child: PING() })).toBeUndefined()
    const node = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info', node: 'x' })
    await expect(asker.request({ type: 'get', to, child: node })).rejects.toMatchObject({ condition: 'item-not-found' })
  })

  test('a burst of 200 requests arrives in the order sent', async () => {
    const [asker, answerer] = await pair()
    const arrived: number[] = []
    answerer.onIq('set', 'n', 'test', (child) => {
      arrived.push(Number(child.getText()))
      return undefined
    })
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    const ask = (number: number) =>
      asker.request({ type: 'set', to: fullJid(answerer), child: xml('n', { xmlns: 'test' }, `${number}`) })
    await Promise.all(numbers.map(ask))
    expect(arrived).toEqual(numbers)
  })

  test('a stanza that would end the stream is refused, and the stream lives on', async () => {
    const session = await online()
    const child = xml('x', { xmlns: 'test' }, 'x'.repeat(200_001))
    const large = session.request({ type: 'get', to: session.domain, child })
    await expect(large).rejects.toMatchObject({ condition: 'policy-violation' })
    session.send(xml('message', { to: session.domain }, child))
    expect(session.dropped.get('send-policy-violation')).toBe(1)
    await session.request({ type: 'get', to: session.domain, child: PING() })
  })

  test('more requests than may wait are refused', async () => {
    const wire = await wireTo(await serve())
    const session = newSession(wire.url)
    await session.start()
    wire.silence()
    const ask = () => session.request({ type: 'get', to: session.domain, child: PING() })
    const outcomes = Promise.allSettled(Array.from({ length: 1_000 }, ask))
    await expect(ask()).rejects.toMatchObject({ condition: 'resource-constraint' })
    void session.stop()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { condition: 'disconnected' } })
  })

  test('a listener that throws does not end the stream', async () => {
    const [sender, receiver] = await pair()
    vi.spyOn(console, 'error').mockImplementation(() => {})
    receiver.onMessage(() => {
      throw new Error('a bug')
    })
    const bodies: unknown[] = []
    receiver.onMessage((message) => bodies.push(message.getChildText('body')))
    for (const body of ['1', '2']) sender.send(xml('message', { to: fullJid(receiver) }, xml('body', {}, body)))
    await vi.waitFor(() => expect(bodies).toEqual(['1', '2']))
    expect(receiver.dropped.get('listener-failed')).toBe(2)
  })
})

async function serve(options: XmppServiceOptions = {}): Promise<string> {
  const service = createXmppService(options)
  cleanups.push(() => service.close())
  return (await service.listen()).url
}

async function wireTo(url: string): Promise<CuttableWire> {
  const wire = await CuttableWire.to(url)
  cleanups.push(() => wire.close())
  return wire
}

function newSession(service: string, options: Partial<SessionOptions> = {}): XmppSession {
  const session = new XmppSession({
    service,
    resource: 'balcony',
    storage: memoryStorage(),
    random: Math.random,
    ...options,
  })
  clocks.set(session, options.clock ?? realClock)
  cleanups.push(() => void session.stop())
  return session
}

async function online(): Promise<XmppSession> {
  const session = newSession(await serve())
  await session.start()
  return session
}

async function pair(): Promise<[XmppSession, XmppSession]> {
  const url = await serve()
  const both: [XmppSession, XmppSession] = [newSession(url), newSession(url)]
  await Promise.all(both.map((session) => session.start()))
  return both
}

function fullJid(session: XmppSession): string {
  return session.jid ?? 'offline'
}

const clocks = new WeakMap<XmppSession, Clock>()

function clockOf(session: XmppSession): Clock {
  return clocks.get(session) ?? realClock
}

/** A clock that runs so many times faster, for waits of seconds. */
function hastyClock(factor: number): Clock {
  return {
    now: () => realClock.now() * factor,
    wakeAt: (at, wake) => realClock.wakeAt(at / factor, wake),
  }
}

function memoryStorage(): Storage {
  const values = new Map<string, unknown>()
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => {
      values.set(key, value)
    },
    delete: async (key) => {
      values.delete(key)
    },
  }
}
