/**
 * Who learns the space's name, its secret, or a password? Nobody whom it is not meant for: recognisable ones are given to
 * peers, and then looked for, as they are and as they are usually written otherwise, in all that leaves a peer.
 */
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Storage } from '../ports.ts'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { type JoinOptions, join } from './join.ts'
import type { Ring } from './ring.ts'

const NAME = 'Zeppelin hangar/1'
const SECRET = 'Quetzalcoatl&42'
const PASSWORD = 'Xylophone <3 7'
const WRONG = 'Kaleidoscope 9'
const USER = 'ann'
const CONSOLE = ['log', 'info', 'warn', 'error', 'debug'] as const
const PATIENCE = { timeout: 10_000 }

let service: XmppService
let url: string
let wire: string[]
let printed: string[]
let stored: string[]
const rings: Ring[] = []

beforeAll(async () => {
  service = createXmppService({ accounts: [{ username: USER, password: PASSWORD }] })
  url = (await service.listen()).url
})
beforeEach(() => {
  wire = []
  printed = []
  stored = []
  installNodeWebSocket()
  listenIn()
  for (const method of CONSOLE)
    vi.spyOn(console, method).mockImplementation((...args) => void printed.push(inspect(args)))
})
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  vi.restoreAllMocks()
  installNodeWebSocket()
})
afterAll(() => service.close())

test.each([
  ['strangers', {}],
  ['an account', { jid: `${USER}@localhost`, password: PASSWORD }],
])('name and secret stay in the pages of %s that meet and talk', async (_who, account) => {
  const [first, second] = await two({ namespace: NAME, secret: SECRET, xmpp: { service: url, ...account } })
  const heard: unknown[] = []
  second.on('message', ({ data }) => heard.push(data))
  await first.send(second.address, new TextEncoder().encode('Good evening'))
  const invitation = await first.invite()
  const snapshots = [first, second].map((ring) => ring.snapshot())
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  expect(heard).toHaveLength(1)
  expect(wire.length).toBeGreaterThan(20)
  // The name is what a snapshot says of the space, to whoever is in the page anyway; nothing else of it does.
  expect(snapshots.map(({ namespace }) => namespace)).toEqual([NAME, NAME])
  const shown = snapshots.map((snapshot) => JSON.stringify({ ...snapshot, namespace: undefined }))
  const token = invitation?.token ?? 'no token'
  for (const text of [...wire, ...printed, ...shown]) expect(secretsIn(text, [NAME, SECRET, token])).toEqual([])
  for (const text of [...shown, ...printed, ...stored]) expect(secretsIn(text, [SECRET, PASSWORD])).toEqual([])
})

test('a password is said to nobody but the service that asks who we are, and is not stored', async () => {
  await two({ namespace: NAME, secret: SECRET, xmpp: { service: url, jid: `${USER}@localhost`, password: PASSWORD } })
  const saying = wire.filter((text) => secretsIn(text, [PASSWORD]).length > 0)
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  // The embedded service knows no SCRAM; PLAIN is what this machine's own may get.
  expect(saying).toHaveLength(2)
  for (const text of saying) expect(text).toMatch(/^<(auth|authenticate) [^>]*mechanism="PLAIN"/)
  for (const text of wire) expect(text).not.toContain(PASSWORD)
  expect(stored.length).toBeGreaterThan(0)
  for (const text of stored) expect(secretsIn(text, [PASSWORD, SECRET, NAME])).toEqual([])
})

test.each([
  ['a wrong password', { service: 'HERE', jid: `${USER}@localhost`, password: WRONG }],
  ['a service that does not answer', { service: 'ws://127.0.0.1:9/', jid: `${USER}@localhost`, password: WRONG }],
  ['a service that is none', { service: 'no service', jid: `${USER}@localhost`, password: WRONG }],
  ['a service without encryption', { service: 'ws://192.0.2.1/', jid: `${USER}@localhost`, password: WRONG }],
  ['a password in the address', { service: `wss://${USER}:${encodeURIComponent(WRONG)}@localhost:9/` }],
  ['a password in an address that is none', { service: `https://${USER}:${encodeURIComponent(WRONG)}@localhost:9/` }],
])('the error for %s tells neither name, secret nor password', async (_what, xmpp) => {
  const service = xmpp.service.replace('HERE', url)
  const joining = two({ namespace: NAME, secret: SECRET, xmpp: { ...xmpp, service } })
  const error = await joining.then(
    () => undefined,
    (error: Error) => error,
  )
  expect(error).toBeInstanceOf(Error)
  for (const text of [inspect(error, { depth: 9 }), `${error}`, ...printed]) {
    expect(secretsIn(text, [NAME, SECRET, WRONG])).toEqual([])
  }
})

test('a name that cannot be used is not repeated in the error', async () => {
  const namespace = NAME.repeat(100)
  const error = await join({ namespace, secret: SECRET }).then(
    () => undefined,
    (error: Error) => error,
  )
  expect(error).toBeInstanceOf(Error)
  expect(secretsIn(inspect(error), [NAME, SECRET])).toEqual([])
})

test('what is looked for would be found', () => {
  const all = [SECRET, btoa(SECRET), encodeURIComponent(SECRET), `x${btoa(`ab${SECRET}`)}`, 'Quetzalcoatl&amp;42']
  for (const text of all) expect(secretsIn(`<a>${text}</a>`, [SECRET])).toEqual([SECRET])
  expect(secretsIn(btoa(`\0${USER}\0${PASSWORD}`), [PASSWORD])).toEqual([PASSWORD])
  expect(secretsIn('<a>nothing</a>', [SECRET])).toEqual([])
})

async function two(options: JoinOptions): Promise<[Ring, Ring]> {
  const joined = async () => {
    const ring = await join({ storage: noting(memoryStorage()), ...options })
    rings.push(ring)
    return ring
  }
  const both: [Ring, Ring] = [await joined(), await joined()]
  await vi.waitFor(() => expect(both.map(({ peers }) => peers.size)).toEqual([1, 1]), PATIENCE)
  return both
}

function noting(storage: Storage): Storage {
  return {
    ...storage,
    set: (key, value) => {
      stored.push(JSON.stringify([key, value]))
      return storage.set(key, value)
    },
  }
}

/** From now on every frame of every socket is noted, both ways. */
function listenIn(): void {
  type Socket = { send(data: unknown): void; emit(event: string, ...args: unknown[]): boolean }
  const Real = globalThis.WebSocket as unknown as new (...args: never[]) => Socket
  class Heard extends Real {
    override send(data: unknown): void {
      wire.push(String(data))
      super.send(data)
    }

    override emit(event: string, ...args: unknown[]): boolean {
      if (event === 'message') wire.push(String(args[0]))
      return super.emit(event, ...args)
    }
  }
  Object.assign(globalThis, { WebSocket: Heard })
}

/** Those that the text tells: as they are, escaped, percent-encoded, in hex, or within anything in base64. */
function secretsIn(text: string, secrets: string[]): string[] {
  const decoded = [...text.matchAll(/[A-Za-z0-9+/_-]{12,}={0,2}/g)].flatMap(([run]) =>
    // Where the base64 begins within the run is not known.
    [0, 1, 2, 3].map((skip) => Buffer.from(run.slice(skip), 'base64').toString('utf8')),
  )
  return secrets.filter((secret) => {
    const escaped = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
    const forms = [secret, escaped, encodeURIComponent(secret), Buffer.from(secret).toString('hex')]
    return [text, ...decoded].some((each) => forms.some((form) => each.includes(form)))
  })
}
