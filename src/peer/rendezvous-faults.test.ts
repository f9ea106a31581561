/** Does a ring form though the service shows only half of those who are there, and many of those who are not? */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { joinPresence } from '../rendezvous/room-xml.ts'
import { namespaceKeys } from '../security/namespace-keys.ts'
import { TestClient } from '../service/test-client.ts'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { XmppSession } from '../xmpp/session.ts'
import { join } from './join.ts'
import type { Ring } from './ring.ts'

const PATIENCE = { timeout: 20_000 }
/** Twice as many as are asked in one round. */
const GHOSTS = 20

let service: XmppService
let url: string
const rings: Ring[] = []
const undo: (() => unknown)[] = []

beforeAll(async () => {
  installNodeWebSocket()
  service = createXmppService()
  url = (await service.listen()).url
})
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  await Promise.all(undo.splice(0).map((each) => each()))
  installNodeWebSocket()
})
afterAll(() => service.close())

async function joined(namespace: string): Promise<Ring> {
  const ring = await join({ namespace, xmpp: { service: url }, storage: memoryStorage() })
  rings.push(ring)
  return ring
}

async function expectOneRing(count: number): Promise<void> {
  await vi.waitFor(() => {
    for (const ring of rings) expect([ring.state, ring.peers.size]).toEqual(['connected', count - 1])
  }, PATIENCE)
}

/** Each session from now on is shown every second presence of others only. */
function hideHalfOfThePresences(): { hidden: number } {
  const counts = { hidden: 0 }
  const Real = globalThis.WebSocket as unknown as new (
    ...args: never[]
  ) => { emit(event: string, ...args: unknown[]): boolean }
  class Hiding extends Real {
    private others = 0

    override emit(event: string, ...args: unknown[]): boolean {
      const text = event === 'message' ? String(args[0]) : ''
      const isOfAnother = text.startsWith('<presence') && !text.includes("code='110'") && !text.includes('code="110"')
      if (!isOfAnother || this.others++ % 2 === 0) return super.emit(event, ...args)
      counts.hidden++
      return true
    }
  }
  Object.assign(globalThis, { WebSocket: Hiding })
  return counts
}

test('five of whom each is shown only half of the others are one ring', async () => {
  const counts = hideHalfOfThePresences()
  for (let i = 0; i < 5; i++) await joined('half hidden/1')
  await expectOneRing(5)
  expect(counts.hidden).toBeGreaterThan(0)
})

test('three find each other among twice as many as they ask at once who are in the room and answer nothing', async () => {
  const namespace = 'mute/1'
  const { hash } = await namespaceKeys(namespace)
  for (let i = 0; i < GHOSTS; i++) {
    const ghost = await TestClient.anonymous(url, `${hash}.ghost${i}`)
    undo.push(() => ghost.close())
    const presence = joinPresence(`${hash}@conference.localhost`, `ghost${i}`, ghost.jid)
    presence.attrs.xmlns = 'jabber:client'
    ghost.send(presence)
    await ghost.settle()
  }
  for (let i = 0; i < 3; i++) await joined(namespace)
  await expectOneRing(3)
})

test('three find each other among twice as many as they ask at once whose clients know nothing of Overture', async () => {
  const namespace = 'ghosts/1'
  const { hash } = await namespaceKeys(namespace)
  for (let i = 0; i < GHOSTS; i++) {
    const session = new XmppSession({
      service: url,
      resource: `${hash}.ghost${i}`,
      storage: memoryStorage(),
      random: Math.random,
    })
    undo.push(() => session.stop())
    await session.start()
    session.send(joinPresence(`${hash}@conference.localhost`, `ghost${i}`, session.jid ?? ''))
  }
  for (let i = 0; i < 3; i++) await joined(namespace)
  await expectOneRing(3)
  expect(rings.some((ring) => ring.snapshot().counters['link failed: service-unavailable'])).toBe(true)
})
