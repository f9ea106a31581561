import { describe, it } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { MAX_FRAME_BYTES } from '../ports.ts'
import { SEAL_BYTES } from '../security/frame-seal.ts'
import { generateKeyPair } from '../security/key-pair.ts'
import { StanzaExchange, timerClock } from '../xmpp/stanza-exchange.ts'
import { CONFORMANCE_CASES, type TransportPair } from './conformance.ts'
import { LocalTabTransport } from './local-tab.ts'
import { MemoryNetwork } from './memory.ts'
import { PathTransport } from './pathing.ts'
import { SecureTransport } from './secure-transport.ts'
import { SubringTransport } from './subring.ts'
import { TestCarriers } from './test-carriers.ts'
import { TestConnections } from './test-connections.ts'
import { TestOuterRing } from './test-messages.ts'
import { XmppRelay } from './xmpp-relay.ts'

const MEMBERS = [
  { keyPair: await generateKeyPair(), psk: new Uint8Array(32) },
  { keyPair: await generateKeyPair(), psk: new Uint8Array(32) },
] as const

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

for (const kind of ['direct', 'relay', 'tunnel'] as const) {
  transportConformance(`secure ${kind}`, () => {
    const network = new MemoryNetwork(timerClock, { latencyMs: () => Math.random() * 3, kind })
    const secure = (name: string, member: (typeof MEMBERS)[0]) => {
      const raw = network.transport(name)
      const facts = { namespaceHash: 'c0ffee', clock: timerClock, acceptance: () => new Uint8Array(0) }
      const transport = new SecureTransport(raw, { ...member, ...facts })
      // What the raw one refuses is counted there.
      return Object.defineProperty(transport, 'dropped', { get: () => raw.dropped })
    }
    const largestFrame = MAX_FRAME_BYTES - SEAL_BYTES
    return { a: secure('a', MEMBERS[0]), b: secure('b', MEMBERS[1]), nowhere: endpointOf('memory', 'c'), largestFrame }
  })
}

transportConformance('path', () => {
  const connections = new TestConnections(timerClock)
  const within = (name: string) => {
    const outer = connections.transport(name)
    const transport = new PathTransport({ name: 'c0ffee', carriers: new TestCarriers(outer), clock: timerClock })
    // What a path refuses is counted by the connection that carries it.
    return Object.defineProperty(transport, 'dropped', { get: () => outer.dropped })
  }
  return { a: within('a'), b: within('b'), nowhere: endpointOf('path', 'c') }
})

transportConformance('subring', () => {
  const outer = new TestOuterRing()
  const within = (address: string) =>
    new SubringTransport({ name: 'c0ffee'.padEnd(40, '0'), messages: outer.node(address), random: Math.random })
  return {
    a: within('a'.repeat(40)),
    b: within('b'.repeat(40).replace(/.$/, '8')),
    nowhere: endpointOf('ring', 'c'.repeat(40)),
  }
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
