/** Whole peers in a ring that is not linked all to all: does each message arrive, sealed for its receiver alone? */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { join } from './join.ts'
import type { Ring } from './ring.ts'

const PATIENCE = { timeout: 20_000 }
const COUNT = 8

let service: XmppService
let url: string
let rings: Ring[]

beforeAll(async () => {
  installNodeWebSocket()
  service = createXmppService()
  url = (await service.listen()).url
  rings = await Promise.all(
    Array.from({ length: COUNT }, () =>
      join({ namespace: 'routed/1', xmpp: { service: url }, storage: memoryStorage(), neighboursPerSide: 1 }),
    ),
  )
  await vi.waitFor(() => {
    for (const { state } of rings) expect(state).toBe('connected')
    // First contacts are given up when the ring is at rest.
    expect(unlinkedPairs().length).toBeGreaterThan(0)
  }, PATIENCE)
}, 30_000)

afterAll(async () => {
  await Promise.all(rings.map((ring) => ring.leave()))
  await service.close()
})

test('each says something to each, linked or not, and is heard once', async () => {
  const heard = rings.map((ring) => {
    const from: string[] = []
    ring.on('message', (message) => from.push(message.from))
    return from
  })
  expect(unlinkedPairs().length).toBeGreaterThan(0)
  await Promise.all(pairs().map(({ from, to }) => from.send(to.address, Uint8Array.of(1))))
  heard.forEach((from, index) => {
    const others = rings.filter((ring) => ring !== rings[index]).map(({ address }) => address)
    expect([...from].sort()).toEqual(others.sort())
  })
  const counted = rings.flatMap((ring) => Object.keys(ring.snapshot().counters).filter((name) => /^sealed/.test(name)))
  // What overtakes the last message of an introduction is sent again.
  expect(counted.filter((name) => name !== 'sealed: no session')).toEqual([])
})

function pairs(): { from: Ring; to: Ring }[] {
  return rings.flatMap((from) => rings.filter((to) => to !== from).map((to) => ({ from, to })))
}

function unlinkedPairs(): { from: Ring; to: Ring }[] {
  return pairs().filter(({ from, to }) => !from.peers.has(to.address))
}

test('one says something to all, and is heard once by each', async () => {
  const [first, ...others] = rings as [Ring, ...Ring[]]
  const heard: string[] = []
  for (const ring of others) ring.on('message', ({ data, broadcast }) => heard.push(`${broadcast} ${data}`))
  await first.broadcast(Uint8Array.of(5))
  await vi.waitFor(() => expect(heard).toHaveLength(COUNT - 1), PATIENCE)
  expect(new Set(heard)).toEqual(new Set(['true 5']))
})
