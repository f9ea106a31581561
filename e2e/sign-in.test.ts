/** Is a password kept from servers that others wrote? An account signs in by the best SCRAM that each of them offers. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { XmppSession } from '../src/xmpp/session.ts'
import { type Account, makeAccount } from './account.ts'
import { startFederation } from './federation.ts'
import { startProsody } from './prosody.ts'

const SETUP_TIMEOUT_MS = 60_000

type Server = { service: string; domain: string; stop(): Promise<void> }

const SERVERS: [name: string, mechanism: string, start: () => Promise<Server>][] = [
  ['Prosody as shipped', 'SCRAM-SHA-1', () => startProsody()],
  ['Prosody with SHA-256', 'SCRAM-SHA-256', () => startProsody({ passwordHash: 'SHA-256' })],
  [
    'ejabberd',
    'SCRAM-SHA-256',
    async () => {
      const { ejabberd, stop } = await startFederation()
      return { service: ejabberd.service, domain: ejabberd.domain, stop }
    },
  ],
]

beforeAll(installNodeWebSocket)

describe.each(SERVERS)('sign-in at %s', (_name, mechanism, start) => {
  let server: Server
  let account: Account
  let session: XmppSession | undefined
  let said: string[]

  beforeAll(async () => {
    server = await start()
    account = await makeAccount(server)
  }, SETUP_TIMEOUT_MS)
  afterEach(async () => {
    await session?.stop()
    vi.restoreAllMocks()
  })
  afterAll(() => server.stop(), SETUP_TIMEOUT_MS)

  const sessionOf = (options: Partial<Account>) => {
    said = []
    const { send } = WebSocket.prototype
    vi.spyOn(WebSocket.prototype, 'send').mockImplementation(function (this: WebSocket, ...message) {
      said.push(String(message[0]))
      return send.apply(this, message)
    })
    const { service, domain } = server
    session = new XmppSession({
      service,
      domain,
      resource: 'balcony',
      storage: memoryStorage(),
      random: Math.random,
      ...options,
    })
    return session
  }

  test(`an account signs in by ${mechanism}, and its password is not sent`, async () => {
    const { jid, password } = account
    await sessionOf(account).start()
    expect(session?.jid).toBe(`${jid}/balcony`)
    const spoken = said.join('\n')
    expect(spoken).toContain(`mechanism="${mechanism}"`)
    const [username = ''] = jid.split('@')
    expect(spoken).not.toContain(password)
    expect(spoken).not.toContain(btoa(`\0${username}\0${password}`))
  })

  test('a wrong password is refused in a sentence that names the account', async () => {
    const starting = sessionOf({ ...account, password: 'thorn' }).start()
    const expected = { code: 'wrong-password', message: expect.stringContaining(account.jid) }
    await expect(starting).rejects.toMatchObject(expected)
    expect(said.join('\n')).toContain(`mechanism="${mechanism}"`)
    expect(said.join('\n')).not.toContain('mechanism="PLAIN"')
  })

  test(`a stranger comes to an account of their own by ${mechanism}`, async () => {
    await sessionOf({}).start()
    expect(said.join('\n')).toContain('jabber:iq:register')
    expect(said.join('\n')).toContain(`mechanism="${mechanism}"`)
  })
})
