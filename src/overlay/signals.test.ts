import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import type { Effect } from './effects.ts'
import { endpointOf } from './endpoint.ts'
import type { NodeCore } from './node-core.ts'
import { MAX_SIGNAL_BYTES, Signals } from './signals.ts'
import { TestPair } from './test-pair.ts'
import { connect } from './test-ring.ts'
import { decodeFrame, encodeFrame, type Outbound } from './wire.ts'

const at = (place: number): Address => nodeAddress(new Uint8Array(20).fill(place))
const [self, far] = [at(10), at(40)]
const DATA = Uint8Array.of(1, 2, 3)

/** Signals of a node that has these links; where each one leaves for. */
function setup(forwarders: Address[] = []) {
  const table = new ConnectionTable(self)
  const sent: Address[] = []
  const counted: string[] = []
  const effects: Effect[] = []
  // What signals touch of a node, and no more.
  const core = {
    config: { address: self, perSide: 2 },
    table,
    nowMs: 0,
    count: (reason: string) => counted.push(reason),
    sendPacket: ({ destination }: Outbound) => sent.push(destination) > 0,
    emit: (effect: Effect) => effects.push(effect),
  }
  const signals = new Signals(core as unknown as NodeCore, () => forwarders)
  const link = (place: number, heardAtMs: number, names: Address[] = []): Connection => {
    const connection = connect(table, at(place))
    connection.status.neighbours = names
    for (const channel of connection.channels) channel.heardAtMs = heardAtMs
    return connection
  }
  const ways = (attempts: number) => {
    sent.length = 0
    for (let attempt = 0; attempt < attempts; attempt++) signals.send(far, DATA, attempt)
    return sent
  }
  return { table, signals, link, ways, counted, effects }
}

describe('a signal', () => {
  test('takes the link to its node, then those that name it, then the ring, and begins anew', () => {
    const { link, ways } = setup()
    link(20, 5, [far])
    link(30, 9, [far])
    link(50, 20)
    link(40, 1)
    expect(ways(5)).toEqual([far, at(30), at(20), far, far])
  })

  test('to one who is named by nobody leaves by way of the ring', () => {
    const { link, ways } = setup()
    link(20, 5)
    expect(ways(2)).toEqual([far, far])
  })

  test('takes those who are named as forwarders by the node itself', () => {
    const { link, ways } = setup([at(20), at(60)])
    link(20, 5)
    expect(ways(2)).toEqual([at(20), far])
  })

  test('takes a link that may be gone only when there is no other way left', () => {
    const { table, link, ways } = setup()
    link(20, 5, [far])
    table.suspect(link(40, 1), 2)
    expect(ways(1)).toEqual([at(20)])
  })

  test('to ourselves, or to what is no node, goes nowhere', () => {
    const { signals, counted } = setup()
    signals.send(self, DATA, 0)
    signals.send('f'.repeat(40) as Address, DATA, 0)
    expect(counted).toEqual(['signal: to no other node', 'signal: to no other node'])
  })

  test('that is larger than any of ours may be is dropped and counted', () => {
    const { signals, counted, effects } = setup()
    signals.received(far, new Uint8Array(MAX_SIGNAL_BYTES + 1), true)
    signals.received(far, new Uint8Array(MAX_SIGNAL_BYTES), true)
    expect(counted).toEqual(['signal: too large'])
    expect(effects).toHaveLength(1)
    expect(() => signals.send(far, new Uint8Array(MAX_SIGNAL_BYTES + 1), 0)).toThrow('at most')
  })

  test('reaches the far end of a link as it was sent', () => {
    const pair = new TestPair(at(10), at(40), { instantChannels: true })
    pair.connectBoth()
    pair.play([])
    const [effect] = pair.a.handle({ type: 'signal', to: far, data: DATA, attempt: 0 }, pair.nowMs)
    if (effect?.type !== 'transmit') throw new Error('nothing was sent')
    const channel = pair.live.a.get(effect.channel) as number
    const effects = pair.b.handle({ type: 'frame', channel, bytes: effect.bytes }, pair.nowMs)
    expect(effects).toContainEqual(expect.objectContaining({ type: 'signalled', from: self, data: DATA }))
  })

  test('passes through the one who names its node', () => {
    // b is linked to us and to nobody else: what it is given to forward comes back, as that is where it leads.
    const pair = new TestPair(at(10), at(40), { instantChannels: true })
    pair.connectBoth()
    pair.play([])
    const route = { type: 'packet', mode: 'exact', ttl: 9, source: at(90) } as const
    const inner = encodeFrame({ ...route, hops: 0, body: 'signal', destination: self, payload: DATA })
    const bytes = encodeFrame({ ...route, hops: 1, body: 'forward', destination: far, payload: inner })
    const [toB] = pair.live.b.keys()
    const effects = pair.b.handle({ type: 'frame', channel: toB as number, bytes }, pair.nowMs)
    const forwarded = effects.flatMap((each) => (each.type === 'transmit' ? [decodeFrame(each.bytes)] : []))
    expect(forwarded).toContainEqual(expect.objectContaining({ body: 'signal', destination: self, payload: DATA }))
  })
})

test('a node that takes part says so by endpoints with its own address, whatever service it has', () => {
  const throughRing = endpointOf('xmpp', self)
  const served = endpointOf('xmpp', 'a@example.org/1')
  const { a } = new TestPair(self, far, { throughRing: true })
  a.handle({ type: 'endpoints-changed', endpoints: [served] }, 1)
  expect(a.endpoints).toEqual([served, throughRing])
  a.handle({ type: 'endpoints-changed', endpoints: [] }, 2)
  expect(a.endpoints).toEqual([throughRing])
})
