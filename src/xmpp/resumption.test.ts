import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type WebSocket as ServerSocket, WebSocketServer } from 'ws'
import type { Storage } from '../ports.ts'
import { CuttableWire } from './cuttable-wire.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import { realClock } from './real-clock.ts'
import { resumptionContract } from './resumption-contract.ts'
import { XmppSession } from './session.ts'
import { type Element, parseXml } from './stanza.ts'

resumptionContract('a scripted service', async () => {
  const service = await ScriptedService.listen()
  return { service: service.url, domain: 'localhost', close: () => service.close() }
})

describe('resumption that fails', () => {
  const cleanups: (() => unknown)[] = []
  beforeAll(installNodeWebSocket)
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean()
  })

  const start = async ({ speed = 1, mechanism }: { speed?: number; mechanism?: 'ANONYMOUS' } = {}) => {
    const service = await ScriptedService.listen(mechanism)
    const wire = await CuttableWire.to(service.url)
    const clock = {
      now: () => realClock.now() * speed,
      wakeAt: (at: number, wake: () => void) => realClock.wakeAt(at / speed, wake),
    }
    const session = new XmppSession({
      service: wire.url,
      resource: 'r',
      storage: noStorage,
      random: Math.random,
      clock,
    })
    cleanups.push(
      () => service.close(),
      () => wire.close(),
      () => session.stop(),
    )
    await session.start()
    if (mechanism === undefined) await vi.waitFor(() => expect(service.enabled).toBe(1))
    const told: string[] = []
    session.onOffline(() => told.push('offline'))
    session.onOnline((jid) => told.push(jid))
    told.length = 0
    return { service, wire, session, told }
  }

  test('a service that has forgotten the binding gives a new one, and all are told in order', async () => {
    const { service, wire, session, told } = await start()
    const old = session.jid
    service.forget()
    wire.cut()
    await vi.waitFor(() => expect(told).toHaveLength(2))
    expect(told).toEqual(['offline', session.jid])
    expect(session.jid).not.toBe(old)
  })

  test('an anonymous user, who cannot resume, does not ask to be kept, and is told of a cut at once', async () => {
    const { service, wire, told } = await start({ mechanism: 'ANONYMOUS' })
    wire.down()
    await vi.waitFor(() => expect(told).toEqual(['offline']))
    wire.up()
    await vi.waitFor(() => expect(told).toHaveLength(2))
    expect(service.enabled).toBe(0)
  })

  test('a binding that does not come back in time is gone, though the service would have kept it', async () => {
    const { wire, session, told } = await start({ speed: 50 })
    wire.down()
    await vi.waitFor(() => expect(told).toEqual(['offline']))
    expect(session.jid).toBeUndefined()
    wire.up()
    await vi.waitFor(() => expect(session.jid).toBeDefined())
    expect(told).toEqual(['offline', session.jid])
  })
})

const noStorage: Storage = { get: async () => undefined, set: async () => {}, delete: async () => {} }

type Kept = { jid: string; received: number; acknowledged: number; unacknowledged: string[] }

/** Just enough of a service to sign in to, to ping, and to resume: stanzas in each direction are counted and kept. */
class ScriptedService {
  enabled = 0
  private readonly server: WebSocketServer
  private readonly kept = new Map<string, Kept>()
  private readonly mechanism: string
  private bindings = 0

  private constructor(server: WebSocketServer, mechanism: 'PLAIN' | 'ANONYMOUS') {
    this.server = server
    this.mechanism = mechanism
  }

  static async listen(mechanism: 'PLAIN' | 'ANONYMOUS' = 'PLAIN'): Promise<ScriptedService> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'xmpp' })
    const service = new ScriptedService(server, mechanism)
    server.on('connection', (socket) => service.serve(socket))
    await once(server, 'listening')
    return service
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  forget(): void {
    this.kept.clear()
  }

  async close(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private serve(socket: ServerSocket): void {
    let signedIn = false
    let jid = ''
    let kept: Kept | undefined
    const answer = (text: string) => {
      kept?.unacknowledged.push(text)
      socket.send(text)
    }
    const acknowledge = (binding: Kept, h: number) => {
      binding.unacknowledged.splice(0, h - binding.acknowledged)
      binding.acknowledged = h
    }
    socket.on('error', () => {})
    socket.on('message', (data) => {
      const element = parseXml(data.toString()) as Element
      const { name, attrs } = element
      if (name === 'iq' || name === 'presence' || name === 'message') if (kept !== undefined) kept.received++
      if (name === 'open') {
        const offer = signedIn
          ? `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>`
          : `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>${this.mechanism}</mechanism></mechanisms>`
        socket.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' version='1.0'/>`)
        socket.send(`<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${offer}</stream:features>`)
      } else if (name === 'auth') {
        signedIn = true
        socket.send(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`)
      } else if (name === 'enable') {
        this.enabled++
        const id = `sm-${jid}`
        socket.send(`<enabled xmlns='urn:xmpp:sm:3' id='${id}' resume='true'/>`)
        kept = { jid, received: 0, acknowledged: 0, unacknowledged: [] }
        this.kept.set(id, kept)
      } else if (name === 'resume') {
        kept = this.kept.get(attrs.previd)
        if (kept === undefined) {
          socket.send(
            `<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
          )
          return
        }
        socket.send(`<resumed xmlns='urn:xmpp:sm:3' previd='${attrs.previd}' h='${kept.received}'/>`)
        acknowledge(kept, Number(attrs.h))
        for (const text of kept.unacknowledged) socket.send(text)
      } else if (name === 'r') {
        socket.send(`<a xmlns='urn:xmpp:sm:3' h='${kept?.received ?? 0}'/>`)
      } else if (name === 'a' && kept !== undefined) {
        acknowledge(kept, Number(attrs.h))
      } else if (name === 'iq' && element.getChild('bind') !== undefined) {
        jid = `stranger@localhost/${++this.bindings}`
        const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind>`
        socket.send(`<iq xmlns='jabber:client' type='result' id='${attrs.id}'>${bind}</iq>`)
      } else if (name === 'iq') {
        answer(`<iq xmlns='jabber:client' type='result' id='${attrs.id}' from='localhost'/>`)
      }
    })
  }
}
