/**
 * Does a ring live on a service that drops, without a word, whatever comes in bursts? What each page writes beyond a few
 * stanzas in a tenth of a second is swallowed, once it has signed in.
 */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createXmppService, type XmppService } from '../service/xmpp-service.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { join } from './join.ts'
import type { Ring } from './ring.ts'

const PATIENCE = { timeout: 120_000, interval: 50 }
const TEST_TIMEOUT_MS = 240_000
const WINDOW_MS = 100
const STANZAS_PER_WINDOW = 10
const PEERS = 5
const MESSAGES = 20

let service: XmppService
let url: string
const rings: Ring[] = []

beforeAll(async () => {
  service = createXmppService()
  url = (await service.listen()).url
})
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  installNodeWebSocket()
})
afterAll(() => service.close())

/** Counts what it has swallowed. */
function dropBursts(): { swallowed: number } {
  installNodeWebSocket()
  const counts = { swallowed: 0 }
  const Real = globalThis.WebSocket as unknown as new (...args: never[]) => { send(data: unknown): void }
  class Dropping extends Real {
    private isBound = false
    private windowEndsMs = 0
    private inWindow = 0

    override send(data: unknown): void {
      const text = String(data)
      if (this.isBound && /^<(iq|presence|message)/.test(text) && this.isTooMuch()) counts.swallowed++
      else super.send(data as never)
      this.isBound ||= text.includes('urn:ietf:params:xml:ns:xmpp-bind')
    }

    private isTooMuch(): boolean {
      const nowMs = performance.now()
      if (nowMs >= this.windowEndsMs) {
        this.windowEndsMs = nowMs + WINDOW_MS
        this.inWindow = 0
      }
      return ++this.inWindow > STANZAS_PER_WINDOW
    }
  }
  Object.assign(globalThis, { WebSocket: Dropping })
  return counts
}

test(
  'five whose bursts are dropped are one ring, and what they say to each other arrives once and in order',
  async () => {
    const counts = dropBursts()
    for (let i = 0; i < PEERS; i++) {
      rings.push(await join({ namespace: 'bursts/1', xmpp: { service: url }, storage: memoryStorage() }))
    }
    await vi.waitFor(() => {
      for (const ring of rings) expect([ring.state, ring.peers.size]).toEqual(['connected', PEERS - 1])
    }, PATIENCE)
    const heard = new Map<string, number[]>()
    for (const ring of rings) {
      ring.on('message', ({ from, data }) => {
        const path = `${from} to ${ring.address}`
        heard.set(path, [...(heard.get(path) ?? []), ...data])
      })
    }
    const numbers = Array.from({ length: MESSAGES }, (_, number) => number)
    await Promise.all(
      rings.flatMap((ring) =>
        rings
          .filter((it) => it !== ring)
          .flatMap(({ address }) => numbers.map((number) => ring.send(address, Uint8Array.of(number)))),
      ),
    )
    expect(heard.size).toBe(PEERS * (PEERS - 1))
    for (const received of heard.values()) expect(received).toEqual(numbers)
    expect(counts.swallowed).toBeGreaterThan(0)
  },
  TEST_TIMEOUT_MS,
)
