import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { OvertureError } from '../overture-error.ts'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { join } from './join.ts'
import type { Ring } from './ring.ts'
import { MAX_VALUE_BYTES } from './value-pieces.ts'

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
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
})

afterAll(async () => {
  expect(service.bugs).toEqual([])
  await service.close()
})

async function ringOf(count: number): Promise<Ring[]> {
  const joining = Array.from({ length: count }, () =>
    join({ namespace: 'values/1', xmpp: { service: url }, storage: memoryStorage(), localTabs: false }),
  )
  const all = await Promise.all(joining)
  rings.push(...all)
  await vi.waitFor(
    () => {
      for (const ring of all)
        expect([ring.state, ring.peers.size]).toEqual([count > 1 ? 'connected' : 'alone', count - 1])
    },
    { timeout: 10_000, interval: 20 },
  )
  return all
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const failure = await promise.then(
    () => undefined,
    (error) => error,
  )
  expect(failure).toBeInstanceOf(OvertureError)
  return failure.code
}

async function valuesAt(ring: Ring, key: string): Promise<string[]> {
  const values = await ring.get(key)
  return values.map(({ value }) => new TextDecoder().decode(value)).sort()
}

describe('what one of a ring puts', () => {
  test('another gets, all values under a key, and nothing under others', async () => {
    const [a, b, c] = (await ringOf(3)) as [Ring, Ring, Ring]
    await a.put('colour', bytes('red'))
    await b.put('colour', bytes('blue'))
    await b.put('colour', bytes('blue'))
    expect(await valuesAt(c, 'colour')).toEqual(['blue', 'red'])
    expect(await valuesAt(c, 'taste')).toEqual([])
    expect(c.snapshot().dht).toMatchObject({ records: 2, kept: 0 })
  })

  test('outlives its author', async () => {
    const [a, b, c] = (await ringOf(3)) as [Ring, Ring, Ring]
    await a.put('will', bytes('all to the cat'))
    await a.leave()
    expect(await valuesAt(b, 'will')).toEqual(['all to the cat'])
    expect(await valuesAt(c, 'will')).toEqual(['all to the cat'])
  })

  test('alone is kept for those who come', async () => {
    const [a] = (await ringOf(1)) as [Ring]
    await a.put('note', bytes('back soon'))
    expect(await valuesAt(a, 'note')).toEqual(['back soon'])
    const [b] = (await ringOfLater()) as [Ring]
    await vi.waitFor(async () => expect(await valuesAt(b, 'note')).toEqual(['back soon']), { timeout: 10_000 })
  })

  test('is refused where another has created its own', async () => {
    const [a, b] = (await ringOf(2)) as [Ring, Ring]
    await a.put('name', bytes('anna'), { create: true })
    await a.put('name', bytes('anna'), { create: true })
    expect(await codeOf(b.put('name', bytes('bert'), { create: true }))).toBe('value-taken')
    expect(await valuesAt(b, 'name')).toEqual(['anna'])
  })

  test('and binds to itself, nobody else replaces, and it withdraws at once', async () => {
    const [a, b] = (await ringOf(2)) as [Ring, Ring]
    await a.put('status', bytes('here'), { bound: true })
    await b.put('status', bytes('here, too'), { bound: true })
    const lease = await a.put('status', bytes('away'), { bound: true })
    const found = await b.get('status')
    expect(found.map(({ writer }) => writer).sort()).toEqual([a.address, b.address].sort())
    expect(await valuesAt(b, 'status')).toEqual(['away', 'here, too'])
    await lease.withdraw()
    expect(await valuesAt(b, 'status')).toEqual(['here, too'])
  })

  test('may be large, and comes back whole', async () => {
    const [a, b] = (await ringOf(2)) as [Ring, Ring]
    const large = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) % 251)
    await a.put('picture', large)
    const [found] = await b.get('picture')
    expect(found?.value).toEqual(large)
  })

  test('is refused when it is too large, or is to stay for no time or for ever', async () => {
    const [a] = (await ringOf(1)) as [Ring]
    expect(await codeOf(a.put('x', new Uint8Array(MAX_VALUE_BYTES + 1)))).toBe('value-too-large')
    for (const ttlMs of [0, -1, Number.NaN, 10 ** 12])
      expect(await codeOf(a.put('x', bytes('y'), { ttlMs }))).toBe('bad-lease')
    await a.leave()
    expect(await codeOf(a.put('x', bytes('y')))).toBe('left')
    expect(await codeOf(a.get('x'))).toBe('left')
  })
})

async function ringOfLater(): Promise<Ring[]> {
  const ring = await join({ namespace: 'values/1', xmpp: { service: url }, storage: memoryStorage(), localTabs: false })
  rings.push(ring)
  await vi.waitFor(() => expect(ring.state).toBe('connected'), { timeout: 10_000, interval: 20 })
  return [ring]
}
