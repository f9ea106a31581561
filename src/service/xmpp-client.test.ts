import { client, xml } from '@xmpp/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createXmppService, type ListeningService, type XmppService } from './xmpp-service.ts'

let service: XmppService
let listening: ListeningService

beforeAll(async () => {
  vi.stubGlobal('WebSocket', WebSocket)
  service = createXmppService({ accounts: [{ username: 'ann', password: 'secret' }] })
  listening = await service.listen()
})
afterAll(async () => {
  await listening.close()
  vi.unstubAllGlobals()
  expect(service.bugs).toEqual([])
})

function connect(credentials: { username?: string; password?: string; resource?: string } = {}) {
  const entity = client({ service: listening.url, domain: 'localhost', ...credentials })
  entity.on('error', () => {})
  return entity
}

test('@xmpp/client signs in without an account, and signs out', async () => {
  const entity = connect()
  const jid = await entity.start()
  expect(jid.domain).toBe('localhost')
  await entity.stop()
  expect(entity.status).toBe('offline')
})

test('@xmpp/client signs in with a password, and asks the domain', async () => {
  const entity = connect({ username: 'ann', password: 'secret', resource: 'tab' })
  expect(`${await entity.start()}`).toBe('ann@localhost/tab')
  const items = await entity.iqCaller.get(
    xml('query', { xmlns: 'http://jabber.org/protocol/disco#items' }),
    'localhost',
  )
  expect(items?.getChild('item')?.attrs.jid).toBe('conference.localhost')
  await entity.stop()
})

test('@xmpp/client is told that a password is wrong', async () => {
  const entity = connect({ username: 'ann', password: 'wrong' })
  await expect(entity.start()).rejects.toMatchObject({ condition: 'not-authorized' })
  await entity.stop()
})
