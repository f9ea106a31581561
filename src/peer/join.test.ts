import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Address } from '../overlay/address.ts'
import { OvertureError } from '../overture-error.ts'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { type JoinOptions, join } from './join.ts'
import { MAX_BROADCAST_BYTES } from './joined-ring.ts'
import type { Ring, RingEvents } from './ring.ts'

const text = (data: Uint8Array) => new TextDecoder().decode(data)
const bytes = (message: string) => new TextEncoder().encode(message)

let service: XmppService
let url: string
let close: () => Promise<void>
const rings: Ring[] = []

beforeAll(async () => {
  installNodeWebSocket()
  service = createXmppService()
  const listening = await service.listen()
  url = listening.url
  close = () => service.close()
})

afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
})

afterAll(async () => {
  expect(service.bugs).toEqual([])
  await close()
})

async function joined(options: Partial<JoinOptions> = {}): Promise<Ring> {
  const ring = await join({ namespace: 'test/1', xmpp: { service: url }, storage: memoryStorage(), ...options })
  rings.push(ring)
  return ring
}

/** Of one browser with the others; with no service unless one is given. */
async function tabOf(options: Omit<JoinOptions, 'localTabs'>): Promise<Ring> {
  const ring = await join({ storage: memoryStorage(), localTabs: true, ...options })
  rings.push(ring)
  return ring
}

async function ringOf(count: number, options: Partial<JoinOptions> = {}): Promise<Ring[]> {
  const all = await Promise.all(Array.from({ length: count }, () => joined(options)))
  await vi.waitFor(
    () => {
      for (const ring of all) expect([ring.state, ring.peers.size]).toEqual(['connected', count - 1])
    },
    { timeout: 10_000 },
  )
  return all
}

function messagesTo(ring: Ring): RingEvents['message'][] {
  const messages: RingEvents['message'][] = []
  ring.on('message', (message) => messages.push(message))
  return messages
}

async function failureOf(promise: Promise<unknown>): Promise<OvertureError> {
  const failure = await promise.then(
    () => undefined,
    (error) => error,
  )
  expect(failure).toBeInstanceOf(OvertureError)
  return failure
}

describe('five who join without WebRTC', () => {
  test('are linked all to all by relay and talk, one to one and one to all', async () => {
    const all = await ringOf(5)
    const heard = all.map(messagesTo)
    const [first, second] = all as [Ring, Ring]
    await first.send(second.address, bytes('to you'))
    await first.broadcast(bytes('to all'))
    await vi.waitFor(() => expect(heard.slice(1).every((messages) => messages.length > 0)).toBe(true))
    expect(heard[0]).toEqual([])
    expect(heard[1]?.map(({ from, data, broadcast }) => [from, text(data), broadcast])).toEqual([
      [first.address, 'to you', false],
      [first.address, 'to all', true],
    ])
    for (const messages of heard.slice(2)) expect(messages.map(({ data }) => text(data))).toEqual(['to all'])
    for (const { kind, roles } of first.peers.values()) {
      expect(kind).toBe('relay')
      expect(roles).toContain('near')
    }
  })

  test('notice who leaves, and go on', async () => {
    const all = await ringOf(5, { namespace: 'leaving/1' })
    const leaver = all[4] as Ring
    const left: Address[] = []
    all[0]?.on('peer', ({ type, peer }) => type === 'left' && left.push(peer.address))
    await leaver.leave()
    await vi.waitFor(() => {
      for (const ring of all.slice(0, 4)) expect([ring.state, ring.peers.size]).toEqual(['connected', 3])
    })
    expect(left).toEqual([leaver.address])
  })
})

