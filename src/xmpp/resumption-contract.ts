/**
 * What does a short cut do, where the service has stream management (XEP-0198)? The acceptance suite of resumption; run
 * against a scripted service beside this file, and against real ones end to end. For tests only.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { CuttableWire } from './cuttable-wire.ts'
import { memoryStorage } from './memory-storage.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import { XmppSession } from './session.ts'
import { xml } from './stanza.ts'

const PATIENCE = { timeout: 10_000, interval: 20 }

export type ResumingService = { service: string; domain: string; close(): Promise<void> }

export function resumptionContract(name: string, setup: () => Promise<ResumingService>): void {
  describe(`resumption on ${name}`, { timeout: 30_000 }, () => {
    let grounds: ResumingService
    let session: XmppSession
    let wire: CuttableWire
    let told: string[]

    beforeAll(async () => {
      installNodeWebSocket()
      grounds = await setup()
    })
    afterAll(() => grounds.close())
    afterEach(async () => {
      await session.stop()
      await wire.close()
    })

    const ping = () =>
      session.request({ type: 'get', to: grounds.domain, child: xml('ping', { xmlns: 'urn:xmpp:ping' }) })
    const start = async () => {
      wire = await CuttableWire.to(grounds.service)
      const { domain } = grounds
      const storage = memoryStorage()
      session = new XmppSession({ service: wire.url, domain, resource: 'balcony', storage, random: Math.random })
      await session.start()
      // Stream management is asked for after the binding and perhaps after the first request, but before the second.
      await ping()
      await ping()
      told = []
      session.onOffline(() => told.push('offline'))
      session.onOnline((jid) => told.push(jid))
      told.length = 0
    }
    /** Told by the session itself: it may be online again before anybody who asks from time to time has asked. */
    const leavesOnline = () =>
      new Promise<void>((resolve) => {
        const stop = session.onState(({ name }) => {
          if (name === 'online') return
          stop()
          resolve()
        })
      })
    const cutAndWait = async () => {
      const noticed = leavesOnline()
      wire.cut()
      await noticed
      await vi.waitFor(() => expect(session.state.name).toBe('online'), PATIENCE)
    }

    test('a short cut keeps the full JID, and nobody is told', async () => {
      await start()
      const { jid } = session
      await cutAndWait()
      expect(session.jid).toBe(jid)
      expect(told).toEqual([])
      await ping()
    })

    test('the binding survives a second cut', async () => {
      await start()
      const { jid } = session
      await cutAndWait()
      await cutAndWait()
      expect(session.jid).toBe(jid)
      expect(told).toEqual([])
      await ping()
    })

    test('what was asked before, at and after the cut is answered, once each', async () => {
      await start()
      const before = [ping(), ping()]
      const noticed = leavesOnline()
      wire.cut()
      const at = [ping(), ping()]
      await noticed
      const after = [ping(), ping()]
      await Promise.all([...before, ...at, ...after])
      expect(session.dropped.get('late-answer')).toBeUndefined()
      expect(told).toEqual([])
    })
  })
}
