/** The transport that makes channels of tunnels, over real nodes: two that cannot reach each other, and one in between. */
import { describe, it } from 'vitest'
import { nodeAddress } from '../overlay/address.ts'
import { tunnelTo } from '../overlay/tunnel-channels.ts'
import type { Transport } from '../ports.ts'
import { type Inhabitant, World } from '../sim/world.ts'
import { CONFORMANCE_CASES, type TransportPair } from './conformance.ts'

/** What only the forwarder could see to, which keeps nothing of those for whom it forwards. */
const BEYOND_TUNNELS = new Set([
  // The largest is less here, and the sender is stopped: see tunnel.test.ts.
  'carries frames of every size up to the largest, whole',
  'closes and counts when a frame is larger than allowed',
  // Nothing tells how much is under way beyond the first link.
  'is congested when much waits, and writable again once it has left',
  'cuts off a sender that never waits, so that memory is bounded',
])

describe('the tunnel transport', () => {
  for (const each of CONFORMANCE_CASES.filter(({ name }) => !BEYOND_TUNNELS.has(name))) {
    it(each.name, async () => {
      const { world, pair } = apart()
      const pump = setInterval(() => world.run(5), 0)
      try {
        await each.run(pair)
      } finally {
        clearInterval(pump)
        pair.a.close()
        pair.b.close()
      }
    })
  }
})

function apart(): { world: World; pair: TransportPair } {
  const world = new World({ seed: 1, reachable: (a, b) => new Set([a, b, 'n1', 'n2']).size > 2 })
  const [a, b] = world.addMany(3) as [Inhabitant, Inhabitant]
  const hasTunnel = () => a.node.table.get(b.address)?.active?.kind === 'tunnel'
  if (!world.runUntil(() => world.isOneRing && hasTunnel(), 60_000)) throw new Error('the two have no tunnel')
  // Each has told the other by now who forwards to it.
  world.run(5_000)
  // From here on the world is one of promises, too, whose turns are microtasks.
  world.clock.soon = queueMicrotask
  return { world, pair: { a: tunnelsOf(a), b: tunnelsOf(b), nowhere: tunnelTo(nodeAddress(new Uint8Array(20))) } }
}

/** With an endpoint, which a page has no use for. */
function tunnelsOf({ transports, address }: Inhabitant): Transport {
  const tunnels = transports.find(({ scheme }) => scheme === 'tunnel') as Transport
  return Object.defineProperty(tunnels, 'endpoint', { value: tunnelTo(address) })
}
