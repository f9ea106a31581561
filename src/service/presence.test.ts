import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { xml } from '../xmpp/stanza.ts'
import { errorOf, TestClient } from './test-client.ts'
import { createXmppService, type XmppService } from './xmpp-service.ts'

const ROSTER = 'jabber:iq:roster'

let service: XmppService
let url: string

beforeEach(async () => {
  const accounts = ['ann', 'bob', 'eve'].map((username) => ({ username, password: 'secret' }))
  service = createXmppService({ accounts, limits: { directedPresences: 2, rosterItems: 3, presenceBytes: 2_000 } })
  url = (await service.listen()).url
})
afterEach(async () => {
  await service.close()
  expect(service.bugs).toEqual([])
})

const signIn = (username: string, resource?: string) => TestClient.signIn(url, username, 'secret', resource)
const presencesOf = (client: TestClient) => client.received.filter((it) => it.name === 'presence')
const rosterQuery = (...items: ReturnType<typeof xml>[]) => xml('query', { xmlns: ROSTER }, ...items)

async function rosterOf(client: TestClient): Promise<Record<string, string>[]> {
  const reply = await client.request('get', undefined, rosterQuery())
  return (
    reply
      .getChild('query', ROSTER)
      ?.getChildren('item')
      .map((it) => it.attrs) ?? []
  )
}

/** Makes b see a. */
async function befriend(a: TestClient, b: TestClient) {
  b.presence({ to: a.bare, type: 'subscribe' })
  await a.nextPresence(b.bare, 'subscribe')
  a.presence({ to: b.bare, type: 'subscribed' })
  await b.nextPresence(a.bare, 'subscribed')
}

test('Resources of one account see each other, and each sees itself', async () => {
  const [first, second] = [await signIn('ann', '1'), await signIn('ann', '2')]
  first.presence({}, xml('status', {}, 'here'))
  await first.nextPresence(first.jid)
  second.presence()
  await second.nextPresence(second.jid)
  await first.nextPresence(second.jid)
  expect((await second.nextPresence(first.jid)).getChildText('status')).toBe('here')
})

test('Changed presence reaches the others, and does not bring theirs again', async () => {
  const [first, second] = [await signIn('ann'), await signIn('ann')]
  first.presence()
  second.presence()
  await second.nextPresence(first.jid)
  second.presence({}, xml('show', {}, 'away'))
  await first.next((it) => it.attrs.from === second.jid && it.getChildText('show') === 'away')
  await second.settle()
  expect(presencesOf(second).filter((it) => it.attrs.from === first.jid)).toEqual([])
})

test('A resource without presence is told nothing', async () => {
  const [first, second] = [await signIn('ann'), await signIn('ann')]
  first.presence()
  await first.settle()
  await second.settle()
  expect(presencesOf(second)).toEqual([])
})

test.each([
  ['says goodbye', (client: TestClient) => client.presence({ type: 'unavailable' })],
  ['closes its stream', (client: TestClient) => client.send(`<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`)],
  ['loses its socket', (client: TestClient) => client.socket.terminate()],
  ['is cut off by a fault', (client: TestClient) => void expect(service.sever(client.jid)).toBe(true)],
])('A resource that %s is unavailable to its account, its subscribers and those it told directly', async (_how, go) => {
  const [ann, second, bob, eve] = [await signIn('ann'), await signIn('ann'), await signIn('bob'), await signIn('eve')]
  for (const client of [ann, second, bob, eve]) client.presence()
  await ann.settle()
  await bob.settle()
  await befriend(ann, bob)
  await bob.nextPresence(ann.jid)
  ann.presence({ to: eve.jid })
  await eve.nextPresence(ann.jid)
  go(ann)
  await second.nextPresence(ann.jid, 'unavailable')
  await bob.nextPresence(ann.jid, 'unavailable')
  await eve.nextPresence(ann.jid, 'unavailable')
  await bob.settle()
  expect(presencesOf(bob).filter((it) => it.attrs.from === ann.jid)).toEqual([])
})

test('Directed presence reaches a resource that is not available itself', async () => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  ann.presence({ to: bob.jid, from: 'eve@localhost/forged' })
  await bob.nextPresence(ann.jid)
  ann.presence({ to: bob.jid, type: 'unavailable' })
  await bob.nextPresence(ann.jid, 'unavailable')
  await ann.close()
  await vi.waitFor(() => expect(service.connectionCount).toBe(1))
  await bob.settle()
  expect(presencesOf(bob)).toEqual([])
})

test('Directed presence beyond what is remembered is refused', async () => {
  const ann = await signIn('ann')
  for (const name of ['x', 'y', 'z']) ann.presence({ to: `${name}@localhost` })
  expect(errorOf(await ann.nextPresence('z@localhost', 'error'))).toBe('resource-constraint')
})

test('Presence too large to keep is refused', async () => {
  const ann = await signIn('ann')
  ann.presence({}, xml('status', {}, 'x'.repeat(2_000)))
  expect(errorOf(await ann.next((it) => it.attrs.type === 'error'))).toBe('policy-violation')
})

