import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RawData, WebSocket } from 'ws'
import { xml } from '../xmpp/stanza.ts'
import { errorOf, TestClient } from './test-client.ts'
import { createXmppService, type XmppService, type XmppServiceOptions } from './xmpp-service.ts'

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const REGISTER = 'jabber:iq:register'

let service: XmppService
let url: string

async function start(options: XmppServiceOptions = {}) {
  await service?.close()
  service = createXmppService({ accounts: [{ username: 'ann', password: 'secret' }], ...options })
  url = (await service.listen()).url
}

beforeEach(() => start())
afterEach(async () => {
  await service.close()
  expect(service.bugs).toEqual([])
})

async function opened(): Promise<TestClient> {
  const client = await TestClient.connect(url)
  await client.open()
  return client
}

function auth(mechanism: string, text = '') {
  return xml('auth', { xmlns: SASL, mechanism }, text)
}

function register(username: string, password: string) {
  return xml('query', { xmlns: REGISTER }, xml('username', {}, username), xml('password', {}, password))
}

test('Features offer both mechanisms and registration', async () => {
  const features = await (await TestClient.connect(url)).open()
  const offered = features.getChild('mechanisms', SASL)?.getChildren('mechanism')
  expect(offered?.map((it) => it.getText())).toEqual(['ANONYMOUS', 'PLAIN'])
  expect(features.getChild('register', 'http://jabber.org/features/iq-register')).toBeDefined()
})

test('What is switched off is neither offered nor done', async () => {
  await start({ anonymous: false, registration: false })
  const client = await TestClient.connect(url)
  const features = await client.open()
  expect(features.getChild('mechanisms')?.getChildren('mechanism')).toHaveLength(1)
  expect(features.getChild('register')).toBeUndefined()
  expect(errorOf(await client.request('set', undefined, register('bob', 'x')))).toBe('not-allowed')
  client.send(auth('ANONYMOUS'))
  expect((await client.next((it) => it.is('failure'))).getChild('invalid-mechanism')).toBeDefined()
})

test('An anonymous visitor gets a name nobody else has', async () => {
  const [a, b] = [await TestClient.anonymous(url), await TestClient.anonymous(url)]
  expect(a.jid).toMatch(/^[0-9a-f]{32}@localhost\/.+/)
  expect(a.bare).not.toBe(b.bare)
})

test('PLAIN lets an account in under the resource it asks for', async () => {
  expect((await TestClient.signIn(url, 'ann', 'secret', 'tab')).jid).toBe('ann@localhost/tab')
})

test('PLAIN without an initial response is asked for it', async () => {
  const client = await opened()
  client.send(auth('PLAIN'))
  await client.next((it) => it.is('challenge', SASL))
  client.send(xml('response', { xmlns: SASL }, btoa('\0ann\0secret')))
  await client.next((it) => it.is('success', SASL))
})

test.each([
  ['a wrong password', 'PLAIN', btoa('\0ann\0wrong'), 'not-authorized'],
  ['an unknown account', 'PLAIN', btoa('\0eve\0secret'), 'not-authorized'],
  ['too few parts', 'PLAIN', btoa('ann'), 'malformed-request'],
  ['what is no UTF-8', 'PLAIN', btoa('\0ann\0\xff'), 'malformed-request'],
  ['what is no base64', 'PLAIN', '!!', 'incorrect-encoding'],
  ['somebody else to be', 'PLAIN', btoa('bob\0ann\0secret'), 'invalid-authzid'],
  ['an unknown mechanism', 'SCRAM-SHA-1', '', 'invalid-mechanism'],
])('Signing in with %s fails', async (_what, mechanism, text, condition) => {
  const client = await opened()
  client.send(auth(mechanism, text))
  expect((await client.next((it) => it.is('failure', SASL))).getChild(condition)).toBeDefined()
  expect((await client.plain('ann', 'secret')).name).toBe('success')
})

test('Guessing passwords ends the stream', async () => {
  const client = await opened()
  for (let attempt = 0; attempt < 5; attempt++) await client.plain('ann', 'wrong')
  expect((await client.next((it) => it.is('error'))).getChild('policy-violation')).toBeDefined()
  await client.closed
})

