import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import { firstContact } from './connector.ts'
import type { Effect } from './effects.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import { NEAR } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { decodeFrame, encodeFrame } from './wire.ts'

const low = nodeAddress(new Uint8Array(20).fill(16))
const high = nodeAddress(new Uint8Array(20).fill(200))
const [tab, relay, direct] = ['tab', 'xmpp', 'webrtc'].map((scheme) => endpointOf(scheme, 'there')) as [
  Endpoint,
  Endpoint,
  Endpoint,
]
/** Longer than the lesser end waits for the greater one's offer. */
const UPGRADED_MS = 10_000

/** A node with a link by relay to one who says that it can be reached in every way. */
function linkedByRelay(): Node {
  const transports = [
    { scheme: 'tab', kind: 'direct' as const, nearby: true },
    { scheme: 'xmpp', kind: 'relay' as const },
    { scheme: 'webrtc', kind: 'direct' as const },
  ]
  const node = new Node({ address: low, incarnation: 1, namespace: 'c'.repeat(40), transports }, seededRandom(1))
  const [dial] = node.handle({ type: 'candidate-appeared', endpoint: relay, elder: true }, 0)
  if (dial?.type !== 'dial') throw new Error('nobody was dialled')
  const [transmit] = node.handle({ type: 'channel-opened', channel: dial.channel, kind: 'relay' }, 1)
  const start = transmit?.type === 'transmit' ? decodeFrame(transmit.bytes) : undefined
  if (start?.type !== 'start') throw new Error('nothing was said')
  const bytes = encodeFrame({
    type: 'accept',
    attempt: start.attempt,
    incarnation: 7,
    from: high,
    endpoints: [tab, relay, direct],
    status: { roles: NEAR, hidden: false, size: 2, neighbours: [] },
  })
  node.handle({ type: 'frame', channel: dial.channel, bytes }, 2)
  return node
}

/** Whom the node dials from now on; every dial is in vain. */
function dials(node: Node): Endpoint[] {
  const dialled: Endpoint[] = []
  for (let now = node.deadlineMs; now !== undefined && now <= UPGRADED_MS; now = node.deadlineMs) {
    for (const effect of node.handle({ type: 'wake' }, now) as Effect[]) {
      if (effect.type !== 'dial') continue
      dialled.push(effect.endpoint)
      node.handle({ type: 'channel-closed', channel: effect.channel, reason: 'in vain' }, now)
    }
  }
  return dialled
}

describe('an endpoint that only those nearby can reach', () => {
  test('is left alone while rendezvous does not show it, whatever a far node says', () => {
    const dialled = dials(linkedByRelay())
    expect(dialled).toContain(direct)
    expect(dialled).not.toContain(tab)
  })

  test('is dialled once rendezvous shows it', () => {
    const node = linkedByRelay()
    node.handle({ type: 'candidate-appeared', endpoint: tab, elder: false }, 3)
    expect(dials(node)[0]).toBe(tab)
  })

  test('is the first contact only where rendezvous shows it', () => {
    const { config } = linkedByRelay()
    const shown = (isShown: boolean) =>
      firstContact({ config, endpoints: [relay, tab], shows: () => isShown }, [relay, tab], high)
    expect(shown(false)).toBe(relay)
    expect(shown(true)).toBe(tab)
  })
})
