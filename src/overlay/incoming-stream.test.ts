import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IncomingStream } from './incoming-stream.ts'
import type { Content } from './wire.ts'

const message = (number: number): Content => ({ type: 'message', data: new Uint8Array([number]) })
const numbersIn = (contents: readonly Content[]) => contents.map(({ data }) => data[0])

describe('incoming stream', () => {
  test('hands on each message once and in order, however they arrive and however often', () => {
    const arrivals = fc
      .integer({ min: 1, max: 60 })
      .chain((count) =>
        fc.tuple(
          fc.shuffledSubarray([...Array(count).keys()], { minLength: count }),
          fc.array(fc.nat({ max: count - 1 }), { maxLength: 40 }),
        ),
      )
    fc.assert(
      fc.property(arrivals, ([order, repeats]) => {
        const stream = new IncomingStream(1, 0, undefined)
        const ready = [...order, ...repeats].flatMap((number) => [
          ...stream.handle(number, message(number), 0, false).ready,
        ])
        expect(numbersIn(ready)).toEqual([...order].sort((a, b) => a - b))
        expect(stream.acknowledge(0)).toBe(order.length)
      }),
    )
  })

  test('keeps no more than a limited number of messages that came too early', () => {
    const stream = new IncomingStream(1, 0, undefined)
    let refused = 0
    for (let sequence = 1; sequence < 10_000; sequence++) {
      if (stream.handle(sequence, message(1), 0, false).dropped === 'too far ahead') refused++
    }
    expect(refused).toBe(9_999 - 1_024)
    expect(stream.handle(0, message(0), 0, false).ready).toHaveLength(1_025)
  })

  test('acknowledges a repeated message at once, as its first acknowledgement may be lost', () => {
    const stream = new IncomingStream(1, 0, undefined)
    stream.handle(0, message(0), 100, false)
    stream.acknowledge(100)
    expect(stream.ackAtMs).toBeUndefined()
    stream.handle(0, message(0), 101, false)
    expect(stream.ackAtMs).toBe(101)
  })

  test('asks for a reset only while its first message is missing', () => {
    const late = new IncomingStream(1, 1_000, undefined)
    late.handle(5, message(5), 1_000, false)
    expect(late.resetAtMs).toBeGreaterThan(1_000)
    late.handle(0, message(0), 1_001, false)
    expect(late.resetAtMs).toBeUndefined()
  })

  test('acknowledges later where a relay carries it than over a link', () => {
    const [direct, relayed] = [new IncomingStream(1, 0, undefined), new IncomingStream(1, 0, undefined)]
    direct.handle(0, message(0), 50, false)
    relayed.handle(0, message(0), 50, true)
    expect(direct.ackAtMs).toBe(50)
    expect(relayed.ackAtMs).toBeGreaterThan(50)
  })
})