test('A registered account can sign in', async () => {
  const client = await opened()
  const form = await client.request('get', undefined, xml('query', { xmlns: REGISTER }))
  expect(form.getChild('query', REGISTER)?.getChild('username')).toBeDefined()
  expect((await client.request('set', undefined, register('Bob', 'hidden'))).attrs.type).toBe('result')
  expect((await client.plain('bob', 'hidden')).name).toBe('success')
})

test.each([
  ['a name in use', 'ANN', 'x', 'conflict'],
  ['no name', '', 'x', 'not-acceptable'],
  ['no password', 'bob', '', 'not-acceptable'],
  ['a name that is none', 'b@b', 'x', 'not-acceptable'],
])('Registration with %s is refused', async (_what, username, password, condition) => {
  expect(errorOf(await (await opened()).request('set', undefined, register(username, password)))).toBe(condition)
})

test('No more accounts are made than the limit allows', async () => {
  await start({ limits: { accounts: 2 } })
  const client = await opened()
  expect((await client.request('set', undefined, register('bob', 'x'))).attrs.type).toBe('result')
  expect(errorOf(await client.request('set', undefined, register('carol', 'x')))).toBe('resource-constraint')
  client.send(auth('ANONYMOUS'))
  expect((await client.next((it) => it.is('failure'))).getChild('temporary-auth-failure')).toBeDefined()
})

test('An account that is removed is signed out and cannot sign in', async () => {
  const client = await TestClient.signIn(url, 'ann', 'secret')
  const reply = await client.request('set', undefined, xml('query', { xmlns: REGISTER }, xml('remove')))
  expect(reply.attrs.type).toBe('result')
  expect((await client.next((it) => it.is('error'))).getChild('not-authorized')).toBeDefined()
  expect((await (await opened()).plain('ann', 'secret')).name).toBe('failure')
})

test('A changed password is the one that counts', async () => {
  const client = await TestClient.signIn(url, 'ann', 'secret')
  expect((await client.request('set', undefined, register('ann', 'other'))).attrs.type).toBe('result')
  expect((await (await opened()).plain('ann', 'secret')).name).toBe('failure')
  expect((await (await opened()).plain('ann', 'other')).name).toBe('success')
})

test('A resource in use is not taken away: the newcomer gets another one', async () => {
  const first = await TestClient.signIn(url, 'ann', 'secret', 'tab')
  const second = await TestClient.signIn(url, 'ann', 'secret', 'tab')
  expect(second.jid).toMatch(/^ann@localhost\/tab-.+/)
  await first.settle()
})

test('No more resources are bound than the limit allows', async () => {
  await start({ limits: { resourcesPerAccount: 1 } })
  await TestClient.signIn(url, 'ann', 'secret')
  const client = await opened()
  await client.plain('ann', 'secret')
  await client.open()
  const reply = await client.request('set', undefined, xml('bind', { xmlns: 'urn:ietf:params:xml:ns:xmpp-bind' }))
  expect(errorOf(reply)).toBe('resource-constraint')
})

test('The session request of old clients is answered', async () => {
  const client = await TestClient.anonymous(url)
  const session = xml('session', { xmlns: 'urn:ietf:params:xml:ns:xmpp-session' })
  expect((await client.request('set', undefined, session)).attrs.type).toBe('result')
})

test('A close is answered by a close', async () => {
  const client = await TestClient.anonymous(url)
  client.send(`<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`)
  await client.next((it) => it.is('close'))
  expect(await client.closed).toBe(1000)
})

test.each([
  ['broken XML', '<message', 'not-well-formed'],
  ['a stanza without namespace', '<message/>', 'invalid-namespace'],
  ['an unknown stanza', `<letter xmlns='jabber:client'/>`, 'unsupported-stanza-type'],
  ['a prefixed stanza', `<c:message xmlns:c='jabber:client'/>`, 'bad-namespace-prefix'],
  ['a stanza too large', `<message xmlns='jabber:client'>${'x'.repeat(262_144)}</message>`, 'policy-violation'],
])('After signing in, %s ends the stream', async (_what, frame, condition) => {
  const client = await TestClient.anonymous(url)
  client.send(frame)
  expect((await client.next((it) => it.is('error'))).getChild(condition)).toBeDefined()
  await client.closed
})

test.each([
  [
    'another host',
    `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='example.org' version='1.0'/>`,
    'host-unknown',
  ],
  ['something else than open', `<message xmlns='jabber:client'/>`, 'bad-format'],
])('A stream that begins with %s gets an open and the error', async (_what, frame, condition) => {
  const client = await TestClient.connect(url)
  client.send(frame)
  await client.next((it) => it.is('open'))
  expect((await client.next((it) => it.is('error'))).getChild(condition)).toBeDefined()
})

