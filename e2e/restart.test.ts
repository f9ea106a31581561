/**
 * What if a server that others wrote restarts, and knows nobody any more? Peers in Node without WebRTC, whose links are
 * all relayed by it.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { join } from '../src/peer/join.ts'
import type { Ring } from '../src/peer/ring.ts'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { startEjabberd } from './ejabberd.ts'
import { startProsody } from './prosody.ts'
import type { XmppServer } from './xmpp-server.ts'

const PATIENCE = { timeout: 60_000, interval: 50 }
const TEST_TIMEOUT_MS = 150_000

const rings: Ring[] = []
let server: XmppServer

beforeEach(installNodeWebSocket)
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  await server.stop()
})

describe.each([
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
])('%s', (_, start) => {
  test.each(['strangers', 'accounts'])(
    'restarts, and %s whom it relayed are one ring again, which newcomers enter',
    async (who) => {
      server = await start()
      const domain = who === 'strangers' ? server.anonymousDomain : server.domain
      for (let i = 0; i < 3; i++) await joined(domain)
      await expectOneRing()
      const lost: string[] = []
      rings[0]?.on('service', ({ name }) => lost.push(name))
      await server.restart()
      await vi.waitFor(() => expect(lost.at(-1)).toBe('online'), PATIENCE)
      expect(lost).toContain('offline')
      await expectOneRing()
      await joined(domain)
      await expectOneRing()
      await expectToHearEachOther()
    },
    TEST_TIMEOUT_MS,
  )
})

async function joined(domain: string): Promise<void> {
  const ring = await join({
    namespace: 'restarted/1',
    xmpp: { service: server.service, domain },
    storage: memoryStorage(),
  })
  rings.push(ring)
}

async function expectOneRing(): Promise<void> {
  await vi.waitFor(() => {
    for (const ring of rings) {
      const others = rings.filter((it) => it !== ring).map(({ address }) => address)
      expect([ring.state, [...ring.peers.keys()].sort()]).toEqual(['connected', others.sort()])
    }
  }, PATIENCE)
}

async function expectToHearEachOther(): Promise<void> {
  const heard = rings.map((ring) => {
    const froms: string[] = []
    ring.on('message', ({ from }) => froms.push(from))
    return froms
  })
  await Promise.all(
    rings.flatMap((ring) =>
      rings.filter((it) => it !== ring).map(({ address }) => ring.send(address, Uint8Array.of(1))),
    ),
  )
  for (const froms of heard) expect(new Set(froms).size).toBe(rings.length - 1)
}
