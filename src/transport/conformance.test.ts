import { describe, it } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { StanzaExchange, timerClock } from '../xmpp/stanza-exchange.ts'
import { CONFORMANCE_CASES, type TransportPair } from './conformance.ts'
import { LocalTabTransport } from './local-tab.ts'
import { MemoryNetwork } from './memory.ts'
import { XmppRelay } from './xmpp-relay.ts'

transportConformance('memory', () => {
  const network = new MemoryNetwork(timerClock, { latencyMs: () => Math.random() * 3 })
  return { a: network.transport('a'), b: network.transport('b'), nowhere: endpointOf('memory', 'c') }
})

transportConformance('xmpp-relay', () => {
  const exchange = new StanzaExchange()
  const relay = (jid: string) => new XmppRelay(exchange.connect(jid), timerClock, Math.random)
  return { a: relay('a@example.org/1'), b: relay('b@example.org/1'), nowhere: endpointOf('xmpp', 'c@example.org/1') }
})

transportConformance('local-tab', () => {
  const tab = () => new LocalTabTransport(timerClock, Math.random)
  return { a: tab(), b: tab(), nowhere: endpointOf('tab', 'nobodynobodynobo') }
})

/** WebRTC passes the same cases in a page: `e2e/conformance-page`. */
function transportConformance(name: string, setup: () => TransportPair): void {
  describe(`the ${name} transport`, () => {
    for (const each of CONFORMANCE_CASES) {
      it(each.name, async () => {
        const pair = setup()
        try {
          await each.run(pair)
        } finally {
          pair.a.close()
          pair.b.close()
        }
      })
    }
  })
}
