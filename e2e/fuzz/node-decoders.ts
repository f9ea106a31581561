/**
 * A whole node as a decoder: what it does with frames of a stranger who has dialled it, and of one who has become its peer.
 * Reading a frame is one thing, and believing what it says another.
 */
import fc from 'fast-check'
import type { Address } from '../../src/overlay/address.ts'
import type { ChannelId, Effect } from '../../src/overlay/effects.ts'
import { endpointOf } from '../../src/overlay/endpoint.ts'
import { Node } from '../../src/overlay/node.ts'
import { NEAR } from '../../src/overlay/role.ts'
import { seededRandom } from '../../src/overlay/seeded-random.ts'
import { encodeFrame, type Frame, WIRE_VERSION } from '../../src/overlay/wire.ts'
import type { Decoder } from './decoder.ts'
import { joined } from './mutation.ts'
import { frames } from './overlay-decoders.ts'

const SELF = `${'1'.repeat(39)}0` as Address
const STRANGER = `${'9'.repeat(39)}0` as Address
const NAMESPACE = 'c'.repeat(40)
const ATTEMPT = 1
const CHANNEL: ChannelId = -1
/** Long enough for everything that waits for an answer to be given up. */
const LIFE_MS = 120_000
/** More, and the node never comes to rest. */
const MAX_WAKES = 5_000

const handshake: Frame[] = [
  {
    type: 'start',
    version: WIRE_VERSION,
    namespace: NAMESPACE,
    attempt: ATTEMPT,
    incarnation: 7,
    from: STRANGER,
    to: undefined,
    endpoints: [endpointOf('xmpp', 'stranger@example.org/x')],
    status: { roles: NEAR, hidden: false, size: 3, neighbours: [] },
  },
  { type: 'confirm', attempt: ATTEMPT },
]

/** Each frame behind its length in two bytes. */
function packed(all: readonly Uint8Array[]): Uint8Array {
  return joined(...all.flatMap((frame) => [Uint8Array.of(frame.length >> 8, frame.length & 255), frame]))
}

function meet(bytes: Uint8Array): unknown {
  const transports = [{ scheme: 'xmpp', kind: 'relay' as const, throughRing: false }]
  const config = { address: SELF, incarnation: 1, namespace: NAMESPACE, perSide: 2, transports }
  const node = new Node(config, seededRandom(1))
  const effects: Effect[] = []
  let nowMs = 0
  effects.push(
    ...node.handle({ type: 'endpoints-changed', endpoints: [endpointOf('xmpp', 'self@example.org/x')] }, nowMs),
  )
  const endpoint = endpointOf('xmpp', 'stranger@example.org/x')
  effects.push(...node.handle({ type: 'channel-arrived', channel: CHANNEL, endpoint, kind: 'relay' }, nowMs))
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
    // A node that passes a frame on counts its hops within it.
    const frame = bytes.slice(at + 2, at + 2 + length)
    effects.push(...node.handle({ type: 'frame', channel: CHANNEL, bytes: frame }, ++nowMs))
    at += 2 + length
  }
  const answers = [...effects]
  for (let wakes = 0; (node.deadlineMs ?? LIFE_MS) < LIFE_MS; wakes++) {
    if (wakes > MAX_WAKES) throw new Error('The node never comes to rest.')
    nowMs = Math.max(nowMs, node.deadlineMs ?? nowMs)
    node.handle({ type: 'wake' }, nowMs)
  }
  return answers
}

export const NODE_DECODERS: Decoder[] = [
  {
    name: 'node',
    valid: fc
      .array(frames, { maxLength: 5 })
      .map((more) => packed([...handshake.map(encodeFrame), ...more.map(encodeFrame)])),
    decode: meet,
  },
]
