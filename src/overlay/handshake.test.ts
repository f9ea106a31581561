import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { MAX_CONNECTIONS } from './connection-table.ts'
import type { ChannelId, Effect, Proof } from './effects.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { Node } from './node.ts'
import { NEAR, NO_ROLES, withRole } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { TestPair } from './test-pair.ts'
import { decodeFrame, encodeFrame, type Frame, REFUSALS, WIRE_VERSION } from './wire.ts'

const NAMESPACE = 'c'.repeat(40)
const low = nodeAddress(new Uint8Array(20).fill(16))
const high = nodeAddress(new Uint8Array(20).fill(200))
const STATUS = { roles: NO_ROLES, hidden: false, size: 1, neighbours: [] }
const there = endpointOf('xmpp', 'there')
/** Longer than any step of a handshake is waited for. */
const TIMED_OUT_MS = 40_000

function makeNode(): Node {
  const transports = [
    { scheme: 'xmpp', kind: 'relay' as const },
    { scheme: 'webrtc', kind: 'direct' as const },
  ]
  const node = new Node({ address: low, incarnation: 1, namespace: NAMESPACE, transports }, seededRandom(1))
  node.handle({ type: 'endpoints-changed', endpoints: [endpointOf('xmpp', 'here')] }, 0)
  return node
}

/** A node that has said `start` over a channel that it dialled. */
function starting(): { node: Node; channel: ChannelId; attempt: number } {
  const node = makeNode()
  const [dial] = node.handle({ type: 'candidate-appeared', endpoint: there, elder: true }, 0)
  if (dial?.type !== 'dial') throw new Error('nobody was dialled')
  const [start] = framesIn(node.handle({ type: 'channel-opened', channel: dial.channel, kind: 'relay' }, 1))
  if (start?.type !== 'start') throw new Error('nothing was said')
  return { node, channel: dial.channel, attempt: start.attempt }
}

function framesIn(effects: readonly Effect[]): (Frame | undefined)[] {
  return effects.flatMap((effect) => (effect.type === 'transmit' ? [decodeFrame(effect.bytes)] : []))
}

const dialIn = (effects: readonly Effect[], endpoint: Endpoint) =>
  effects.find((effect) => effect.type === 'dial' && effect.endpoint === endpoint) as { channel: ChannelId } | undefined

const give = (node: Node, channel: ChannelId, frame: Frame, nowMs = 2) =>
  node.handle({ type: 'frame', channel, bytes: encodeFrame(frame) }, nowMs)

const accept = (attempt: number, from: Address = high): Frame => {
  return { type: 'accept', attempt, incarnation: 7, from, endpoints: [there], status: STATUS }
}

const start = (from: Address): Frame => {
  const facts = {
    version: WIRE_VERSION,
    namespace: NAMESPACE,
    attempt: 1,
    incarnation: 5,
    endpoints: [],
    status: STATUS,
  }
  return { type: 'start', ...facts, from, to: undefined }
}

/** Both have the same channels, and none that carries no connection. */
function expectNothingLeaked(pair: TestPair, channels: number): void {
  for (const who of ['a', 'b'] as const) {
    const kept = [...pair[who].table.all()].flatMap((connection) => connection.channels.map(({ id }) => id))
    expect(kept).toHaveLength(channels)
    expect([...pair.live[who].keys()].sort()).toEqual(kept.sort())
  }
}

describe('a node that dials', () => {
  for (const code of REFUSALS) {
    test(`and is refused as ${code} closes, counts, and does not dial there again at once`, () => {
      const { node, channel, attempt } = starting()
      const effects = give(node, channel, { type: 'refuse', attempt, code })
      expect(effects).toContainEqual({ type: 'close', channel, reason: code })
      expect(node.counters.get(`link failed: ${code}`)).toBe(1)
      const later: Effect[] = []
      for (let wakes = 0; wakes < 20 && (node.deadlineMs ?? 9_000) < 9_000; wakes++) {
        later.push(...node.handle({ type: 'wake' }, node.deadlineMs as number))
      }
      expect(later.filter(({ type }) => type === 'dial')).toEqual([])
    })
  }

  test('and finds itself gives up', () => {
    const { node, channel, attempt } = starting()
    expect(give(node, channel, accept(attempt, low))).toContainEqual({ type: 'close', channel, reason: 'self' })
    expect(node.table.size).toBe(0)
  })

  for (const frame of [
    accept(99),
    { type: 'refuse', attempt: 99, code: 'full' },
    { type: 'confirm', attempt: 1 },
    { type: 'ping', nonce: 1 },
    { type: 'goodbye' },
  ] as Frame[]) {
    test(`heeds no ${frame.type} that does not belong to its attempt`, () => {
      const { node, channel, attempt } = starting()
      expect(give(node, channel, frame)).toEqual([])
      expect(node.counters.get(`link: ${frame.type} while starting`)).toBe(1)
      give(node, channel, accept(attempt))
      expect(node.table.size).toBe(1)
    })
  }

  test('heeds nothing that comes before the channel is open, nor anything over a channel that is closed', () => {
    const node = makeNode()
    const [dial] = node.handle({ type: 'candidate-appeared', endpoint: there, elder: true }, 0)
    const channel = dial?.type === 'dial' ? dial.channel : 0
    expect(give(node, channel, accept(1))).toEqual([])
    node.handle({ type: 'channel-closed', channel, reason: 'gone' }, 2)
    expect(give(node, channel, accept(1))).toEqual([])
    expect(node.handle({ type: 'channel-opened', channel, kind: 'relay' }, 3)).toEqual([])
    expect(node.table.size).toBe(0)
  })
})