test('A stanza before signing in ends the stream', async () => {
  const client = await opened()
  client.message({ to: 'ann@localhost' }, 'hello')
  expect((await client.next((it) => it.is('error'))).getChild('not-authorized')).toBeDefined()
})

test('A stanza before binding ends the stream', async () => {
  const client = await opened()
  await client.plain('ann', 'secret')
  await client.open()
  client.presence()
  expect((await client.next((it) => it.is('error'))).getChild('not-authorized')).toBeDefined()
})

test('Who does not sign in is sent away', async () => {
  await start({ limits: { unauthenticatedMs: 1 } })
  const client = await TestClient.connect(url)
  expect((await client.next((it) => it.is('error'))).getChild('connection-timeout')).toBeDefined()
  await client.closed
})

test('A socket that does not offer the xmpp protocol is refused', async () => {
  const refusal = await new Promise((resolve) => new WebSocket(url).once('error', resolve))
  expect(`${refusal}`).toContain('400')
})

test('No more connections are taken than the limit allows', async () => {
  await start({ limits: { connections: 1 } })
  await TestClient.connect(url)
  await expect(TestClient.connect(url)).rejects.toThrow('503')
})

test('An anonymous account is gone with its stream', async () => {
  await start({ limits: { accounts: 2 } })
  await (await TestClient.anonymous(url)).close()
  await vi.waitFor(async () => expect((await TestClient.anonymous(url)).jid).not.toBe(''))
})

test('Closing the service ends every stream and frees the port', async () => {
  const client = await TestClient.anonymous(url)
  await service.close()
  expect((await client.next((it) => it.is('error'))).getChild('system-shutdown')).toBeDefined()
  await client.closed
  expect(service.connectionCount).toBe(0)
  await expect(TestClient.connect(url)).rejects.toThrow('ECONNREFUSED')
})

test('Whatever strangers and members send, others are served', async () => {
  const good = await TestClient.anonymous(url)
  good.presence()
  const address = fc.constantFrom(
    '',
    'localhost',
    'ann@localhost',
    good.jid,
    'r@conference.localhost/n',
    'r@conference.localhost',
    'x@y/z',
    '@',
    '/',
  )
  const name = fc.constantFrom('iq', 'message', 'presence', 'open', 'close', 'auth', 'response', 'a:b')
  const type = fc.constantFrom(
    'get',
    'set',
    'result',
    'error',
    'subscribe',
    'subscribed',
    'unsubscribe',
    'unsubscribed',
    'unavailable',
    'groupchat',
    '__proto__',
  )
  const xmlns = fc.constantFrom(
    'jabber:client',
    REGISTER,
    'jabber:iq:roster',
    SASL,
    'urn:ietf:params:xml:ns:xmpp-framing',
    'http://jabber.org/protocol/muc',
    'http://jabber.org/protocol/muc#owner',
    'urn:xmpp:extdisco:2',
  )
  const child = fc.record({
    name: fc.constantFrom('query', 'x', 'item', 'ping', 'services', 'credentials'),
    xmlns,
    text: fc.string(),
  })
  const stanza = fc
    .record({ name, type, to: address, xmlns, children: fc.array(child, { maxLength: 2 }), id: fc.string() })
    .map((it) => {
      const children = it.children.map((c) => xml(c.name, { xmlns: c.xmlns }, xml('item', { jid: c.text }), c.text))
      const attrs = { xmlns: it.xmlns, ...(it.to && { to: it.to }), type: it.type, id: it.id }
      return xml(it.name, attrs, ...children).toString()
    })
  const frame: fc.Arbitrary<string | Uint8Array> = fc.oneof(
    { weight: 6, arbitrary: stanza },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    { weight: 1, arbitrary: fc.uint8Array() },
  )
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(frame, { maxLength: 20 }), async (member, frames) => {
      const hostile = member ? await TestClient.anonymous(url) : await opened()
      for (const it of frames) hostile.socket.send(it as RawData)
      hostile.socket.close()
      await hostile.closed
      await good.settle()
      expect(service.bugs).toEqual([])
    }),
    { numRuns: 60 },
  )
})
