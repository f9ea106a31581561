import { describe, expect, test } from 'vitest'
import { type Address, moveLeft, moveRight, nodeAddress } from './address.ts'
import type { ChannelId, Effect } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { MAX_NEWCOMERS } from './newcomers.ts'
import { Node } from './node.ts'
import { LEAF } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { encodeFrame, WIRE_VERSION } from './wire.ts'

const NAMESPACE = 'd'.repeat(40)
const self = nodeAddress(new Uint8Array(20).fill(40))
const step = (value: number) => (2 * value).toString(16).padStart(40, '0') as Address
/** Right beside us on either side, one after the other. */
const beside = (index: number) => (index % 2 ? moveLeft : moveRight)(self, step(index + 1) as never)
const elsewhere = (index: number) => nodeAddress(new Uint8Array(20).fill(100 + index))

/** One that others dial; each is linked at once where it is let in. */
function makeNode() {
  const transports = [{ scheme: 'xmpp', kind: 'relay' as const }]
  const node = new Node(
    { address: self, incarnation: 1, namespace: NAMESPACE, perSide: 2, transports },
    seededRandom(1),
  )
  let dialled = 0
  const arrive = (from: Address, nowMs: number): Effect[] => {
    const channel: ChannelId = -++dialled
    const endpoint = endpointOf('xmpp', `far${dialled}`)
    const proved = { address: from, accept: node.acceptance() }
    node.handle({ type: 'channel-arrived', channel, endpoint, kind: 'relay', proved }, nowMs)
    const status = { roles: LEAF, hidden: false, size: 1, neighbours: [] }
    const facts = { version: WIRE_VERSION, namespace: NAMESPACE, attempt: 1, incarnation: 5, from, to: undefined }
    const start = encodeFrame({ type: 'start', ...facts, endpoints: [endpoint], status })
    return node.handle({ type: 'frame', channel, bytes: start }, nowMs)
  }
  return { node, arrive }
}

describe('a node beside which many appear at once', () => {
  test('is linked to a few of them, and to whoever lies elsewhere', () => {
    const { node, arrive } = makeNode()
    for (let index = 0; index < 3 * MAX_NEWCOMERS; index++) arrive(beside(index), index)
    expect(node.table.size).toBe(MAX_NEWCOMERS)
    expect(node.counters.get('link: too many newcomers beside us')).toBe(2 * MAX_NEWCOMERS)
    for (let index = 0; index < 10; index++) arrive(elsewhere(index), 100)
    expect(node.table.size).toBe(MAX_NEWCOMERS + 10)
  })

  test('closes the channel of who is too many', () => {
    const { arrive } = makeNode()
    for (let index = 0; index < MAX_NEWCOMERS; index++) arrive(beside(index), 0)
    expect(arrive(beside(MAX_NEWCOMERS), 0)).toContainEqual({
      type: 'close',
      channel: -MAX_NEWCOMERS - 1,
      reason: 'crowded',
    })
  })

  test('lets more of them in when those who came have been there for a while', () => {
    const { node, arrive } = makeNode()
    for (let index = 0; index < MAX_NEWCOMERS; index++) arrive(beside(index), 0)
    arrive(beside(MAX_NEWCOMERS), 59_000)
    expect(node.table.get(beside(MAX_NEWCOMERS))).toBeUndefined()
    arrive(beside(MAX_NEWCOMERS), 60_000)
    expect(node.table.get(beside(MAX_NEWCOMERS))).toBeDefined()
  })
})
