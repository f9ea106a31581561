/** Does `npm run server` see of a server what is there, and what is not? On servers that others wrote, and on our own. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { createXmppService } from '../src/service/xmpp-service.ts'
import { startProsody } from './prosody.ts'
import { runServerCommand } from './server-command.ts'
import { startPageServer } from './servers-page.ts'

const TIMEOUT_MS = 60_000

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
}, TIMEOUT_MS)

/** A server as docs/servers.md has it, but for this. */
async function changed(name: 'Prosody' | 'ejabberd', changes: [RegExp, string][]) {
  const server = await startPageServer(name, changes)
  stops.push(server.stop)
  const env = { NODE_EXTRA_CA_CERTS: server.certificate }
  return { ...server, check: (...words: string[]) => runServerCommand([server.service, ...words], env) }
}

async function embedded(options: Parameters<typeof createXmppService>[0] = {}) {
  const service = createXmppService(options)
  stops.push(() => service.close())
  const { url } = await service.listen()
  return { service, url }
}

async function listening(server: Server): Promise<{ port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return server.address() as AddressInfo
}

describe('the embedded service', { timeout: TIMEOUT_MS }, () => {
  test('lets pages meet, and is left as it was', async () => {
    const { service, url } = await embedded()
    const { code, statuses, stdout } = await runServerCommand([url])
    expect(statuses).toMatchObject({ websocket: 'limited', 'ways in': 'ok', relay: 'ok', rooms: 'ok', pace: 'ok' })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok {9}relay {12}an IQ from one to the other and back takes \d+ ms$/m)
    expect([service.connectionCount, service.roomCount]).toEqual([0, 0])
  })

  test('is refused by those who have no account where none can be made', async () => {
    const { url } = await embedded({ anonymous: false, registration: false })
    const { code, of } = await runServerCommand([url])
    expect(of('ways in').status).toBe('missing')
    expect(of('rooms')).toMatchObject({ status: 'not tried', seen: 'nobody could sign in' })
    expect(code).toBe(1)
  })

  test('says that a password is wrong', async () => {
    const { url } = await embedded({ accounts: [{ username: 'ann', password: 'rose' }] })
    const { code, of } = await runServerCommand([url, '--jid', 'ann@localhost', '--password', 'thorn'])
    expect(of('ways in')).toMatchObject({ status: 'missing', seen: expect.stringContaining('ann@localhost') })
    expect(code).toBe(1)
  })
})

describe('a Prosody', { timeout: TIMEOUT_MS }, () => {
  test('where strangers make accounts loses the one that the check has made', async () => {
    const { service, domain, stop } = await startProsody()
    stops.push(stop)
    const { code, of, statuses } = await runServerCommand([service, '--domain', domain])
    expect(of('ways in').seen).toMatch(/^SCRAM-SHA-1, PLAIN, registration; came in with an account made now$/)
    expect(of('left behind').seen).toMatch(/^nothing: the account .*@localhost was removed again$/)
    const well = { presence: 'ok', rooms: 'ok', resumption: 'ok', 'private storage': 'ok', 'stun and turn': 'missing' }
    expect(statuses).toMatchObject(well)
    expect(code).toBe(0)
  })

  test('that throttles is seen to', async () => {
    const { service, anonymousDomain, stop } = await startProsody({ throttled: true })
    stops.push(stop)
    const { code, of } = await runServerCommand([service, '--domain', anonymousDomain])
    expect(of('pace')).toMatchObject({ status: 'limited', seen: expect.stringMatching(/reads about \d+\.\d kB\/s/) })
    expect(of('pace').settings?.prosody).toContain('limits = {')
    expect(code).toBe(0)
  })

  test('without rooms is of no use to strangers, which is said with what to set', async () => {
    const { check, guestDomain } = await changed('Prosody', [[/^Component.*$/gms, '']])
    const { code, of, stdout } = await check('--domain', guestDomain)
    expect(of('rooms').status).toBe('missing')
    expect(stdout).toMatch(/^ +Prosody: Component "conference\.DOMAIN" "muc"/m)
    expect(stdout).toMatch(/^Pages cannot meet here\. They need: rooms\.$/m)
    expect(code).toBe(1)
  })

  test('without rooms is of use to those who share an account', async () => {
    const { check, domain, account } = await changed('Prosody', [[/^Component.*$/gms, '']])
    const { code, of } = await check('--domain', domain, '--jid', account.jid, '--password', account.password)
    expect(of('rooms').status).toBe('missing')
    expect(of('presence').status).toBe('ok')
    expect(code).toBe(0)
  })

  test('with neither registration nor anonymous sign-in lets no stranger in, which is said with what to set', async () => {
    const { check, domain } = await changed('Prosody', [])
    const { code, of, stdout } = await check('--domain', domain)
    expect(of('websocket').status).toBe('ok')
    expect(of('ways in').status).toBe('missing')
    expect(stdout).toMatch(
      /^ +Prosody: a VirtualHost with authentication = "anonymous", or allow_registration = true$/m,
    )
    expect(code).toBe(1)
  })
})

