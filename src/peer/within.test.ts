import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { type JoinOptions, join } from './join.ts'
import type { Ring, RingEvents } from './ring.ts'

const text = (data: Uint8Array) => new TextDecoder().decode(data)
const bytes = (message: string) => new TextEncoder().encode(message)

let service: XmppService
let url: string
const rings: Ring[] = []

beforeAll(async () => {
  installNodeWebSocket()
  service = createXmppService()
  url = (await service.listen()).url
})

afterEach(async () => {
  for (const ring of rings.splice(0).reverse()) await ring.leave()
})

afterAll(async () => {
  expect(service.bugs).toEqual([])
  await service.close()
})

async function joined(options: JoinOptions): Promise<Ring> {
  const ring = await join({ storage: memoryStorage(), localTabs: false, ...options })
  rings.push(ring)
  return ring
}

async function whole(all: readonly Ring[], peers = all.length - 1): Promise<void> {
  await vi.waitFor(
    () => {
      for (const ring of all) expect([ring.state, ring.peers.size]).toEqual(['connected', peers])
    },
    { timeout: 15_000, interval: 20 },
  )
}

async function publicRing(count: number): Promise<Ring[]> {
  const joining = Array.from({ length: count }, () => joined({ namespace: 'public/1', xmpp: { service: url } }))
  const all = await Promise.all(joining)
  await whole(all)
  return all
}

function inside(outer: Ring, secret = 'only for us, and for nobody else'): Promise<Ring> {
  return joined({ namespace: 'private/1', secret, within: outer })
}

describe('a ring within a ring', () => {
  test('forms with no service of its own, and its members talk', async () => {
    const outer = await publicRing(5)
    const inner = await Promise.all(outer.slice(0, 4).map((each) => inside(each)))
    await whole(inner)
    const heard: RingEvents['message'][] = []
    const [first, second] = inner as [Ring, Ring]
    second.on('message', (message) => heard.push(message))
    await first.send(second.address, bytes('to you'))
    await first.broadcast(bytes('to all'))
    await vi.waitFor(() => expect(heard.map(({ data }) => text(data))).toEqual(['to you', 'to all']))
    for (const ring of inner) {
      expect([...ring.peers.values()].map(({ kind }) => kind)).toEqual(['subring', 'subring', 'subring'])
      const { reflectionMs, rendezvousMs, relayingMs } = ring.milestones
      for (const ms of [reflectionMs, rendezvousMs, relayingMs]) expect(ms).toBeGreaterThanOrEqual(0)
    }
  })

  test('is not that of others with the same name and another secret', async () => {
    const outer = await publicRing(3)
    const [a, b] = outer as [Ring, Ring]
    const ours = await Promise.all([inside(a), inside(b)])
    const theirs = await inside(outer[2] as Ring, 'another secret that is long enough')
    await whole(ours)
    expect([theirs.state, theirs.peers.size]).toEqual(['alone', 0])
  })

  test('messages of the inner ring are not heard in the outer one', async () => {
    const outer = await publicRing(2)
    const heard: unknown[] = []
    for (const ring of outer) ring.on('message', (message) => heard.push(message))
    const inner = await Promise.all(outer.map((each) => inside(each)))
    await whole(inner)
    await inner[0]?.broadcast(bytes('hush'))
    expect(heard).toEqual([])
  })

  test('an application may not make up a ring to live within', async () => {
    await expect(join({ namespace: 'x/1', within: {} as Ring, storage: memoryStorage() })).rejects.toThrow('`join`')
  })
})
