/** What others can make a node keep has an end, and what is over it is refused and counted. */
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { Effect } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { MAX_CHANNELS } from './link-keeper.ts'
import { MAX_QUEUED_BYTES, MAX_QUEUED_TOTAL_BYTES } from './message-streams.ts'
import { MAX_REASONS, Node } from './node.ts'
import { MAX_PENDING } from './requests.ts'
import { LEAF, NEAR } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { randomAddresses } from './test-ring.ts'
import { encodeFrame, encodeRequest, WIRE_VERSION } from './wire.ts'

const NAMESPACE = 'e'.repeat(40)
const self = nodeAddress(new Uint8Array(20).fill(40))
const others = randomAddresses(300, seededRandom(3))
const far = others[0] as Address

function makeNode(): Node {
  const transports = [{ scheme: 'xmpp', kind: 'relay' as const }]
  return new Node({ address: self, incarnation: 1, namespace: NAMESPACE, transports }, seededRandom(1))
}

function link(node: Node, channel: number, from: Address): Effect[] {
  const start = encodeFrame({
    type: 'start',
    version: WIRE_VERSION,
    namespace: NAMESPACE,
    attempt: -channel,
    incarnation: 5,
    from,
    to: undefined,
    endpoints: [],
    status: { roles: LEAF, hidden: false, size: 1, neighbours: [] },
  })
  return [
    ...node.handle({ type: 'channel-arrived', channel, endpoint: endpointOf('xmpp', 'x'), kind: 'direct' }, 10),
    ...node.handle({ type: 'frame', channel, bytes: start }, 10),
    ...node.handle({ type: 'frame', channel, bytes: encodeFrame({ type: 'confirm', attempt: -channel }) }, 10),
  ]
}

describe('a node has at most so many', () => {
  test('channels to one other node, which never gives up the ones before', () => {
    const node = makeNode()
    for (let channel = -1; channel >= -50; channel--) link(node, channel, far)
    expect(node.table.get(far)?.channels).toHaveLength(MAX_CHANNELS)
    expect(node.counters.get('link: too many channels')).toBe(50 - MAX_CHANNELS)
  })

  test('connections', () => {
    const node = makeNode()
    for (const [index, address] of others.entries()) link(node, -1 - index, address)
    expect(node.table.size).toBe(256)
    expect(node.counters.get('link: too many connections')).toBe(others.length - 256)
  })

  test('diallers that say nothing, so that it can dial all the same', () => {
    const node = makeNode()
    for (let channel = -1; channel >= -300; channel--) {
      node.handle({ type: 'channel-arrived', channel, endpoint: endpointOf('xmpp', 'x'), kind: 'relay' }, 0)
    }
    expect(node.counters.get('link: too many at once')).toBe(300 - 96)
    const appeared = { type: 'candidate-appeared', endpoint: endpointOf('xmpp', 'new'), elder: true } as const
    expect(node.handle(appeared, 1)).toContainEqual(expect.objectContaining({ type: 'dial' }))
  })

  test('dials under way for those who ask for them', () => {
    const node = makeNode()
    link(node, -1, far)
    let dials = 0
    for (const [index, source] of others.slice(1).entries()) {
      const endpoints = [endpointOf('xmpp', `nobody${index}`)]
      const request = { id: index, via: undefined, method: 'connect', role: NEAR, endpoints, forwarders: [] } as const
      const payload = encodeRequest({ ...request, endpoints, forwarders: [] })
      const packet = {
        type: 'packet',
        mode: 'exact',
        hops: 1,
        ttl: 9,
        body: 'request',
        source,
        destination: self,
      } as const
      const effects = node.handle({ type: 'frame', channel: -1, bytes: encodeFrame({ ...packet, payload }) }, 20)
      dials += effects.filter(({ type }) => type === 'dial').length
    }
    expect(dials).toBe(64)
    expect(node.counters.get('connect: dialling too many already')).toBe(others.length - 1 - 64)
  })

  test('questions of its own at once', () => {
    const node = makeNode()
    link(node, -1, far)
    for (let ticket = 0; ticket < MAX_PENDING + 50; ticket++) node.handle({ type: 'find', ticket, key: far }, 20)
    expect(node.counters.get('request: too many at once')).toBeGreaterThanOrEqual(50)
  })

  test('reasons counted', () => {
    const node = makeNode()
    for (let number = 0; number < 1_000; number++) node.count(`closed because of ${number}`)
    expect(node.counters.size).toBe(MAX_REASONS + 1)
    expect(node.counters.get('other reasons')).toBe(1_000 - MAX_REASONS)
  })

  test('bytes that wait for one node, and for all nodes together', () => {
    const node = makeNode()
    const data = new Uint8Array(60_000)
    const accepted = (to: Address) => {
      let bytes = 0
      for (let ticket = 0; ticket < 300; ticket++) {
        const effects = node.handle({ type: 'send', ticket, to, data }, 20)
        if (!effects.some(({ type }) => type === 'settle')) bytes += data.length
      }
      return bytes
    }
    let total = accepted(far)
    expect(total).toBeLessThanOrEqual(MAX_QUEUED_BYTES)
    expect(total).toBeGreaterThan(MAX_QUEUED_BYTES / 2)
    for (const address of others.slice(1, 8)) total += accepted(address)
    expect(total).toBeLessThanOrEqual(MAX_QUEUED_TOTAL_BYTES)
    expect(total).toBeGreaterThan(MAX_QUEUED_TOTAL_BYTES / 2)
    expect(node.counters.get('stream: too much unsent')).toBeGreaterThan(0)
  })

  test('broadcasts of its own a second, and who asks for more is told', () => {
    const node = makeNode()
    link(node, -1, far)
    const settled: (string | undefined)[] = []
    for (let ticket = 0; ticket < 10_000; ticket++) {
      for (const effect of node.handle({ type: 'broadcast', ticket, data: new Uint8Array(1) }, 20)) {
        if (effect.type === 'settle') settled.push(effect.failure)
      }
    }
    expect(settled.filter((failure) => failure === 'too-much-unsent').length).toBeGreaterThan(5_000)
    expect(settled.filter((failure) => failure === 'too-much-unsent').length).toBeLessThan(8_000)
  })
})
