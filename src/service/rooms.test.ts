import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Element, xml } from '../xmpp/stanza.ts'
import { errorOf, TestClient } from './test-client.ts'
import { createXmppService, type XmppService } from './xmpp-service.ts'

const ROOM = 'space@conference.localhost'
const MUC = 'http://jabber.org/protocol/muc'
const MUC_USER = 'http://jabber.org/protocol/muc#user'
const DISCO_INFO = 'http://jabber.org/protocol/disco#info'

let service: XmppService
let url: string

beforeEach(async () => {
  service = createXmppService({ limits: { rooms: 2, occupants: 3, roomsPerSession: 2 } })
  url = (await service.listen()).url
})
afterEach(async () => {
  await service.close()
  expect(service.bugs).toEqual([])
})

const visitor = () => TestClient.anonymous(url)
const askToJoin = (client: TestClient, nick: string, room = ROOM, ...payload: Element[]) =>
  client.presence({ to: `${room}/${nick}` }, xml('x', { xmlns: MUC }), ...payload)

function statusesOf(presence: Element): string[] {
  return (
    presence
      .getChild('x', MUC_USER)
      ?.getChildren('status')
      .map((it) => it.attrs.code) ?? []
  )
}

async function join(nick: string, room = ROOM): Promise<TestClient> {
  const client = await visitor()
  askToJoin(client, nick, room)
  await client.next((it) => it.attrs.from === `${room}/${nick}` && statusesOf(it).includes('110'))
  await client.next((it) => it.is('message') && it.getChild('subject') !== undefined)
  return client
}

test('Who joins first has made the room', async () => {
  const ann = await visitor()
  askToJoin(ann, 'ann')
  const self = await ann.nextPresence(`${ROOM}/ann`)
  expect(statusesOf(self)).toEqual(['100', '110', '201'])
  expect(self.getChild('x', MUC_USER)?.getChild('item')?.attrs).toEqual({
    affiliation: 'owner',
    role: 'moderator',
    jid: ann.jid,
  })
})

test('A newcomer is shown those who are there, then itself, then the subject', async () => {
  await join('ann')
  await join('bob')
  const eve = await visitor()
  askToJoin(eve, 'eve')
  await eve.settle()
  expect(eve.received.map((it) => it.attrs.from)).toEqual([`${ROOM}/ann`, `${ROOM}/bob`, `${ROOM}/eve`, ROOM])
  expect(eve.received.slice(0, 3).map(statusesOf)).toEqual([[], [], ['100', '110']])
})

test('Occupants see the payload and the real JID of who comes, and not what it says in the name of the room', async () => {
  const ann = await join('ann')
  const bob = await visitor()
  const forged = xml('x', { xmlns: MUC_USER }, xml('item', { affiliation: 'owner', role: 'moderator' }))
  askToJoin(bob, 'bob', ROOM, xml('payload', { xmlns: 'urn:example' }, 'hi'), forged)
  const seen = await ann.nextPresence(`${ROOM}/bob`)
  expect(seen.getChildText('payload', 'urn:example')).toBe('hi')
  expect(seen.getChild('x', MUC)).toBeUndefined()
  expect(seen.getChildren('x', MUC_USER)).toHaveLength(1)
  expect(seen.getChild('x', MUC_USER)?.getChild('item')?.attrs).toEqual({
    affiliation: 'none',
    role: 'participant',
    jid: bob.jid,
  })
})

test('A nick in use is refused', async () => {
  await join('ann')
  const bob = await visitor()
  askToJoin(bob, 'ann')
  expect(errorOf(await bob.nextPresence(`${ROOM}/ann`, 'error'))).toBe('conflict')
})

test('Presence without a nick is refused', async () => {
  const ann = await visitor()
  ann.presence({ to: ROOM }, xml('x', { xmlns: MUC }))
  expect(errorOf(await ann.nextPresence(ROOM, 'error'))).toBe('jid-malformed')
})

test('Who is not inside and does not ask to join is told so', async () => {
  const ann = await visitor()
  ann.presence({ to: `${ROOM}/ann` })
  expect(errorOf(await ann.nextPresence(`${ROOM}/ann`, 'error'))).toBe('item-not-found')
})

test('Changed presence reaches everybody', async () => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  bob.presence({ to: `${ROOM}/bob` }, xml('show', {}, 'away'))
  await ann.next((it) => it.attrs.from === `${ROOM}/bob` && it.getChildText('show') === 'away')
  await bob.next((it) => statusesOf(it).includes('110') && it.getChildText('show') === 'away')
})

test('Who joins again under its nick is shown everything again', async () => {
  await join('ann')
  const bob = await join('bob')
  bob.received.length = 0
  askToJoin(bob, 'bob')
  await bob.settle()
  expect(bob.received.map((it) => it.attrs.from)).toEqual([`${ROOM}/ann`, `${ROOM}/bob`, ROOM])
})

