/**
 * Do accounts of two servers meet? As contacts, and by an invitation that makes contacts of them: on a Prosody and an
 * ejabberd that federate, each as either side. Neither has rooms, so that nothing but presence can show anybody.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { join } from '../src/peer/join.ts'
import type { Invitation, Ring } from '../src/peer/ring.ts'
import type { Storage } from '../src/ports.ts'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { XmppSession } from '../src/xmpp/session.ts'
import { type Element, xml } from '../src/xmpp/stanza.ts'
import { type Account, makeAccount } from './account.ts'
import { type Federation, startFederation } from './federation.ts'
import type { FederatedServer } from './xmpp-server.ts'

const SETUP_TIMEOUT_MS = 60_000
const PATIENCE = { timeout: 15_000, interval: 20 }
const PAIRS: [here: 'prosody' | 'ejabberd', there: 'prosody' | 'ejabberd'][] = [
  ['prosody', 'ejabberd'],
  ['ejabberd', 'prosody'],
]

let federation: Federation
let namespaces = 0
const rings: Ring[] = []
const sessions: XmppSession[] = []

beforeAll(async () => {
  installNodeWebSocket()
  federation = await startFederation()
}, SETUP_TIMEOUT_MS)
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  await Promise.all(sessions.splice(0).map((session) => session.stop()))
})
afterAll(() => federation.stop(), SETUP_TIMEOUT_MS)

/** Somebody with an account, who can be in the space more than once, one time after the other. */
class Person {
  readonly server: FederatedServer
  readonly account: Account
  readonly storage: Storage = memoryStorage()

  private constructor(server: FederatedServer, account: Account) {
    this.server = server
    this.account = account
  }

  static async at(server: FederatedServer): Promise<Person> {
    return new Person(server, await makeAccount(server))
  }

  async enter(namespace: string, invitation?: Invitation): Promise<Ring> {
    const { service, domain } = this.server
    const ring = await join({
      namespace,
      xmpp: { service, domain, ...this.account },
      storage: this.storage,
      ...(invitation ? { invitation } : {}),
    })
    rings.push(ring)
    return ring
  }

  /** Signs in with another client than ours; resolves to what it has been told. */
  async elsewhere(): Promise<{ session: XmppSession; heard: Element[] }> {
    const { service, domain } = this.server
    const session = new XmppSession({
      service,
      domain,
      ...this.account,
      resource: 'elsewhere',
      storage: memoryStorage(),
      random: Math.random,
    })
    sessions.push(session)
    const heard: Element[] = []
    session.onPresence((presence) => heard.push(presence))
    await session.start()
    session.send(xml('presence'))
    return { session, heard }
  }
}

async function twoAt([here, there]: (typeof PAIRS)[number]): Promise<[Person, Person, namespace: string]> {
  const people = await Promise.all([Person.at(federation[here]), Person.at(federation[there])])
  return [...people, `federated/${++namespaces}`]
}

async function expectToBeLinked(...pair: [Ring, Ring]): Promise<void> {
  await vi.waitFor(() => {
    for (const ring of pair) expect([ring.state, ring.peers.size]).toEqual(['connected', 1])
  }, PATIENCE)
  const [first, second] = pair
  const heard: string[] = []
  second.on('message', ({ data }) => heard.push(new TextDecoder().decode(data)))
  await first.send(second.address, new TextEncoder().encode('across servers'))
  await vi.waitFor(() => expect(heard).toEqual(['across servers']), PATIENCE)
}

/** What the account's roster says of the other. */
async function subscriptionOf(person: Person, other: Person): Promise<string | undefined> {
  const { session } = await person.elsewhere()
  const roster = await session.request({ type: 'get', child: xml('query', { xmlns: 'jabber:iq:roster' }) })
  await session.stop()
  const item = roster?.getChildren('item').find(({ attrs }) => attrs.jid === other.account.jid)
  return item?.attrs.subscription
}