describe('an ejabberd', { timeout: TIMEOUT_MS }, () => {
  test('with Debian’s limits throws sessions out and throttles, and both are seen', async () => {
    const { check, domain, account } = await changed('ejabberd', [
      [/rate: 1000000, burst_size: 2000000/g, 'rate: 3000, burst_size: 20000'],
      [/max_user_sessions: 1000/g, 'max_user_sessions: 10'],
    ])
    const words = ['--domain', domain, '--jid', account.jid, '--password', account.password, '--sessions', '12']
    const { code, of } = await check(...words)
    expect(of('sessions')).toMatchObject({ status: 'limited', seen: expect.stringMatching(/^10 of 12 of one account/) })
    expect(of('sessions').settings?.ejabberd).toContain('max_user_sessions')
    expect(of('pace')).toMatchObject({ status: 'limited', seen: expect.stringMatching(/reads about \d+\.\d kB\/s/) })
    expect(code).toBe(0)
  })

  test('that is open to its own page alone is of no use to others, which is said with what to set', async () => {
    const { check, guestDomain } = await changed('ejabberd', [
      [/^shaper:/gm, 'websocket_origin: [ "https://example.org" ]\nshaper:'],
    ])
    const { code, of } = await check('--domain', guestDomain)
    expect(of('websocket')).toMatchObject({
      status: 'missing',
      seen: expect.stringContaining('opens for programs, and not for a page of another origin'),
      settings: { ejabberd: expect.stringContaining('no websocket_origin') },
    })
    expect(code).toBe(1)
  })
})

test('where nobody listens, that is said', async () => {
  const { code, of } = await runServerCommand(['ws://127.0.0.1:9/xmpp-websocket'])
  expect(of('websocket').status).toBe('missing')
  expect(code).toBe(1)
})

test('a domain that names no address is told of', async () => {
  const { url } = await embedded()
  const { code, of } = await runServerCommand([new URL(url).host])
  expect(of('address').status).toBe('missing')
  expect(of('websocket').seen).toBe('nobody knows where the server is')
  expect(code).toBe(1)
})

test('a domain that lets no page read its address is told of', async () => {
  const { port } = await listening(createServer((_request, response) => response.end('{"links":[]}')))
  const { code, of } = await runServerCommand([`127.0.0.1:${port}`])
  expect(of('address')).toMatchObject({ status: 'missing', seen: expect.stringContaining('(CORS)') })
  expect(code).toBe(1)
})

test.each([
  ['no XML', '<<<'],
  ['features without an end', '<stream:features'],
  ['another protocol', '{"type":"welcome"}'],
])('a server that sends %s is told of', async (_name, text) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) =>
    socket.on('message', () => socket.send(text)).on('message', () => socket.close()),
  )
  const { port } = await listening(server)
  const { code, of, stderr } = await runServerCommand([`ws://127.0.0.1:${port}/`])
  expect(of('websocket').status).toBe('limited')
  expect(of('ways in').status).toBe('missing')
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
})

test('wrong words end with 2 and the usage', async () => {
  const { code, stdout, stderr } = await runServerCommand(['example.org', '--sessions', 'many'])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^--sessions is a whole number.*\n\nnpm run server --/)
})