test('A subscription goes from request to approval, and rosters follow', async () => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  ann.presence()
  bob.presence()
  await rosterOf(ann)
  await rosterOf(bob)
  bob.presence({ to: 'ann@localhost', type: 'subscribe' })
  await ann.nextPresence('bob@localhost', 'subscribe')
  expect(await rosterOf(bob)).toEqual([{ jid: 'ann@localhost', subscription: 'none', ask: 'subscribe' }])
  expect(await rosterOf(ann)).toEqual([])
  ann.presence({ to: 'bob@localhost', type: 'subscribed' })
  await bob.nextPresence(ann.jid)
  expect(await rosterOf(bob)).toEqual([{ jid: 'ann@localhost', subscription: 'to' }])
  expect(await rosterOf(ann)).toEqual([{ jid: 'bob@localhost', subscription: 'from' }])
  await befriend(bob, ann)
  await ann.nextPresence(bob.jid)
  expect(await rosterOf(ann)).toEqual([{ jid: 'bob@localhost', subscription: 'both' }])
})

test('Who was away gets the request when it comes, and the presence of its contacts', async () => {
  const bob = await signIn('bob')
  bob.presence({ to: 'ann@localhost', type: 'subscribe' })
  bob.presence()
  await bob.settle()
  const ann = await signIn('ann')
  ann.presence()
  await ann.nextPresence('bob@localhost', 'subscribe')
  ann.presence({ to: 'bob@localhost', type: 'subscribed' })
  await bob.nextPresence(ann.jid)
  const again = await signIn('bob')
  again.presence()
  await again.nextPresence(ann.jid)
})

test('A request arrives with all that it says, at once or when its receiver comes', async () => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  const proof = (value: string) => xml('proof', { xmlns: 'urn:example', value })
  const proofIn = (stanza: ReturnType<typeof xml>) => stanza.getChild('proof', 'urn:example')?.attrs.value
  bob.presence({ to: ann.bare, type: 'subscribe' }, proof('for later'))
  await bob.settle()
  ann.presence()
  const first = await ann.nextPresence(bob.bare, 'subscribe')
  expect([proofIn(first), first.attrs.to]).toEqual(['for later', ann.bare])
  bob.presence({ to: ann.bare, type: 'subscribe' }, proof('at once'))
  expect(proofIn(await ann.next((it) => proofIn(it) === 'at once'))).toBe('at once')
})

test('A denied request leaves no subscription', async () => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  ann.presence()
  bob.presence()
  bob.presence({ to: 'ann@localhost', type: 'subscribe' })
  await ann.nextPresence('bob@localhost', 'subscribe')
  ann.presence({ to: 'bob@localhost', type: 'unsubscribed' })
  await bob.nextPresence('ann@localhost', 'unsubscribed')
  expect(await rosterOf(bob)).toEqual([{ jid: 'ann@localhost', subscription: 'none' }])
})

test.each([
  [
    'the subscriber unsubscribes',
    (_ann: TestClient, bob: TestClient) => bob.presence({ to: 'ann@localhost', type: 'unsubscribe' }),
  ],
  ['the contact cancels', (ann: TestClient) => ann.presence({ to: 'bob@localhost', type: 'unsubscribed' })],
])('Once %s, presence is no longer seen', async (_who, end) => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  ann.presence()
  bob.presence()
  await ann.settle()
  await befriend(ann, bob)
  await bob.nextPresence(ann.jid)
  end(ann, bob)
  await bob.nextPresence(ann.jid, 'unavailable')
  ann.presence({}, xml('show', {}, 'away'))
  await ann.settle()
  await bob.settle()
  expect(presencesOf(bob).filter((it) => it.attrs.from === ann.jid)).toEqual([])
  expect((await rosterOf(ann))[0]?.subscription).toBe('none')
  expect((await rosterOf(bob))[0]?.subscription).toBe('none')
})

test('Removing a contact ends both subscriptions', async () => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  ann.presence()
  bob.presence()
  await ann.settle()
  await befriend(ann, bob)
  await befriend(bob, ann)
  await ann.request('set', undefined, rosterQuery(xml('item', { jid: 'bob@localhost', subscription: 'remove' })))
  await bob.nextPresence(ann.jid, 'unavailable')
  expect(await rosterOf(ann)).toEqual([])
  expect(await rosterOf(bob)).toEqual([{ jid: 'ann@localhost', subscription: 'none' }])
})

test('Nobody inherits the subscriptions of a removed account with its name', async () => {
  const [ann, bob] = [await signIn('ann'), await signIn('bob')]
  ann.presence()
  bob.presence()
  await ann.settle()
  await befriend(ann, bob)
  await ann.request('set', undefined, xml('query', { xmlns: 'jabber:iq:register' }, xml('remove')))
  await bob.nextPresence(ann.jid, 'unavailable')
  expect(await rosterOf(bob)).toEqual([{ jid: 'ann@localhost', subscription: 'none' }])
})

test('A roster change is pushed to each resource that asked for the roster', async () => {
  const [first, second] = [await signIn('ann'), await signIn('ann')]
  await rosterOf(second)
  const item = xml('item', { jid: 'bob@localhost', name: 'Bob' }, xml('group', {}, 'Friends'))
  expect((await first.request('set', undefined, rosterQuery(item))).attrs.type).toBe('result')
  const push = await second.next((it) => it.name === 'iq' && it.attrs.type === 'set')
  const pushed = push.getChild('query', ROSTER)?.getChild('item')
  expect(pushed?.attrs).toEqual({ jid: 'bob@localhost', name: 'Bob', subscription: 'none' })
  expect(pushed?.getChildText('group')).toBe('Friends')
})

test('A roster grows no further than its limit', async () => {
  const ann = await signIn('ann')
  const replies = ['a', 'b', 'c', 'd'].map((name) =>
    ann.request('set', undefined, rosterQuery(xml('item', { jid: `${name}@localhost` }))),
  )
  expect((await Promise.all(replies)).map(errorOf)).toEqual([undefined, undefined, undefined, 'resource-constraint'])
})
