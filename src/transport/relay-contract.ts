/**
 * Does the relay carry what a transport must carry, whatever the XMPP service? Every conformance case over two sessions
 * of strangers; run against the embedded service beside this file, and against real ones end to end. For tests only.
 */
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../xmpp/node-websocket.ts'
import { realClock } from '../xmpp/real-clock.ts'
import { XmppSession } from '../xmpp/session.ts'
import { CONFORMANCE_CASES } from './conformance.ts'
import { XmppRelay } from './xmpp-relay.ts'

export type RelayingService = { service: string; domain: string; close(): Promise<void> }

export function relayContract(name: string, setup: () => Promise<RelayingService>): void {
  describe(`the relay on ${name}`, () => {
    let grounds: RelayingService
    const sessions: XmppSession[] = []

    beforeAll(async () => {
      installNodeWebSocket()
      grounds = await setup()
    })
    afterEach(async () => {
      await Promise.all(sessions.splice(0).map((session) => session.stop()))
    })
    afterAll(() => grounds.close())

    const signIn = async (resource: string) => {
      const { service, domain } = grounds
      const session = new XmppSession({ service, domain, resource, storage: memoryStorage(), random: Math.random })
      sessions.push(session)
      await session.start()
      return new XmppRelay(session, realClock, Math.random)
    }

    for (const each of CONFORMANCE_CASES) {
      test(each.name, async () => {
        const [a, b] = await Promise.all([signIn('a'), signIn('b')])
        try {
          await each.run({ a, b, nowhere: endpointOf('xmpp', `nobody@${grounds.domain}/nowhere`) })
        } finally {
          a.close()
          b.close()
        }
      })
    }
  })
}
