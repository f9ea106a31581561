import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import type { Clock } from '../ports.ts'
import { createXmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from './memory-storage.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import { realClock } from './real-clock.ts'
import type { SessionState } from './session-options.ts'
import { afterwards, closeTestSessions, newSession, serve, wireTo } from './test-sessions.ts'

const JULIET = { jid: 'juliet@localhost', password: 'rosé ♥' }
const ACCOUNTS = [{ username: 'juliet', password: JULIET.password }]
beforeAll(installNodeWebSocket)
afterEach(closeTestSessions)

describe('session: coming in', () => {
  test('a stranger comes in, and has the resource that was asked for', async () => {
    const session = newSession(await serve(createXmppService()))
    await session.start()
    expect(session.jid).toMatch(/^[^@]+@localhost\/balcony$/)
    expect(session.state).toEqual({ name: 'online', jid: session.jid })
  })

  test('an account comes in, whatever letters its password has', async () => {
    const session = newSession(await serve(createXmppService({ accounts: ACCOUNTS })), JULIET)
    await session.start()
    expect(session.jid).toBe('juliet@localhost/balcony')
  })

  test('a wrong password is refused in a sentence that names the account', async () => {
    const session = newSession(await serve(createXmppService({ accounts: ACCOUNTS })), { ...JULIET, password: 'thorn' })
    const expected = { code: 'wrong-password', message: expect.stringContaining('juliet@localhost') }
    await expect(session.start()).rejects.toMatchObject(expected)
    expect(session.state).toMatchObject({ name: 'offline', retryAtMs: undefined })
  })

  test('a start that was refused may be tried again', async () => {
    const options = { ...JULIET, password: 'thorn' }
    const session = newSession(await serve(createXmppService({ accounts: ACCOUNTS })), options)
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
    afterwards(() => new Promise((resolve) => server.close(resolve)))
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
      afterwards(() => sockets.close())
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
    const session = newSession(await serve(createXmppService()), { domain: 'elsewhere.org' })
    const expected = { code: 'bad-service', message: expect.stringContaining('elsewhere.org') }
    await expect(session.start()).rejects.toMatchObject(expected)
  })

  test('a service that lets no stranger in has no way in', async () => {
    const session = newSession(await serve(createXmppService({ anonymous: false, registration: false })))
    await expect(session.start()).rejects.toMatchObject({ code: 'no-way-in' })
  })

  test('a kept account that the service has forgotten is made anew', async () => {
    const storage = memoryStorage()
    await storage.set('xmpp-account:localhost', { username: 'ghost', password: 'boo' })
    const session = newSession(await serve(createXmppService({ anonymous: false })), { storage })
    await session.start()
    expect(session.jid).not.toMatch('ghost')
    expect(await storage.get('xmpp-account:localhost')).toMatchObject({ username: session.jid?.split('@')[0] })
  })

  test('a stop during the start ends it', async () => {
    const session = newSession(await serve(createXmppService()))
    const starting = session.start()
    void session.stop()
    await expect(starting).rejects.toMatchObject({ code: 'left' })
    expect(session.state.name).toBe('offline')
  })

  test('a session that was stopped can start again', async () => {
    const session = newSession(await serve(createXmppService()))
    await session.start()
    await session.stop()
    expect(session.jid).toBeUndefined()
    await session.start()
    expect(session.jid).toBeDefined()
  })
})

describe('session: the network fails', () => {
  test('after a cut it comes back by itself, and tells of the lost binding before the new one', async () => {
    const wire = await wireTo(await serve(createXmppService()))
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
    const wire = await wireTo(await serve(createXmppService()))
    const clock = hastyClock(50)
    const session = newSession(wire.url, { clock, random: () => 0.999 })
    await session.start()
    const waits: number[] = []
    session.onState((state) => {
      if (state.name === 'offline' && state.retryAtMs !== undefined) waits.push(state.retryAtMs - clock.now())
    })
    wire.down()
    await vi.waitFor(() => expect(waits.length).toBeGreaterThanOrEqual(7), 5_000)
    for (const [index, wait] of waits.slice(0, 5).entries()) expect(wait).toBeGreaterThan(waits[index - 1] ?? 0)
    for (const wait of waits) expect(wait).toBeLessThanOrEqual(30_000)
    wire.up()
    await vi.waitFor(() => expect(session.state.name).toBe('offline'))
    session.reconnectNow()
    await vi.waitFor(() => expect(session.state.name).toBe('online'))
  })

  test('a start that failed goes on trying when asked to', async () => {
    const wire = await wireTo(await serve(createXmppService()))
    wire.down()
    const session = newSession(wire.url, { clock: hastyClock(50) })
    await expect(session.start()).rejects.toMatchObject({ retryable: true })
    session.keepTrying()
    wire.up()
    await vi.waitFor(() => expect(session.state.name).toBe('online'))
  })

  test('a network that went silent is found out by asking', async () => {
    const wire = await wireTo(await serve(createXmppService()))
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
    afterwards(() => second.close())
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

/** A clock that runs so many times faster, for waits of seconds. */
function hastyClock(factor: number): Clock {
  return {
    now: () => realClock.now() * factor,
    wakeAt: (at, wake) => realClock.wakeAt(at / factor, wake),
  }
}