test('Who takes another nick leaves under the old one and comes under the new one', async () => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  bob.presence({ to: `${ROOM}/rob` })
  const gone = await ann.nextPresence(`${ROOM}/bob`, 'unavailable')
  expect(statusesOf(gone)).toEqual(['303'])
  expect(gone.getChild('x', MUC_USER)?.getChild('item')?.attrs.nick).toBe('rob')
  await ann.nextPresence(`${ROOM}/rob`)
})

test.each([
  ['leaves', (client: TestClient) => client.presence({ to: `${ROOM}/bob`, type: 'unavailable' })],
  ['becomes unavailable', (client: TestClient) => client.presence({ type: 'unavailable' })],
  ['loses its socket', (client: TestClient) => client.socket.terminate()],
])('Who %s is gone for the others', async (_how, go) => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  go(bob)
  const seen = await ann.nextPresence(`${ROOM}/bob`, 'unavailable')
  expect(seen.getChild('x', MUC_USER)?.getChild('item')?.attrs.role).toBe('none')
})

test('A room vanishes with its last occupant', async () => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  expect(service.roomCount).toBe(1)
  await ann.close()
  await bob.close()
  await vi.waitFor(() => expect(service.roomCount).toBe(0))
})

test('What is said in a room is heard by everybody inside', async () => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  ann.message({ to: ROOM, type: 'groupchat' }, 'hello')
  for (const client of [ann, bob]) {
    const heard = await client.next((it) => it.name === 'message')
    expect([heard.attrs.from, heard.attrs.type, heard.getChildText('body')]).toEqual([
      `${ROOM}/ann`,
      'groupchat',
      'hello',
    ])
  }
})

test('Who is outside cannot speak in a room', async () => {
  await join('ann')
  const eve = await visitor()
  eve.message({ to: ROOM, type: 'groupchat' }, 'hello')
  expect(errorOf(await eve.next((it) => it.name === 'message'))).toBe('not-acceptable')
})

test('A private message comes from the place in the room', async () => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  ann.message({ to: `${ROOM}/bob`, type: 'chat' }, 'psst')
  expect((await bob.next((it) => it.name === 'message')).attrs.from).toBe(`${ROOM}/ann`)
})

test('A request to an occupant and its answer go between their places in the room', async () => {
  const [ann, bob] = [await join('ann'), await join('bob')]
  const answer = ann.request('get', `${ROOM}/bob`, xml('query', { xmlns: 'urn:example' }))
  const asked = await bob.next((it) => it.name === 'iq')
  expect(asked.attrs.from).toBe(`${ROOM}/ann`)
  bob.send(xml('iq', { xmlns: 'jabber:client', type: 'result', id: asked.attrs.id, to: asked.attrs.from }))
  expect((await answer).attrs.from).toBe(`${ROOM}/bob`)
})

test.each([
  ['an occupant who is gone', 'nobody', true, 'item-not-found'],
  ['an occupant, from outside', 'ann', false, 'not-acceptable'],
])('A request to %s gets an error', async (_whom, nick, inside, condition) => {
  await join('ann')
  const asker = inside ? await join('bob') : await visitor()
  expect(errorOf(await asker.request('get', `${ROOM}/${nick}`, xml('query', { xmlns: 'urn:example' })))).toBe(condition)
})

test('The room answers an occupant who pings itself', async () => {
  const ann = await join('ann')
  expect((await ann.request('get', `${ROOM}/ann`, xml('ping', { xmlns: 'urn:xmpp:ping' }))).attrs.type).toBe('result')
})

test('A room says what it is, and a room that does not exist is not found', async () => {
  const ann = await join('ann')
  const info = await ann.request('get', ROOM, xml('query', { xmlns: DISCO_INFO }))
  const features = info
    .getChild('query')
    ?.getChildren('feature')
    .map((it) => it.attrs.var)
  expect(features).toEqual(expect.arrayContaining([MUC, 'muc_nonanonymous', 'muc_temporary']))
  expect(errorOf(await ann.request('get', 'other@conference.localhost', xml('query', { xmlns: DISCO_INFO })))).toBe(
    'item-not-found',
  )
})

test('Rooms, occupants and rooms of one visitor are limited', async () => {
  const ann = await join('ann', 'a@conference.localhost')
  const refusal = async (client: TestClient, room: string) => {
    askToJoin(client, 'x', room)
    return errorOf(await client.nextPresence(`${room}/x`, 'error'))
  }
  askToJoin(ann, 'ann', 'b@conference.localhost')
  await ann.nextPresence('b@conference.localhost/ann')
  expect(await refusal(await visitor(), 'c@conference.localhost')).toBe('resource-constraint')
  await join('bob', 'a@conference.localhost')
  await join('eve', 'a@conference.localhost')
  expect(await refusal(await visitor(), 'a@conference.localhost')).toBe('service-unavailable')
  expect(await refusal(ann, 'c@conference.localhost')).toBe('resource-constraint')
})
