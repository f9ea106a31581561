/**
 * Does a ring live on a relay alone, for good, on a server that others run? A real Prosody that reads 10 kB/s of each
 * user, and peers in Node that have no WebRTC.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { OvertureError } from '../src/overture-error.ts'
import { join } from '../src/peer/join.ts'
import type { Ring } from '../src/peer/ring.ts'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { startProsody } from './prosody.ts'
import type { XmppServer } from './xmpp-server.ts'

const LIMIT = { timeout: 60_000, interval: 100 }
const LARGE = new Uint8Array(60_000)

let server: XmppServer
const rings: Ring[] = []

beforeEach(async () => {
  installNodeWebSocket()
  server = await startProsody({ throttled: true })
})
afterEach(async () => {
  await Promise.all(rings.splice(0).map((ring) => ring.leave()))
  await server.stop()
})

test('what keeps the ring goes before what applications say: a newcomer is linked before half of the data is there that was sent earlier', async () => {
  const [sender, ...others] = await ringOf(6)
  if (sender === undefined) throw new Error('Six were asked for.')
  const heard = others.map((ring) => bulkTo(ring))
  // At 10 kB/s, base64 and all, this takes 11 s; in one queue, a newcomer's handshake would come after most of it.
  const messages = others.flatMap(({ address }) => Array(16).fill(address))
  const sent = messages.map((address) => sender.send(address, new Uint8Array(1_000)))
  const newcomer = await joined()
  await vi.waitFor(() => expect(newcomer.peers.get(sender.address)?.kind).toBe('relay'), LIMIT)
  expect(sum(heard)).toBeLessThan(500 * messages.length)
  await Promise.all(sent)
}, 120_000)

test('one who sends all that it may loses no link, keeps nobody out, and is told why it may not send more', async () => {
  const [sender, ...others] = await ringOf(4)
  if (sender === undefined) throw new Error('Four were asked for.')
  const lost: string[] = []
  for (const ring of rings) ring.on('peer', ({ type, peer }) => type === 'left' && lost.push(peer.address))
  const heard = others.map((ring) => bulkTo(ring))
  const refusals: OvertureError[] = []
  let sending = true
  const flood = others.map(async ({ address }) => {
    while (sending) {
      await sender.send(address, LARGE).catch(async (error: OvertureError) => {
        refusals.push(error)
        // Until some of what waits has left.
        const before = sum(heard)
        await vi.waitFor(() => expect(sum(heard) > before || !sending).toBe(true), LIMIT)
      })
    }
  })
  await vi.waitFor(() => expect(sum(heard)).toBeGreaterThan(0), LIMIT)
  const newcomer = await joined()
  await vi.waitFor(() => expect([newcomer.state, newcomer.peers.size]).toEqual(['connected', 4]), LIMIT)
  await sender.send(newcomer.address, new TextEncoder().encode('welcome'))
  // Long enough for every link to be probed.
  await vi.waitFor(() => expect(sum(heard)).toBeGreaterThan(4 * LARGE.byteLength), LIMIT)
  sending = false
  await Promise.all(flood)
  expect(lost).toEqual([])
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['relay-too-slow']))
  expect(refusals.at(-1)?.message).toMatch(
    /only through the XMPP service, .* about \d[.\d]* kB a second .* TURN server\.$/,
  )
}, 180_000)

async function joined(): Promise<Ring> {
  const xmpp = { service: server.service, domain: server.anonymousDomain }
  const ring = await join({ namespace: 'relayed/1', xmpp, storage: memoryStorage(), neighboursPerSide: 3 })
  rings.push(ring)
  return ring
}

async function ringOf(count: number): Promise<Ring[]> {
  const all = await Promise.all(Array.from({ length: count }, () => joined()))
  await vi.waitFor(() => {
    for (const ring of all) expect([ring.state, ring.peers.size]).toEqual(['connected', count - 1])
  }, LIMIT)
  return all
}

function bulkTo(ring: Ring): { bytes: number } {
  const heard = { bytes: 0 }
  ring.on('message', ({ data }) => {
    heard.bytes += data.byteLength
  })
  return heard
}

function sum(all: { bytes: number }[]): number {
  return all.reduce((total, { bytes }) => total + bytes, 0)
}
