/** What becomes of messages to somebody whom we have no link to, and no keys for yet? */
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { Effect, Input } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import type { Sealer } from './sealer.ts'
import { seededRandom } from './seeded-random.ts'
import { TestPair } from './test-pair.ts'
import { decodeFrame } from './wire.ts'

const [A, B, FAR] = [1, 2, 3].map((value) => nodeAddress(new Uint8Array(20).fill(2 * value))) as [
  Address,
  Address,
  Address,
]
const WORDS = Uint8Array.of(77, 78, 79)

/** A node with one link, to somebody who knows nobody else. */
function linkedNode() {
  const known = new Set<Address>()
  const sealer: Sealer = {
    knows: (to) => known.has(to),
    seal: (to, plain) => (known.has(to) ? plain.map((byte) => byte ^ 255) : undefined),
    open: (from, sealed) => (known.has(from) ? sealed.map((byte) => byte ^ 255) : 'unknown session'),
  }
  const pair = new TestPair(A, B, { instantChannels: true, sealer })
  pair.connectBoth()
  pair.play([])
  expect(pair.a.table.get(B)?.active).toBeDefined()
  const effects: Effect[] = []
  const give = (input: Input) => {
    const all = pair.a.handle(input, pair.nowMs)
    effects.push(...all)
    return all
  }
  /** Woken when it is due. */
  const pass = (forMs: number) => {
    const untilMs = pair.nowMs + forMs
    for (;;) {
      const dueMs = pair.a.deadlineMs
      if (dueMs === undefined || dueMs > untilMs) break
      pair.nowMs = Math.max(pair.nowMs, dueMs)
      give({ type: 'wake' })
    }
    pair.nowMs = untilMs
  }
  const of = (type: Effect['type']) => effects.filter((effect) => effect.type === type)
  const packets = () =>
    effects.flatMap((effect) => {
      const frame = effect.type === 'transmit' ? decodeFrame(effect.bytes.slice()) : undefined
      return frame?.type === 'packet' && frame.destination === FAR ? [frame.body] : []
    })
  return { pair, known, give, pass, of, packets }
}

const toFar = (ticket: number): Input => ({ type: 'send', ticket, to: FAR, data: WORDS })

describe('messages to somebody we have no link to', () => {
  test('wait until we are introduced, which is asked for once, and then leave sealed', () => {
    const { known, give, of, packets } = linkedNode()
    for (const ticket of [1, 2, 3]) give(toFar(ticket))
    expect(of('introduce')).toEqual([{ type: 'introduce', to: FAR, reason: 'to-send' }])
    expect(packets()).toEqual([])
    known.add(FAR)
    give({ type: 'introduced', to: FAR })
    expect(packets()).toEqual(['sealed', 'sealed', 'sealed'])
  })

  test('ask again for what does not come about, and fail in the end like all that arrives nowhere', () => {
    const { give, of, pass, packets } = linkedNode()
    give(toFar(1))
    pass(19_000)
    expect(of('introduce').length).toBeGreaterThanOrEqual(4)
    expect(of('introduce').length).toBeLessThanOrEqual(6)
    expect([of('settle'), packets()]).toEqual([[], []])
    // The only link is a relay, by which others may take a minute.
    pass(42_000)
    expect(of('settle')).toEqual([{ type: 'settle', ticket: 1, failure: 'unreachable' }])
  })

  test('leave at once where there are keys', () => {
    const { known, give, of, packets } = linkedNode()
    known.add(FAR)
    give(toFar(1))
    expect([of('introduce'), packets()]).toEqual([[], ['sealed']])
  })

  test('go again, with the new keys, when we were introduced anew', () => {
    const { known, give, packets } = linkedNode()
    known.add(FAR)
    give(toFar(1))
    give({ type: 'introduced', to: FAR })
    expect(packets()).toEqual(['sealed', 'sealed'])
  })
})

describe('messages to somebody we have a link to', () => {
  test('need no introduction, and do not go twice when there is one', () => {
    const { known, give, of } = linkedNode()
    const before = of('transmit').length
    give({ type: 'send', ticket: 1, to: B, data: WORDS })
    known.add(B)
    give({ type: 'introduced', to: B })
    const sent = of('transmit').slice(before) as Extract<Effect, { type: 'transmit' }>[]
    expect(sent.map(({ bytes }) => decodeFrame(bytes.slice())?.type)).toEqual(['data'])
    expect(of('introduce')).toEqual([])
  })
})

test('a node that is alone asks for no introduction', () => {
  const sealer: Sealer = { knows: () => false, seal: () => undefined, open: () => 'unknown session' }
  const facts = { address: A, incarnation: 1, namespace: 'c'.repeat(40), transports: [], sealer }
  const node = new Node(facts, seededRandom(1))
  node.handle({ type: 'endpoints-changed', endpoints: [endpointOf('xmpp', 'a')] }, 0)
  expect(node.handle(toFar(1), 1)).toEqual([])
})
