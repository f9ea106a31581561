import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, test } from 'vitest'
import { askStun, bindingRequest, readBinding } from './stun-binding.ts'

const ID = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex')
/** RFC 5769 §2.2, without what signs it. */
const ANSWER = Buffer.from(
  `0101002c2112a442${ID.toString('hex')}8022000b7465737420766563746f7220002000080001a147e112a643`,
  'hex',
)

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean()
})

/** Answers each datagram by what `answer` makes of it. */
function serve(answer: (request: Buffer) => Buffer): Promise<number> {
  const socket = createSocket('udp4')
  cleanups.push(() => socket.close())
  socket.on('message', (request, { port, address }) => socket.send(answer(request), port, address))
  return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)))
}

describe('a Binding answer', () => {
  test('tells where we are seen', () => {
    expect(readBinding(ANSWER, ID)).toEqual({ seenAs: '192.0.2.1:32853' })
  })

  test('to another request is none', () => {
    expect(readBinding(ANSWER, Buffer.alloc(12))).toBeUndefined()
  })

  test('is read to the end of the datagram and no further, wherever that is', () => {
    for (let length = 0; length <= ANSWER.length; length += 1) {
      expect(() => readBinding(ANSWER.subarray(0, length), ID)).not.toThrow()
    }
  })

  test('without an attribute of use tells nothing', () => {
    expect(readBinding(Buffer.concat([ANSWER.subarray(0, 20), Buffer.from('8022fffe', 'hex')]), ID)).toEqual({
      seenAs: undefined,
    })
  })
})

describe('asking a STUN server', () => {
  test('tells how soon it answers', async () => {
    const port = await serve((request) => Buffer.concat([Buffer.from('0101', 'hex'), request.subarray(2)]))
    expect(await askStun('127.0.0.1', port)).toEqual({ ms: expect.any(Number), seenAs: undefined })
  })

  test('ends where nobody answers what was asked', async () => {
    const port = await serve(() => bindingRequest(ID))
    expect(await askStun('127.0.0.1', port)).toBeUndefined()
  })
})
