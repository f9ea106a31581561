import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import { firstContact } from './connector.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { nodeConfig } from './node-config.ts'
import { endpointsOf, ringEndpoints } from './ring-endpoint.ts'

const [self, far] = [nodeAddress(new Uint8Array(20).fill(10)), nodeAddress(new Uint8Array(20).fill(40))]
const RELAY = { scheme: 'xmpp', kind: 'relay' } as const
const DIRECT = { scheme: 'webrtc', kind: 'direct', throughRing: true } as const
const SERVED_ONLY = { scheme: 'webrtc', kind: 'direct' } as const

const NOBODY_NEARBY = { shows: () => false }

const served = ['xmpp', 'webrtc'].map((scheme) => endpointOf(scheme, 'far@example.org/1')) as [Endpoint, Endpoint]
const throughRing = endpointOf('webrtc', far)
const own = [endpointOf('xmpp', 'self@example.org/1'), endpointOf('webrtc', 'self@example.org/1')]

function contact(ours: Endpoint[], theirs: Endpoint[], transports: (typeof RELAY | typeof SERVED_ONLY)[]) {
  const config = nodeConfig({ address: self, incarnation: 1, namespace: 'a'.repeat(40), transports })
  return firstContact({ config, endpoints: [...ours, ...ringEndpoints(config)], ...NOBODY_NEARBY }, theirs, far)
}

describe('whom a node can dial', () => {
  test('is dialled through the ring before any service is asked for it', () => {
    expect(endpointsOf(DIRECT, [...served, throughRing], far, NOBODY_NEARBY)).toEqual([throughRing, served[1]])
  })

  test('is dialled by way of the service where either end knows no other', () => {
    expect(endpointsOf(DIRECT, served, far, NOBODY_NEARBY)).toEqual([served[1]])
    expect(endpointsOf(SERVED_ONLY, [...served, throughRing], far, NOBODY_NEARBY)).toEqual([served[1]])
    expect(endpointsOf(SERVED_ONLY, [throughRing], far, NOBODY_NEARBY)).toEqual([])
  })

  test('does not take somebody else’s address for its own', () => {
    expect(endpointsOf(DIRECT, [endpointOf('webrtc', self)], far, NOBODY_NEARBY)).toEqual([endpointOf('webrtc', self)])
  })
})

describe('a first contact', () => {
  const all = [...served, throughRing]

  test('is a relay while both have their service', () => {
    expect(contact(own, all, [RELAY, DIRECT])).toBe(served[0])
  })

  test('goes through the ring when either end has lost it', () => {
    expect(contact(own, [throughRing], [RELAY, DIRECT])).toBe(throughRing)
    expect(contact([], all, [RELAY, DIRECT])).toBe(throughRing)
  })

  test('is tried by way of a service that we have lost when there is nothing else', () => {
    expect(contact([], served, [RELAY, DIRECT])).toBe(served[0])
    expect(contact([], all, [RELAY, SERVED_ONLY])).toBe(served[0])
  })
})
