import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { xml } from '../xmpp/stanza.ts'
import { errorOf, TestClient } from './test-client.ts'
import { createXmppService, type XmppService } from './xmpp-service.ts'

const DISCO_INFO = 'http://jabber.org/protocol/disco#info'
const DISCO_ITEMS = 'http://jabber.org/protocol/disco#items'
const EXTDISCO = 'urn:xmpp:extdisco:2'
const QUESTION = xml('query', { xmlns: 'urn:example' })

let service: XmppService
let url: string
let ann: TestClient
let bob: TestClient

beforeEach(async () => {
  service = createXmppService({
    accounts: ['ann', 'bob'].map((username) => ({ username, password: 'secret' })),
    externalServices: [
      { type: 'stun', host: 'stun.example', port: 3478, transport: 'udp' },
      { type: 'turn', host: 'turn.example', port: 3478, transport: 'tcp', username: 'u', password: 'p' },
    ],
  })
  url = (await service.listen()).url
  ann = await TestClient.signIn(url, 'ann', 'secret')
  bob = await TestClient.signIn(url, 'bob', 'secret')
})
afterEach(async () => {
  await service.close()
  expect(service.bugs).toEqual([])
})

test('A request to a full JID and its answer arrive, with the true sender', async () => {
  const answer = ann.request('get', bob.jid, QUESTION)
  const asked = await bob.next((it) => it.name === 'iq')
  expect(asked.attrs.from).toBe(ann.jid)
  const lie = { xmlns: 'jabber:client', type: 'result', id: asked.attrs.id, to: ann.jid, from: 'localhost' }
  bob.send(xml('iq', lie, xml('answer', { xmlns: 'urn:example' })))
  expect((await answer).attrs.from).toBe(bob.jid)
  expect((await answer).getChild('answer', 'urn:example')).toBeDefined()
})

test('A stanza of 200 000 bytes is delivered whole', async () => {
  const body = 'x'.repeat(200_000)
  ann.message({ to: bob.jid }, body)
  expect((await bob.next((it) => it.name === 'message')).getChildText('body')).toBe(body)
})

test('A request to a resource that is gone gets an error', async () => {
  await bob.close()
  await vi.waitFor(() => expect(service.connectionCount).toBe(1))
  expect(errorOf(await ann.request('get', bob.jid, QUESTION))).toBe('service-unavailable')
})

test.each([
  ['an unknown account', 'nobody@localhost/x', 'service-unavailable'],
  ['another account', 'bob@localhost', 'service-unavailable'],
  ['the domain, of an unknown kind', 'localhost', 'service-unavailable'],
  ['another domain', 'bob@example.org/x', 'remote-server-not-found'],
  ['what is no JID', 'a b@localhost', 'jid-malformed'],
])('A request to %s gets an error', async (_whom, to, condition) => {
  expect(errorOf(await ann.request('get', to, QUESTION))).toBe(condition)
})

test.each([
  ['without a child', `<iq xmlns='jabber:client' type='get' id='1'/>`],
  ['with two children', `<iq xmlns='jabber:client' type='get' id='1'><a/><b/></iq>`],
  ['of an unknown type', `<iq xmlns='jabber:client' type='got' id='1'><a/></iq>`],
  ['without an id', `<iq xmlns='jabber:client' type='get'><a/></iq>`],
])('An IQ %s is a bad request', async (_what, iq) => {
  ann.send(iq)
  expect(errorOf(await ann.next((it) => it.name === 'iq'))).toBe('bad-request')
})

test('An error is never answered by an error', async () => {
  for (const name of ['iq', 'message', 'presence']) {
    ann.send(xml(name, { xmlns: 'jabber:client', type: 'error', id: '1', to: 'nobody@localhost/x' }, xml('error')))
    ann.send(xml(name, { xmlns: 'jabber:client', type: 'error', id: '1', to: 'nobody@example.org' }, xml('error')))
  }
  ann.received.length = 0
  await ann.settle()
  expect(ann.received).toEqual([])
})