async function befriend(one: Person, other: Person): Promise<void> {
  const clients = [await one.elsewhere(), await other.elsewhere()] as const
  const accounts = [one.account, other.account] as const
  for (const [mine, theirs] of [
    [0, 1],
    [1, 0],
  ] as const) {
    clients[mine].session.send(xml('presence', { type: 'subscribe', to: accounts[theirs].jid }))
    const asks = (presence: Element) => presence.attrs.type === 'subscribe'
    await vi.waitFor(() => expect(clients[theirs].heard.some(asks)).toBe(true), PATIENCE)
    clients[theirs].session.send(xml('presence', { type: 'subscribed', to: accounts[mine].jid }))
    const shows = ({ attrs }: Element) => attrs.from?.startsWith(`${accounts[theirs].jid}/`) && !attrs.type
    await vi.waitFor(() => expect(clients[mine].heard.some(shows)).toBe(true), PATIENCE)
  }
  for (const { session } of clients) await session.stop()
}

describe.each(PAIRS)('%s and %s', (...pair) => {
  test('contacts at both meet by their presence, and see each other go', async () => {
    const [one, other, namespace] = await twoAt(pair)
    await befriend(one, other)
    const first = await one.enter(namespace)
    const second = await other.enter(namespace)
    await expectToBeLinked(first, second)
    await second.leave()
    await vi.waitFor(() => expect(first.state).toBe('alone'), PATIENCE)
  })

  test('who are no contacts do not meet', async () => {
    const [one, other, namespace] = await twoAt(pair)
    const [friend] = await twoAt(pair)
    await befriend(one, friend)
    const [first, stranger] = [await one.enter(namespace), await other.enter(namespace)]
    await expectToBeLinked(first, await friend.enter(namespace))
    expect(stranger.state).toBe('alone')
  })

  test('an invitation makes contacts of two, who meet, and meet again without it', async () => {
    const [inviter, newcomer, namespace] = await twoAt(pair)
    const first = await inviter.enter(namespace)
    const second = await newcomer.enter(namespace, await first.invite())
    await expectToBeLinked(first, second)
    expect([await subscriptionOf(inviter, newcomer), await subscriptionOf(newcomer, inviter)]).toEqual(['both', 'both'])
    await Promise.all([first.leave(), second.leave()])
    await expectToBeLinked(await newcomer.enter(namespace), await inviter.enter(namespace))
  })

  test('who only pretends to be invited is neither accepted nor refused', async () => {
    const [inviter, eve, namespace] = await twoAt(pair)
    const first = await inviter.enter(namespace)
    const invitation = (await first.invite()) as Invitation
    const second = await eve.enter(namespace, { ...invitation, token: 'guess' })
    await vi.waitFor(() => expect(first.snapshot().counters['invitation: bad-proof']).toBe(1), PATIENCE)
    expect([first.state, second.state]).toEqual(['alone', 'alone'])
    const { heard } = await inviter.elsewhere()
    // Another client is shown the request that was left to it.
    await vi.waitFor(
      () => expect(heard.some(({ attrs }) => attrs.type === 'subscribe' && attrs.from === eve.account.jid)).toBe(true),
      PATIENCE,
    )
  })

  test('an inviter who was away answers when both have come back', async () => {
    const [inviter, newcomer, namespace] = await twoAt(pair)
    const before = await inviter.enter(namespace)
    const invitation = await before.invite()
    await before.leave()
    const waiting = await newcomer.enter(namespace, invitation)
    await waiting.leave()
    const first = await inviter.enter(namespace)
    // Its link names the newcomer by now, so that nothing but its storage knows who has invited it.
    const second = await newcomer.enter(namespace)
    await expectToBeLinked(first, second)
  })
})

test('Prosody hands a request with its proof on to an inviter who was away', async () => {
  const [newcomer, inviter, namespace] = await twoAt(['ejabberd', 'prosody'])
  const before = await inviter.enter(namespace)
  const invitation = await before.invite()
  await before.leave()
  const second = await newcomer.enter(namespace, invitation)
  await expectToBeLinked(await inviter.enter(namespace), second)
})