describe('a node that is dialled', () => {
  test('has no room beyond its limit of connections: closes, and counts', () => {
    const node = makeNode()
    const linkFrom = (index: number) => {
      node.handle({ type: 'channel-arrived', channel: -index, endpoint: there, kind: 'relay' }, 1)
      const place = Uint8Array.from({ length: 20 }, (_, byte) =>
        byte === 0 ? 40 : byte === 2 ? index % 256 : index >> 8,
      )
      give(node, -index, start(nodeAddress(place)), 1)
      return give(node, -index, { type: 'confirm', attempt: 1 }, 1)
    }
    for (let index = 1; index <= MAX_CONNECTIONS; index++) linkFrom(index)
    expect(node.table.size).toBe(MAX_CONNECTIONS)
    const effects = linkFrom(MAX_CONNECTIONS + 1)
    expect(effects).toEqual([{ type: 'close', channel: -MAX_CONNECTIONS - 1, reason: 'full' }])
    expect(node.table.size).toBe(MAX_CONNECTIONS)
    expect(node.counters.get('link: too many connections')).toBe(1)
  })

  test('while it leaves has closed every half-made link, and answers nobody after it', () => {
    const node = makeNode()
    for (const channel of [-1, -2]) {
      node.handle({ type: 'channel-arrived', channel, endpoint: there, kind: 'relay' }, 1)
    }
    give(node, -1, start(high))
    const closed = node
      .handle({ type: 'leave' }, 3)
      .flatMap((effect) => (effect.type === 'close' ? [effect.channel] : []))
    expect(closed.sort()).toEqual([-1, -2])
    expect(node.handle({ type: 'channel-arrived', channel: -3, endpoint: there, kind: 'relay' }, 4)).toEqual([])
    expect(give(node, -3, start(high), 4)).toEqual([])
    expect(node.deadlineMs).toBeUndefined()
  })

  for (const frame of [{ type: 'confirm', attempt: 99 }, start(high), { type: 'ping', nonce: 1 }] as Frame[]) {
    test(`closes where ${frame.type} comes instead of the confirmation of its start`, () => {
      const node = makeNode()
      node.handle({ type: 'channel-arrived', channel: -1, endpoint: there, kind: 'relay' }, 1)
      give(node, -1, start(high))
      const reason = `${frame.type} before confirm`
      expect(give(node, -1, frame)).toEqual([{ type: 'close', channel: -1, reason }])
      expect(node.table.size).toBe(0)
    })
  }
})

describe('two nodes that dial each other', () => {
  const random = seededRandom(3)
  const anyOrder = () => Array.from({ length: 60 }, () => Math.floor(8 * random()))

  for (const dead of ['a', 'b'] as const) {
    test(`of which ${dead} dies after any step: the other is rid of all channels when its time-outs have run`, () => {
      const steps = stepsOf(new TestPair(low, high))
      expect(steps).toBeGreaterThan(10)
      for (let step = 0; step <= steps; step++) {
        for (let order = 0; order < 8; order++) {
          const pair = new TestPair(low, high)
          pair.connectBoth()
          pair.play(anyOrder(), step)
          pair.dead = dead
          pair.play([])
          const other = dead === 'a' ? 'b' : 'a'
          pair.give(other, { type: 'candidate-vanished', endpoint: endpointOf('xmpp', dead) })
          pair.passTime(TIMED_OUT_MS)
          expect({ step, order, links: pair[other].table.size }).toEqual({ step, order, links: 0 })
          expect({ step, order, channels: pair.live[other].size }).toEqual({ step, order, channels: 0 })
          expect(pair.dials).toBeLessThan(10)
        }
      }
    })
  }

  test('are linked once in the end although frames come twice, late, or over another channel', () => {
    const again = fc.record({ after: fc.nat(25), which: fc.nat(40), channel: fc.nat(5) })
    fc.assert(
      fc.property(fc.array(fc.nat(7), { maxLength: 40 }), fc.array(again, { maxLength: 4 }), (order, repeats) => {
        const pair = new TestPair(low, high)
        pair.connectBoth()
        const sorted = [...repeats].sort((x, y) => x.after - y.after)
        let played = 0
        for (const { after, which, channel } of sorted) {
          pair.play(order.slice(played), after - played)
          played = after
          const frame = pair.sent[which % Math.max(1, pair.sent.length)]
          if (!frame) continue
          // Over the channel that it came over, or over any other of the same node's.
          const channels = [frame.channel, ...pair.live[frame.to].keys()]
          const over = channels[channel % channels.length] as ChannelId
          pair.give(frame.to, { type: 'frame', channel: over, bytes: frame.bytes.slice() })
        }
        pair.play(order.slice(played))
        pair.passTime(TIMED_OUT_MS)
        expectNothingLeaked(pair, 1)
      }),
      { numRuns: 300 },
    )
  })
})

