/** Does a server that others wrote say where it is, in a way that we read? ejabberd does it by itself (XEP-0156). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { hrefsInJson, hrefsInXrd } from '../src/xmpp/service-discovery.ts'
import { XmppSession } from '../src/xmpp/session.ts'
import { type Federation, startFederation } from './federation.ts'

const SETUP_TIMEOUT_MS = 60_000

let federation: Federation

beforeAll(async () => {
  installNodeWebSocket()
  federation = await startFederation()
}, SETUP_TIMEOUT_MS)
afterAll(() => federation.stop(), SETUP_TIMEOUT_MS)

test('a session signs in to an ejabberd of which it knows the domain and no address', async () => {
  const { domain, service } = federation.ejabberd
  const { host } = new URL(service)
  const session = new XmppSession({
    service: host,
    domain,
    resource: 'balcony',
    storage: memoryStorage(),
    random: Math.random,
  })
  await session.start()
  expect(session.jid).toMatch(`@${domain}/`)
  await session.stop()
})

test.each([
  ['host-meta.json', hrefsInJson],
  ['host-meta', hrefsInXrd],
])('its %s names the address', async (file, hrefsIn) => {
  const { service } = federation.ejabberd
  const response = await fetch(new URL(`/.well-known/${file}`, service.replace('ws:', 'http:')))
  expect(hrefsIn(await response.text())).toEqual([service])
})

test('a server that says nothing is told of in a sentence', async () => {
  const { domain, service } = federation.prosody
  const { host } = new URL(service)
  const session = new XmppSession({
    service: host,
    domain,
    resource: 'r',
    storage: memoryStorage(),
    random: Math.random,
  })
  await expect(session.start()).rejects.toMatchObject({ code: 'service-not-found' })
})
