import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type { Candidate, Storage } from '../ports.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import {
  MAX_AGE_MS,
  MAX_RECENT_PEERS,
  RecentPeers,
  reachOverXmpp,
  SAVED_AFTER_MS,
  TRIED_FOR_MS,
} from './recent-peers.ts'
import { ScriptedClock, ScriptedStanzas } from './scripted-stanzas.ts'

const HASH = 'c0ffee'
const KEY = `recent-peers:${HASH}`
const ME = 'juliet@example.org/c0ffee.me'
const NOW_MS = 1_800_000_000_000
const peer = (name: string | number): Endpoint => endpointOf('xmpp', `romeo@example.org/c0ffee.${name}`)

/** A page that was opened; what was stored before has been read. */
async function opened(storage: Storage, { online = true, nowMs = NOW_MS } = {}) {
  const clock = new ScriptedClock()
  const stanzas = new ScriptedStanzas(online ? ME : undefined)
  const time = { nowMs }
  const options = {
    reach: reachOverXmpp(stanzas, HASH),
    namespaceHash: HASH,
    storage,
    clock,
    timeOfDay: () => time.nowMs,
  }
  const recent = new RecentPeers(options)
  const seen: Candidate[] = []
  const gone: Endpoint[] = []
  recent.start({ appeared: (it) => seen.push(it), vanished: (it) => gone.push(it) })
  await turn()
  const save = async () => {
    clock.advance(SAVED_AFTER_MS)
    await turn()
  }
  return { recent, clock, stanzas, seen, gone, save, time }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

async function stored(storage: Storage): Promise<Endpoint[]> {
  return (((await storage.get(KEY)) ?? []) as { endpoint: Endpoint }[]).map(({ endpoint }) => endpoint)
}

describe('recent peers', () => {
  test('are shown at the next start, to be asked after those who are seen to be there', async () => {
    const storage = memoryStorage()
    const before = await opened(storage)
    before.recent.linked([endpointOf('tab', 'x'), peer(1), endpointOf('webrtc', 'romeo@example.org/c0ffee.1')])
    await before.save()
    const after = await opened(storage)
    expect(after.seen).toEqual([{ endpoint: peer(1), elder: false }])
  })

  test('are shown once, when we are signed in', async () => {
    const storage = memoryStorage()
    const before = await opened(storage)
    before.recent.linked([peer(1)])
    await before.save()
    const after = await opened(storage, { online: false })
    expect(after.seen).toEqual([])
    after.stanzas.goOnline(ME)
    after.stanzas.goOnline(ME)
    expect(after.seen).toHaveLength(1)
  })

  test('are written though the page goes at once', async () => {
    const storage = memoryStorage()
    const page = await opened(storage)
    page.recent.linked([peer(1)])
    page.recent.stop()
    await turn()
    expect(await stored(storage)).toEqual([peer(1)])
    expect(page.clock.pending).toBe(0)
  })

  test('that do not answer vanish and are forgotten; those that do are kept', async () => {
    const storage = memoryStorage()
    const before = await opened(storage)
    for (const name of ['dead', 'alive']) before.recent.linked([peer(name)])
    await before.save()
    const after = await opened(storage)
    after.recent.linked([peer('alive')])
    after.clock.advance(TRIED_FOR_MS)
    await turn()
    expect(after.gone).toEqual([peer('dead')])
    await after.save()
    expect(await stored(storage)).toEqual([peer('alive')])
  })

  test('are as many as a limit allows, the latest', async () => {
    const storage = memoryStorage()
    const page = await opened(storage)
    for (let i = 0; i < MAX_RECENT_PEERS + 5; i++) {
      page.time.nowMs++
      page.recent.linked([peer(i)])
    }
    await page.save()
    expect(await stored(storage)).toEqual(
      Array.from({ length: MAX_RECENT_PEERS }, (_, i) => peer(MAX_RECENT_PEERS + 4 - i)),
    )
  })

  test('are forgotten with time', async () => {
    const storage = memoryStorage()
    const before = await opened(storage)
    before.recent.linked([peer(1)])
    await before.save()
    expect((await opened(storage, { nowMs: NOW_MS + MAX_AGE_MS - 1 })).seen).toHaveLength(1)
    expect((await opened(storage, { nowMs: NOW_MS + MAX_AGE_MS })).seen).toEqual([])
  })

  test('of other tabs that write at the same place are kept', async () => {
    const storage = memoryStorage()
    const [one, other] = [await opened(storage), await opened(storage)]
    one.recent.linked([peer('one')])
    other.recent.linked([peer('other')])
    await one.save()
    await other.save()
    expect((await stored(storage)).sort()).toEqual([peer('one'), peer('other')])
  })

  test('are not whom a peer merely names: each names one place, which shows the namespace', async () => {
    const storage = memoryStorage()
    const page = await opened(storage)
    page.recent.linked([endpointOf('xmpp', 'victim@example.org/phone')])
    page.recent.linked([peer(1), peer(2), peer(3)])
    await page.save()
    expect(await stored(storage)).toEqual([peer(1)])
    expect(page.recent.dropped.get('foreign-jid')).toBe(1)
  })

  test('keep no secret: nothing is stored but endpoints and times', async () => {
    const storage = memoryStorage()
    const page = await opened(storage)
    page.recent.linked([peer(1)])
    await page.save()
    expect(await storage.get(KEY)).toEqual([{ endpoint: peer(1), atMs: NOW_MS }])
  })

  test('a storage that fails is counted, and nothing else happens', async () => {
    const broken = () => Promise.reject(new Error('the disk is full'))
    const page = await opened({ get: broken, set: broken, delete: broken })
    page.recent.linked([peer(1)])
    await page.save()
    expect(page.seen).toEqual([])
    expect([...page.recent.dropped.keys()].sort()).toEqual(['not-loaded', 'not-saved'])
  })

  test('whatever lies in the storage, nothing throws and only endpoints of the namespace are shown', async () => {
    const entry = fc.record({
      endpoint: fc.oneof(fc.constantFrom(peer(1), peer(2), 'xmpp:a@b/decaf.x', 'tab:x'), fc.anything()),
      atMs: fc.oneof(fc.integer({ min: NOW_MS - 2 * MAX_AGE_MS, max: NOW_MS + 10 }), fc.double(), fc.anything()),
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.anything(), fc.array(fc.oneof(entry, fc.anything()))), async (content) => {
        const storage = memoryStorage()
        await storage.set(KEY, content)
        const { seen, recent, save } = await opened(storage)
        expect(seen.length).toBeLessThanOrEqual(MAX_RECENT_PEERS)
        for (const { endpoint } of seen) expect(endpoint).toMatch(/^xmpp:[^/]+\/c0ffee\./)
        recent.linked([peer('new')])
        await save()
        await vi.waitFor(async () => expect(await stored(storage)).toContain(peer('new')))
      }),
    )
  })
})