function stepsOf(pair: TestPair): number {
  pair.connectBoth()
  return pair.play([])
}

describe('on a channel that has proved who is there', () => {
  const other = nodeAddress(new Uint8Array(20).fill(77))
  const proof = (address: Address, said: Frame = accept(0, address)) => ({ address, accept: encodeFrame(said) })
  const arrived = (address: Address) => {
    const node = makeNode()
    const proved = proof(address)
    node.handle({ type: 'channel-arrived', channel: -1, endpoint: there, kind: 'relay', proved }, 0)
    return node
  }
  const opened = (proved: Proof) => {
    const node = makeNode()
    const [dial] = node.handle({ type: 'candidate-appeared', endpoint: there, elder: true }, 0)
    if (dial?.type !== 'dial') throw new Error('nobody was dialled')
    const { channel } = dial
    return { node, channel, effects: node.handle({ type: 'channel-opened', channel, kind: 'relay', proved }, 1) }
  }

  test('whoever dialled is linked by its first frame, and has been told who we are with the proof', () => {
    const node = arrived(high)
    const said = framesIn(give(node, -1, start(high)))
    expect(node.table.get(high)).toBeDefined()
    expect(said.map((frame) => frame?.type)).not.toContain('accept')
    expect(decodeFrame(node.acceptance())).toMatchObject({ type: 'accept', from: low, endpoints: node.endpoints })
  })

  test('we are linked at once, and say who we are', () => {
    const { node, effects } = opened(proof(high))
    expect(framesIn(effects)[0]).toMatchObject({ type: 'start', from: low })
    expect(node.table.get(high)).toMatchObject({ endpoints: [there], incarnation: 7 })
  })

  test.each([
    ['as another', proof(other, accept(0, high)), 'forged-address'],
    ['as ourselves', proof(low), 'self'],
    ['by anything but an accept', proof(high, start(high)), 'no accept'],
    ['by what is no frame', { address: high, accept: new Uint8Array(0) }, 'no accept'],
  ])('nobody whom we dialled is linked %s', (_, proved, reason) => {
    const { node, channel, effects } = opened(proved)
    expect(effects).toContainEqual({ type: 'close', channel, reason })
    expect(framesIn(effects)).toEqual([])
    expect([...node.table.all()]).toEqual([])
    expect(node.counters.get(`link failed: ${reason}`)).toBe(1)
  })

  test('a better channel to the same node takes nothing back of what its status has said', () => {
    const better = endpointOf('webrtc', 'there')
    const { node, channel, effects } = opened(proof(high, { ...accept(0), endpoints: [there, better] } as Frame))
    const status = { ...STATUS, roles: withRole(NO_ROLES, NEAR), neighbours: [other] }
    give(node, channel, { type: 'status', status })
    for (let wakes = 0; wakes < 20 && !dialIn(effects, better); wakes++) {
      effects.push(...node.handle({ type: 'wake' }, node.deadlineMs as number))
    }
    const dialled = dialIn(effects, better)?.channel as ChannelId
    node.handle({ type: 'channel-opened', channel: dialled, kind: 'direct', proved: proof(high) }, node.nowMs)
    expect(node.table.get(high)?.active?.id).toBe(dialled)
    expect(node.table.get(high)?.status).toEqual(status)
  })

  test('who was dialled by it says what it is to the two of them', () => {
    const node = arrived(high)
    const effects = give(node, -1, start(high))
    for (let wakes = 0; wakes < 20 && !framesIn(effects).some((frame) => frame?.type === 'status'); wakes++) {
      effects.push(...node.handle({ type: 'wake' }, node.deadlineMs as number))
    }
    expect(framesIn(effects)).toContainEqual({ type: 'status', status: node.statusFor(high) })
  })

  test('nobody is linked as another', () => {
    const node = arrived(other)
    const [frame] = framesIn(give(node, -1, start(high)))
    expect(frame).toMatchObject({ type: 'refuse', code: 'forged-address' })
    expect([...node.table.all()]).toEqual([])
    expect(node.counters.get('link: refused, forged-address')).toBe(1)
  })
})