test('A message to a full JID arrives there', async () => {
  ann.message({ to: bob.jid }, 'hello')
  const message = await bob.next((it) => it.name === 'message')
  expect([message.attrs.from, message.getChildText('body')]).toEqual([ann.jid, 'hello'])
})

test('A message to an account arrives at each available resource that wants messages', async () => {
  const shy = await TestClient.signIn(url, 'bob', 'secret')
  shy.presence({}, xml('priority', {}, '-1'))
  bob.presence()
  await Promise.all([shy.settle(), bob.settle()])
  ann.message({ to: 'bob@localhost' }, 'hello')
  await bob.next((it) => it.name === 'message')
  await shy.settle()
  expect(shy.received.filter((it) => it.name === 'message')).toEqual([])
})

test('A message that nobody can get comes back', async () => {
  ann.message({ to: 'bob@localhost' }, 'hello')
  expect(errorOf(await ann.next((it) => it.name === 'message'))).toBe('service-unavailable')
})

test('A ping to the domain and to the own account is answered', async () => {
  const ping = xml('ping', { xmlns: 'urn:xmpp:ping' })
  expect((await ann.request('get', 'localhost', ping)).attrs.type).toBe('result')
  expect((await ann.request('get', undefined, ping)).attrs.type).toBe('result')
})

test('The domain says what it is and where rooms are', async () => {
  const info = (await ann.request('get', 'localhost', xml('query', { xmlns: DISCO_INFO }))).getChild(
    'query',
    DISCO_INFO,
  )
  expect(info?.getChild('identity')?.attrs.category).toBe('server')
  expect(info?.getChildren('feature').map((it) => it.attrs.var)).toContain(EXTDISCO)
  const items = await ann.request('get', 'localhost', xml('query', { xmlns: DISCO_ITEMS }))
  const [rooms] = items.getChild('query', DISCO_ITEMS)?.getChildren('item') ?? []
  const about = await ann.request('get', rooms?.attrs.jid, xml('query', { xmlns: DISCO_INFO }))
  expect(about.getChild('query')?.getChild('identity')?.attrs.category).toBe('conference')
  expect(
    about
      .getChild('query')
      ?.getChildren('feature')
      .map((it) => it.attrs.var),
  ).toContain('http://jabber.org/protocol/muc')
})

test('An account says whether it is registered', async () => {
  const typeOf = async (client: TestClient) =>
    (await client.request('get', client.bare, xml('query', { xmlns: DISCO_INFO })))
      .getChild('query')
      ?.getChild('identity')?.attrs.type
  expect(await typeOf(ann)).toBe('registered')
  expect(await typeOf(await TestClient.anonymous(url))).toBe('anonymous')
})

test('The domain tells of STUN and TURN services', async () => {
  const reply = await ann.request('get', 'localhost', xml('services', { xmlns: EXTDISCO }))
  expect(
    reply
      .getChild('services', EXTDISCO)
      ?.getChildren('service')
      .map((it) => it.attrs),
  ).toEqual([
    { type: 'stun', host: 'stun.example', port: '3478', transport: 'udp' },
    {
      type: 'turn',
      host: 'turn.example',
      port: '3478',
      transport: 'tcp',
      username: 'u',
      password: 'p',
      restricted: '1',
    },
  ])
})

test('Services of one type and the credentials of one service can be asked for', async () => {
  const turn = await ann.request('get', 'localhost', xml('services', { xmlns: EXTDISCO, type: 'turn' }))
  expect(
    turn
      .getChild('services')
      ?.getChildren('service')
      .map((it) => it.attrs.host),
  ).toEqual(['turn.example'])
  const credentials = (host: string) =>
    ann.request('get', 'localhost', xml('credentials', { xmlns: EXTDISCO }, xml('service', { type: 'turn', host })))
  expect((await credentials('turn.example')).getChild('credentials')?.getChild('service')?.attrs.password).toBe('p')
  expect(errorOf(await credentials('other.example'))).toBe('item-not-found')
})