describe('a ring', () => {
  test('carries the largest message that it promises, and refuses a larger one by name', async () => {
    const [a, b] = (await ringOf(2, { namespace: 'large/1' })) as [Ring, Ring]
    const heard = messagesTo(b)
    const large = Uint8Array.from({ length: 65_536 }, (_, index) => index % 251)
    await a.send(b.address, large)
    expect(heard[0]?.data).toEqual(large)
    expect((await failureOf(a.send(b.address, new Uint8Array(65_537)))).code).toBe('message-too-large')
  })

  test('carries the largest message to all that it promises, and says how large that is', async () => {
    const [a, b] = (await ringOf(2, { namespace: 'large-to-all/1' })) as [Ring, Ring]
    const heard = messagesTo(b)
    const large = Uint8Array.from({ length: MAX_BROADCAST_BYTES }, (_, index) => index % 251)
    await a.broadcast(large)
    await vi.waitFor(() => expect(heard).toEqual([{ from: a.address, data: large, broadcast: true }]))
    const failure = await failureOf(a.broadcast(new Uint8Array(MAX_BROADCAST_BYTES + 1)))
    expect(failure.code).toBe('message-too-large')
    expect(failure.message).toContain(`${MAX_BROADCAST_BYTES} bytes`)
  })

  test('is met only by who knows its secret', async () => {
    const insiders = await ringOf(2, { namespace: 'secret/1', secret: 'sesame' })
    const outsider = await joined({ namespace: 'secret/1', secret: 'guess' })
    const newcomer = await joined({ namespace: 'secret/1', secret: 'sesame' })
    await vi.waitFor(() => expect(newcomer.peers.size).toBe(2))
    await vi.waitFor(() => expect(insiders[0]?.peers.size).toBe(2))
    expect(outsider.peers.size).toBe(0)
    expect(outsider.state).toBe('alone')
  })

  test('shows itself as JSON with the keys that others rely on', async () => {
    const [ring] = (await ringOf(2, { namespace: 'snapshot/1' })) as [Ring]
    const snapshot = JSON.parse(JSON.stringify(ring.snapshot()))
    expect(Object.keys(snapshot)).toEqual(
      expect.arrayContaining([
        'address',
        'state',
        'namespace',
        'milestones',
        'peers',
        'near',
        'shortcuts',
        'dht',
        'counters',
        'warnings',
        'trace',
      ]),
    )
    expect(snapshot.near).toEqual({ left: expect.any(Array), right: expect.any(Array) })
    expect(snapshot.peers[0]).toMatchObject({ kind: 'relay', roles: expect.any(Array), incoming: expect.any(Boolean) })
    expect(snapshot.trace.length).toBeGreaterThan(0)
    const { reflectionMs, rendezvousMs, relayingMs, connectedMs } = snapshot.milestones
    expect([reflectionMs, rendezvousMs, relayingMs, connectedMs].every((ms) => ms >= 0)).toBe(true)
  })

  test('stands while the service is away, and newcomers enter when it is back', async () => {
    const all = await ringOf(2, { namespace: 'away/1' })
    const states: string[] = []
    all[0]?.on('service', ({ name }) => states.push(name))
    for (const ring of all) {
      const { service: state } = ring.snapshot()
      if (state.name === 'online') service.sever(state.jid)
    }
    await vi.waitFor(() => expect(states).toContain('offline'))
    await vi.waitFor(() => expect(states.at(-1)).toBe('online'), { timeout: 10_000 })
    const newcomer = await joined({ namespace: 'away/1' })
    await vi.waitFor(() => expect(newcomer.peers.size).toBe(2), { timeout: 15_000 })
  })

  test('that was left refuses to send, by name', async () => {
    const ring = await joined({ namespace: 'left/1' })
    await ring.leave()
    await ring.leave()
    expect((await failureOf(ring.broadcast(bytes('x')))).code).toBe('left')
  })

  test('outlives a listener that throws', async () => {
    const [a, b] = (await ringOf(2, { namespace: 'throwing/1' })) as [Ring, Ring]
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    b.on('message', () => {
      throw new Error('the application is at fault')
    })
    const heard = messagesTo(b)
    await a.send(b.address, bytes('still there?'))
    expect(heard).toHaveLength(1)
    expect(reported).toHaveBeenCalledOnce()
    vi.unstubAllGlobals()
  })
})

