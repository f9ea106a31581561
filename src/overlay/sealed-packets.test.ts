/** What leaves in plain, what sealed, and what is believed. The sealer here only turns bytes round. */
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { Effect } from './effects.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { SealedPackets } from './sealed-packets.ts'
import type { Sealer } from './sealer.ts'
import { type Body, decodeStreamData, encodeForStream, encodeStreamAck, type Outbound, type Packet } from './wire.ts'

const [US, FAR] = [1, 2].map((value) => nodeAddress(new Uint8Array(20).fill(2 * value))) as [Address, Address]
const turned = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 255)
const CONTENT = { type: 'message', data: Uint8Array.of(1, 2, 3) } as const
const HEAD = { stream: 5, sequence: 6, ackStream: 7, ack: 8 }
const ACK = encodeStreamAck({ ackStream: 7, ack: 8 })

function setUp({ hasSealer = true, hasKeys = true, isRouted = true } = {}) {
  const sealer: Sealer = {
    knows: () => hasKeys,
    seal: (_to, plain) => (hasKeys ? turned(plain) : undefined),
    open: (_from, sealed) => (hasKeys ? turned(sealed) : 'unknown session'),
  }
  const facts = { address: US, incarnation: 1, namespace: 'a'.repeat(40), transports: [] }
  const config = nodeConfig(hasSealer ? { ...facts, sealer } : facts)
  const sent: Pick<Outbound, 'body' | 'payload'>[] = []
  const effects: Effect[] = []
  const counts: string[] = []
  const core = {
    config,
    emit: (effect: Effect) => effects.push(effect),
    count: (reason: string) => counts.push(reason),
    sendPacket: ({ body, payload }: Outbound) => sent.push({ body, payload }),
    sendEncoded: ({ body }: Outbound, bytes: Uint8Array) => sent.push({ body, payload: bytes.subarray(45) }),
  } as unknown as NodeCore
  return { sealed: new SealedPackets(core, () => isRouted), sent, effects, counts }
}

function packet(body: Body, payload: Uint8Array): Packet {
  return { type: 'packet', mode: 'exact', hops: 2, ttl: 9, body, source: FAR, destination: US, payload }
}

const encoded = () => encodeForStream(CONTENT, (bytes) => new Uint8Array(bytes))

describe('what goes through others', () => {
  test('is sealed, and is at the far end what it was', () => {
    const { sealed, sent } = setUp()
    sealed.sendData(FAR, encoded(), HEAD, 9)
    sealed.answer(FAR, 'ack', ACK)
    expect(sent.map(({ body }) => body)).toEqual(['sealed', 'sealed'])
    const [data, ack] = sent.map(({ payload }) => sealed.opened(packet('sealed', payload), false))
    expect(data?.body).toBe('data')
    expect(decodeStreamData(data?.payload as Uint8Array)).toEqual({ ...HEAD, content: CONTENT })
    expect(ack).toMatchObject({ body: 'ack', payload: ACK })
  })

  test('is sent in plain by a node that has no sealer', () => {
    const { sealed, sent } = setUp({ hasSealer: false })
    sealed.sendData(FAR, encoded(), HEAD, 9)
    sealed.answer(FAR, 'ack', ACK)
    expect(sent.map(({ body }) => body)).toEqual(['data', 'ack'])
    expect(sealed.isReady(FAR)).toBe(true)
  })

  test('is not sent as long as there are no keys', () => {
    const { sealed, sent, counts } = setUp({ hasKeys: false })
    expect(sealed.isReady(FAR)).toBe(false)
    sealed.answer(FAR, 'ack', ACK)
    expect([sent, counts]).toEqual([[], ['sealed: no session']])
  })
})

test('what goes over a link to its far end stays as it is', () => {
  const { sealed, sent } = setUp({ isRouted: false })
  sealed.answer(FAR, 'ack', ACK)
  expect(sent).toEqual([{ body: 'ack', payload: ACK }])
})

describe('a packet of a stream', () => {
  test.each<[Body, Uint8Array]>([
    ['data', new Uint8Array(20)],
    ['ack', ACK],
    ['reset', new Uint8Array(4)],
  ])('that somebody else has passed on in plain is refused: %s', (body, payload) => {
    const { sealed, counts } = setUp()
    expect(sealed.opened(packet(body, payload), false)).toBeUndefined()
    expect(counts).toEqual(['sealed: plain packet'])
  })

  test('in plain is believed over the link of its source, and where there is no sealer', () => {
    expect(setUp().sealed.opened(packet('ack', ACK), true)).toBeDefined()
    expect(setUp({ hasSealer: false }).sealed.opened(packet('ack', ACK), false)).toBeDefined()
  })

  test('of keys that we do not have is refused, and its source asked who it is', () => {
    const { sealed, counts, effects } = setUp({ hasKeys: false })
    expect(sealed.opened(packet('sealed', ACK), false)).toBeUndefined()
    expect(counts).toEqual(['sealed: unknown session'])
    expect(effects).toEqual([{ type: 'introduce', to: FAR, reason: 'unknown-session' }])
  })

  test('that holds anything else is refused', () => {
    const { sealed, counts } = setUp()
    for (const body of [0, 1, 2, 6, 7, 99]) {
      expect(sealed.opened(packet('sealed', turned(Uint8Array.of(body, 1, 2))), false)).toBeUndefined()
    }
    expect(sealed.opened(packet('sealed', new Uint8Array()), false)).toBeUndefined()
    expect(counts).toEqual(Array(7).fill('sealed: bad body'))
  })

  test('that nobody here can open is refused where there is no sealer', () => {
    const { sealed, counts } = setUp({ hasSealer: false })
    expect(sealed.opened(packet('sealed', ACK), false)).toBeUndefined()
    expect(counts).toEqual(['sealed: no keys'])
  })
})

test('requests, replies and signals are for whoever is nearest, and stay as they are', () => {
  const { sealed } = setUp()
  for (const body of ['request', 'reply', 'signal'] as const) {
    expect(sealed.opened(packet(body, ACK), false)).toEqual(packet(body, ACK))
  }
})
