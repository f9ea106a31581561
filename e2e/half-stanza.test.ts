/**
 * What if a WebSocket closes in the middle of a stanza, on its way up or down? The sum of what is said must not show it:
 * on the embedded service, where the binding is lost, and on a Prosody, which keeps it for a while.
 */

import type { AddressInfo } from 'node:net'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { join } from '../src/peer/join.ts'
import type { Ring } from '../src/peer/ring.ts'
import { createXmppService } from '../src/service/xmpp-service.ts'
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { startProsody } from './prosody.ts'

type Direction = 'up' | 'down'
type Grounds = { service: string; domain: string; stop: () => Promise<unknown> }

const PATIENCE = { timeout: 60_000, interval: 20 }
const TEST_TIMEOUT_MS = 150_000
const CUTS = 3
/** As many are on their way together. */
const BURST = 5
/** Less is no stanza that carries a message: a ping, or an answer. */
const MIN_BYTES = 400
const MESSAGE_BYTES = 600

const cleanups: (() => unknown)[] = []

beforeEach(installNodeWebSocket)
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const SERVICES: [name: string, open: () => Promise<Grounds>][] = [
  ['the embedded service', openEmbedded],
  ['Prosody', openProsody],
]
const DIRECTIONS: Direction[] = ['up', 'down']

for (const [name, open] of SERVICES) {
  test.each(DIRECTIONS)(
    `on ${name}, nothing is lost, doubled or out of order when its sockets close in the middle of stanzas on the way %s`,
    async (direction) => {
      const { service, domain, stop } = await open()
      cleanups.push(stop)
      const wire = await HalvingWire.to(service)
      cleanups.push(() => wire.close())
      const [near, far] = await Promise.all([joined(wire.url, domain), joined(service, domain)])
      await vi.waitFor(() => expect([near.peers.size, far.peers.size]).toEqual([1, 1]), PATIENCE)
      const heard = { near: numbersTo(near), far: numbersTo(far) }
      let sent = 0
      for (let cut = 1; cut <= CUTS; cut++) {
        wire.halveNext(direction)
        while (wire.cuts < cut) {
          const burst = Array.from({ length: BURST }, () => numbered(sent++))
          await Promise.all(burst.flatMap((bytes) => [near.send(far.address, bytes), far.send(near.address, bytes)]))
        }
      }
      const all = Array.from({ length: sent }, (_, number) => number)
      expect([wire.cuts, heard.near, heard.far]).toEqual([CUTS, all, all])
    },
    TEST_TIMEOUT_MS,
  )
}

/** Stands between a client and a service, and cuts what is open in the middle of what it passes on. */
class HalvingWire {
  readonly url: string
  cuts = 0
  private direction: Direction | undefined
  private readonly server: Server
  private readonly sockets = new Set<Socket>()

  private constructor(service: string, server: Server) {
    const { port, hostname } = new URL(service)
    const url = new URL(service)
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.url = url.href
    this.server = server
    server.on('connection', (near) => {
      const far = dial(Number(port), hostname)
      this.pass(near, far, 'up')
      this.pass(far, near, 'down')
    })
  }

  static async to(service: string): Promise<HalvingWire> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new HalvingWire(service, server)
  }

  halveNext(direction: Direction): void {
    this.direction = direction
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private pass(from: Socket, to: Socket, direction: Direction): void {
    this.sockets.add(from)
    from.on('error', () => {})
    from.on('close', () => {
      this.sockets.delete(from)
      to.destroy()
    })
    from.on('data', (data) => {
      if (this.direction !== direction || data.byteLength < MIN_BYTES) {
        to.write(data)
        return
      }
      this.direction = undefined
      this.cuts++
      // Closed in order, so that the half arrives.
      to.end(data.subarray(0, data.byteLength / 2))
      from.destroy()
    })
  }
}

async function openEmbedded(): Promise<Grounds> {
  const service = createXmppService()
  const { url } = await service.listen()
  return { service: url, domain: service.domain, stop: () => service.close() }
}

async function openProsody(): Promise<Grounds> {
  const { service, domain, stop } = await startProsody()
  return { service, domain, stop }
}

async function joined(service: string, domain: string): Promise<Ring> {
  const ring = await join({ namespace: 'halved/1', xmpp: { service, domain }, storage: memoryStorage() })
  cleanups.push(() => ring.leave())
  return ring
}

function numbered(number: number): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

function numbersTo(ring: Ring): number[] {
  const numbers: number[] = []
  ring.on('message', ({ data }) => numbers.push(new DataView(data.buffer, data.byteOffset).getUint32(0)))
  return numbers
}
