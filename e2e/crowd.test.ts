/**
 * Does a crowd need the server that it met on? Peers in Node with one account on a real Prosody, whose direct links are in
 * memory, and who end their sessions while others greet for them.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { join } from '../src/peer/join.ts'
import type { Ring } from '../src/peer/ring.ts'
import { ENOUGH_GREETERS } from '../src/rendezvous/greeter-watch.ts'
import { MemoryNetwork } from '../src/transport/memory.ts'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { realClock } from '../src/xmpp/real-clock.ts'
import { type Account, makeAccount } from './account.ts'
import { startProsody } from './prosody.ts'
import type { XmppServer } from './xmpp-server.ts'

const PATIENCE = { timeout: 90_000, interval: 100 }
const TEST_TIMEOUT_MS = 200_000
/** A crowd begins above 24, and has sixteen who greet. */
const CROWD = 40
const GREETERS = 16
const LATENCY_MS = 2

let server: XmppServer
let account: Account
let network: MemoryNetwork
const peers = new Map<string, Ring>()

afterEach(async () => {
  await Promise.all([...peers.values()].map((ring) => ring.leave()))
  peers.clear()
  await server.stop()
})

describe('a crowd whose peers sign out when quiet', { timeout: TEST_TIMEOUT_MS }, () => {
  test('is one ring by the sessions of its greeters; when these leave, others sign in, and newcomers enter', async () => {
    await formCrowd()
    await expectFewSessions()
    expect(isOneRing()).toBe(true)

    const greeters = [...peers].filter(([, ring]) => isOnline(ring))
    await Promise.all(greeters.map(([, ring]) => ring.leave()))
    for (const [name] of greeters) peers.delete(name)
    for (let index = 0; index < GREETERS; index++) await come(`newcomer${index}`)
    await vi.waitFor(() => expect(isOneRing()).toBe(true), PATIENCE)
  })

  test('takes one of them in again who has lost all links, after it has signed in', async () => {
    await formCrowd()
    await expectFewSessions()
    const [lost, ring] = [...peers].find(([, each]) => !isOnline(each)) as [string, Ring]
    for (const name of peers.keys()) if (name !== lost) network.cut(lost, name)
    await vi.waitFor(() => expect(isOnline(ring)).toBe(true), PATIENCE)
    for (const name of peers.keys()) if (name !== lost) network.heal(lost, name)
    await vi.waitFor(() => expect(isOneRing()).toBe(true), PATIENCE)
  })
})

async function formCrowd(): Promise<void> {
  server = await startProsody()
  account = await makeAccount(server)
  network = new MemoryNetwork(realClock, { latencyMs: () => LATENCY_MS })
  for (let index = 0; index < CROWD; index++) await come(`peer${index}`)
}

async function come(name: string): Promise<void> {
  const { service, domain } = server
  const ring = await join({
    namespace: 'crowd/1',
    xmpp: { service, domain, ...account, whenQuiet: 'sign-out' },
    transports: [{ transport: network.transport(name), kind: 'direct' }],
    storage: memoryStorage(),
  })
  peers.set(name, ring)
}

async function expectFewSessions(): Promise<void> {
  await vi.waitFor(() => {
    expect(isOneRing()).toBe(true)
    const online = [...peers.values()].filter(isOnline).length
    expect(online).toBeLessThanOrEqual(GREETERS)
    expect(online).toBeGreaterThanOrEqual(ENOUGH_GREETERS)
  }, PATIENCE)
}

function isOnline(ring: Ring): boolean {
  return ring.snapshot().service.name === 'online'
}

/** Whether each is linked to those who are next to it of all that there are. */
function isOneRing(): boolean {
  const inOrder = [...peers.values()].sort((a, b) => (a.address < b.address ? -1 : 1))
  return inOrder.every((ring, index) => {
    const next = inOrder[(index + 1) % inOrder.length] as Ring
    return ring.state === 'connected' && ring.peers.has(next.address) && next.peers.has(ring.address)
  })
}