describe('tabs of one browser', () => {
  test('become a ring without any service', async () => {
    const all = await Promise.all([1, 2, 3].map(() => tabOf({ namespace: 'tabs/1' })))
    await vi.waitFor(() => {
      for (const ring of all) expect([ring.state, ring.peers.size]).toEqual(['connected', 2])
    })
    const [first, second] = all as [Ring, Ring]
    const heard = messagesTo(second)
    await first.broadcast(bytes('no server'))
    await vi.waitFor(() => expect(heard.map(({ data }) => text(data))).toEqual(['no server']))
    for (const { kind, candidatePair } of first.peers.values()) {
      expect(kind).toBe('direct')
      expect(candidatePair).toBeUndefined()
    }
    expect(first.snapshot().service).toEqual({ name: 'unused' })
  })

  test('take in those who come over the service, and are linked to them by what reaches them', async () => {
    const namespace = 'tabs and others/1'
    const tabs = await Promise.all([1, 2].map(() => tabOf({ namespace, xmpp: { service: url } })))
    await vi.waitFor(() => expect(tabs[0]?.peers.size).toBe(1))
    const elsewhere = await joined({ namespace })
    await vi.waitFor(() => expect([...elsewhere.peers.values()].map(({ kind }) => kind)).toEqual(['relay', 'relay']), {
      timeout: 15_000,
    })
    for (const [tab, other] of [tabs, [...tabs].reverse()] as [Ring, Ring][]) {
      await vi.waitFor(() => expect(tab.peers.get(elsewhere.address)?.kind).toBe('relay'))
      expect(tab.peers.get(other.address)?.kind).toBe('direct')
      expect(tab.snapshot().counters['link failed: nobody answers']).toBeUndefined()
    }
  })

  test('that opened while the service was down find the others when it is back', async () => {
    const namespace = 'down at first/1'
    const later = createXmppService()
    const earlier = await createXmppService().listen()
    await earlier.close()
    const port = Number(new URL(earlier.url).port)
    const xmpp = { service: `ws://127.0.0.1:${port}/xmpp-websocket`, domain: later.domain }
    const tabs = await Promise.all([1, 2].map(() => tabOf({ serviceMayBeAway: true, namespace, xmpp })))
    await vi.waitFor(() => {
      for (const ring of tabs) expect([ring.state, ring.peers.size]).toEqual(['connected', 1])
    })
    expect(tabs[0]?.snapshot().service).toMatchObject({
      name: 'offline',
      reason: expect.stringContaining('not answer'),
    })
    await later.listen(port)
    try {
      const elsewhere = await joined({ namespace, xmpp })
      await vi.waitFor(() => expect(elsewhere.peers.size).toBe(2), { timeout: 15_000 })
      await Promise.all([...tabs, elsewhere].map((ring) => ring.leave()))
    } finally {
      await later.close()
    }
  })

  test('with a wrong password get no ring, however patient they are', async () => {
    const xmpp = { service: url, jid: `nobody@${service.domain}`, password: 'guess' }
    const failure = await failureOf(tabOf({ serviceMayBeAway: true, namespace: 'refused/1', xmpp }))
    expect(failure.code).toBe('wrong-password')
  })
})

describe('joining fails with a code and a sentence', () => {
  const cases: [string, string, Partial<JoinOptions>][] = [
    ['an address that is none', 'bad-service', { xmpp: { service: 'not an address' } }],
    ['a server that is down', 'server-unreachable', { xmpp: { service: 'ws://127.0.0.1:9/xmpp-websocket' } }],
    ['an empty name', 'bad-namespace', { namespace: '' }],
  ]
  for (const [name, code, options] of cases) {
    test(`for ${name}: ${code}`, async () => {
      const failure = await failureOf(joined(options))
      expect(failure.code).toBe(code)
      expect(failure.message).toMatch(/\w+ \w+.*\.$/)
    })
  }
})
