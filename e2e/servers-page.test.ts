/** Do the configurations of docs/servers.md work as they are printed? Each is started and looked at by `npm run server`. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hrefsInJson } from '../src/xmpp/service-discovery.ts'
import { runServerCommand } from './server-command.ts'
import { type PageServer, startPageServer } from './servers-page.ts'

const SETUP_TIMEOUT_MS = 60_000
const ORIGIN = 'https://a-page.example'

describe.each(['Prosody', 'ejabberd'] as const)('%s as docs/servers.md has it', (name) => {
  let server: PageServer

  beforeAll(async () => {
    server = await startPageServer(name)
  }, SETUP_TIMEOUT_MS)
  afterAll(() => server.stop(), SETUP_TIMEOUT_MS)

  const check = (...words: string[]) =>
    runServerCommand([server.service, ...words], { NODE_EXTRA_CA_CERTS: server.certificate })

  test('has all that strangers need, and nothing that could be better', async () => {
    const { code, statuses, of } = await check('--domain', server.guestDomain)
    expect(statuses).toEqual({
      address: 'not tried',
      websocket: 'ok',
      'ways in': 'ok',
      sessions: 'ok',
      relay: 'ok',
      pace: 'ok',
      presence: 'not tried',
      rooms: 'ok',
      'stun and turn': 'ok',
      'stun answer': 'ok',
      resumption: 'not tried',
      limits: 'ok',
      'private storage': 'not tried',
    })
    expect(code).toBe(0)
    expect(of('rooms').seen).toMatch(/^at conference\.guest\.localhost; the room says who is there/)
    for (const way of ['STUN at', 'over UDP', 'over TCP', 'over TLS']) expect(of('stun and turn').seen).toContain(way)
  })

  test('has all that an account needs, and lets a dozen tabs of it in', async () => {
    const { jid, password } = server.account
    const account = ['--domain', server.domain, '--jid', jid, '--password', password, '--sessions', '12']
    const { code, statuses, of } = await check(...account)
    expect(of('sessions').seen).toBe('12 of one account at once')
    expect(of('ways in').seen).toMatch(/^SCRAM-SHA-256/)
    const well = [
      'resumption',
      'websocket',
      'sessions',
      'relay',
      'pace',
      'presence',
      'rooms',
      'stun and turn',
      'private storage',
    ]
    expect(statuses).toMatchObject(Object.fromEntries(well.map((subject) => [subject, 'ok'])))
    // It is as the page says: who has no account comes in by the other domain.
    expect(of('ways in')).toMatchObject({ status: 'limited', meaning: expect.stringContaining('Strangers') })
    expect(code).toBe(0)
  })

  test('names its address to every page', async () => {
    const ca = await readFile(server.certificate)
    const { headers, text } = await get(server.hostMeta, ca)
    expect(hrefsInJson(text)).toEqual([server.service])
    expect(['*', ORIGIN]).toContain(headers['access-control-allow-origin'])
  })
})

type Answer = { headers: Record<string, unknown>; text: string }

/** Of a page, which says where it is from. */
function get(url: string, ca: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { ca, headers: { origin: ORIGIN } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        text += part
      })
      response.on('end', () => resolve({ headers: response.headers, text }))
    })
    asking.on('error', reject)
    asking.end()
  })
}
