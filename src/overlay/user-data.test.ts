import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import { isUserData } from './user-data.ts'
import { type Body, encodeFrame, type Frame } from './wire.ts'

const NEAR = nodeAddress(new Uint8Array(20).fill(1))
const FAR = nodeAddress(new Uint8Array(20).fill(2))
const DATA: Frame = {
  type: 'data',
  data: { stream: 1, sequence: 0, ackStream: 0, ack: 0, content: { type: 'message', data: Uint8Array.of(1) } },
}
const PING: Frame = { type: 'ping', nonce: 1 }

describe('what an application says', () => {
  test.each([
    ['a message to the far end itself', DATA],
    ['a message on its way through the ring', packet('data')],
    ['a sealed message on its way', packet('sealed', new Uint8Array(44))],
    ['a message that somebody else is to put on its way', packet('forward', encodeFrame(packet('data')))],
    ['a message through a tunnel', tunnel(DATA, 'bulk')],
    ['a sealed message through a tunnel', tunnel(PING, 'bulk')],
  ])('is %s', (_what, frame) => {
    expect(isUserData(encodeFrame(frame))).toBe(true)
  })
})

describe('what keeps the ring', () => {
  test.each<[string, Frame]>([
    ['a probe', PING],
    ['an answer to it', { type: 'pong', nonce: 1 }],
    ['a goodbye', { type: 'goodbye' }],
    ['a request on its way', packet('request')],
    ['a reply on its way', packet('reply')],
    ['an acknowledgement on its way', packet('ack')],
    ['a sealed acknowledgement on its way', packet('sealed', new Uint8Array(35))],
    ['a request that somebody else is to put on its way', packet('forward', encodeFrame(packet('request')))],
    ['a probe through a tunnel', tunnel(PING)],
    ['a request through a tunnel', tunnel(packet('request'))],
    ['what only looks like a message, sealed, through a tunnel', tunnel(DATA)],
  ])('is %s', (_what, frame) => {
    expect(isUserData(encodeFrame(frame))).toBe(false)
  })
})

test('any bytes are one or the other', () => {
  const first = fc.constantFrom(9, 11, 12, 255)
  fc.assert(
    fc.property(first, fc.uint8Array({ maxLength: 200 }), (type, rest) => {
      expect(typeof isUserData(Uint8Array.of(type, ...rest))).toBe('boolean')
    }),
  )
  expect(isUserData(new Uint8Array())).toBe(false)
})

function packet(body: Body, payload: Uint8Array = new Uint8Array(30)): Frame {
  return { type: 'packet', mode: 'exact', hops: 1, ttl: 9, body, source: NEAR, destination: FAR, payload }
}

function tunnel(frame: Frame, kind: 'frame' | 'bulk' = 'frame'): Frame {
  const payload = encodeFrame(frame)
  return { type: 'tunnel', kind, fromDialler: true, session: 7, from: NEAR, to: FAR, payload }
}
