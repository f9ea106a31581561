import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Storage } from '../ports.ts'
import { CuttableWire } from './cuttable-wire.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import { realClock } from './real-clock.ts'
import { resumptionContract } from './resumption-contract.ts'
import { XmppSession } from './session.ts'
import { ScriptedService } from './test-scripted-service.ts'

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
    const service = await ScriptedService.listen(mechanism === undefined ? {} : { mechanisms: [mechanism] })
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
