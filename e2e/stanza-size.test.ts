/** What if a real server ends the stream over a stanza that is too large, and says beforehand nothing of it? */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { XmppSession } from '../src/xmpp/session.ts'
import { xml } from '../src/xmpp/stanza.ts'
import { startProsody } from './prosody.ts'
import type { XmppServer } from './xmpp-server.ts'

const LIMIT = 20_000
const PATIENCE = { timeout: 10_000, interval: 20 }

let prosody: XmppServer

beforeAll(async () => {
  installNodeWebSocket()
  prosody = await startProsody({ maxStanzaBytes: LIMIT })
})
afterAll(() => prosody.stop())

test('the stanza is sent once, the session comes back, and the next one is refused here', async () => {
  const { service, domain } = prosody
  const session = new XmppSession({ service, domain, resource: 'r', storage: memoryStorage(), random: Math.random })
  const sent: string[] = []
  const { send } = WebSocket.prototype
  vi.spyOn(WebSocket.prototype, 'send').mockImplementation(function (this: WebSocket, ...message) {
    sent.push(String(message[0]))
    return send.apply(this, message)
  })
  await session.start()
  const ask = (length: number) =>
    session.request({ type: 'get', to: domain, child: xml('ping', { xmlns: 'urn:xmpp:ping' }, 'x'.repeat(length)) })
  // Stream management is asked for after the binding and perhaps after the first request, but before the second.
  await ask(0)
  await ask(0)
  const resource = session.jid
  await expect(ask(2 * LIMIT)).rejects.toMatchObject({ condition: 'disconnected' })
  await vi.waitFor(() => expect(session.state.name).toBe('online'), PATIENCE)
  expect(session.jid).toBe(resource)
  await expect(ask(2 * LIMIT)).rejects.toMatchObject({ condition: 'policy-violation' })
  await ask(9_000)
  expect(sent.filter((text) => text.length > LIMIT)).toHaveLength(1)
  await session.stop()
})
