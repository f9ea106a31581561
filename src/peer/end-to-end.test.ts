/** What can the one in the middle learn of what two others say through it, and what can it do to them? */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Address } from '../overlay/address.ts'
import {
  type Body,
  decodeFrame,
  encodeForStream,
  encodeFrame,
  encodeReset,
  encodeStreamAck,
  type Packet,
} from '../overlay/wire.ts'
import { openBroadcast, sealBroadcast } from '../security/broadcast-seal.ts'
import { BROADCAST_KEY, type LinePeer, TestLine } from './test-line.ts'

const PATIENCE = { timeout: 15_000 }
const SECRET = new TextEncoder().encode('nobody between us shall read these very words')

let line: TestLine
let a: LinePeer
let middle: LinePeer
let b: LinePeer

beforeEach(async () => {
  line = new TestLine()
  ;[a, middle, b] = await Promise.all([line.start('a'), line.start('middle'), line.start('b')])
  await formLine()
})

afterEach(() => {
  for (const peer of [a, middle, b]) line.stop(peer)
})

async function formLine(): Promise<void> {
  for (const end of [a, b]) line.meet(end, middle)
  await vi.waitFor(() => {
    for (const end of [a, b]) expect(middle.driver.node.table.get(end.address)?.active).toBeDefined()
    for (const end of [a, b]) expect(end.driver.node.table.get(middle.address)?.active).toBeDefined()
  }, PATIENCE)
}

function packetIn(frame: Uint8Array): Packet | undefined {
  const decoded = decodeFrame(frame.slice())
  return decoded?.type === 'packet' ? decoded : undefined
}

const isSealed = (frame: Uint8Array, from: LinePeer) => {
  const packet = packetIn(frame)
  return packet?.body === 'sealed' && packet.source === from.address
}

/** What the middle one sends to an end, as if from the other. */
function forge(to: LinePeer, source: Address, body: Body, payload: Uint8Array): void {
  const packet: Packet = {
    type: 'packet',
    mode: 'exact',
    hops: 1,
    ttl: 9,
    body,
    source,
    destination: to.address,
    payload,
  }
  const channel = middle.driver.node.table.get(to.address)?.active?.id
  middle.driver.channels.get(channel as number)?.send(encodeFrame(packet))
}

const counts = ({ driver }: LinePeer) => driver.node.counters
const wordsOf = ({ delivered }: LinePeer) => delivered.map(({ from, data }) => [from, data])
const holds = (bytes: Uint8Array, part: Uint8Array) => Buffer.from(bytes).includes(Buffer.from(part))

describe('two who talk through a third', () => {
  test('are heard, and the third sees that they talk and nothing of what they say', async () => {
    expect(await a.driver.send(b.address, SECRET)).toBeUndefined()
    expect(await b.driver.send(a.address, SECRET)).toBeUndefined()
    expect(wordsOf(b)).toEqual([[a.address, SECRET]])
    expect(wordsOf(a)).toEqual([[b.address, SECRET]])
    expect(line.seen.filter((frame) => isSealed(frame, a)).length).toBeGreaterThan(0)
    expect(line.seen.filter((frame) => holds(frame, SECRET))).toEqual([])
    const bodies = line.seen.map((frame) => packetIn(frame)?.body)
    for (const body of ['data', 'ack', 'reset']) expect(bodies).not.toContain(body)
  })

  test('can begin at once', async () => {
    const both = [a.driver.send(b.address, SECRET), b.driver.send(a.address, SECRET)]
    expect(await Promise.all(both)).toEqual([undefined, undefined])
    expect([wordsOf(a), wordsOf(b)]).toEqual([[[b.address, SECRET]], [[a.address, SECRET]]])
  })

  test('send neighbours what is for those in plain: their link is for the two alone', async () => {
    await a.driver.send(middle.address, SECRET)
    expect(line.seen.filter((frame) => holds(frame, SECRET))).toHaveLength(1)
    expect(line.seen.filter((frame) => isSealed(frame, a))).toEqual([])
  })

  test('know each other anew when one has come back and knows nothing any more', async () => {
    await a.driver.send(b.address, SECRET)
    line.stop(b)
    b = await line.start('b')
    await formLine()
    expect(await a.driver.send(b.address, SECRET)).toBeUndefined()
    expect(wordsOf(b)).toEqual([[a.address, SECRET]])
    expect(counts(b).get('sealed: unknown session')).toBeGreaterThan(0)
  })
})

describe('the one in the middle', () => {
  test('is not believed when it says that a message has arrived, which then does arrive', async () => {
    await a.driver.send(b.address, Uint8Array.of(1))
    let swallowed = 0
    line.meddling = (frame) => {
      if (!isSealed(frame, a) || swallowed > 0) return [frame]
      swallowed++
      for (let stream = 0; stream < 3; stream++)
        forge(a, b.address, 'ack', encodeStreamAck({ ackStream: stream, ack: 2 }))
      const back = packetIn(frame)?.payload.slice() as Uint8Array
      back[9] = 60 // A number that has not been seen.
      forge(a, b.address, 'sealed', back)
      return []
    }
    let settled = false
    const sent = a.driver.send(b.address, SECRET).then((failure) => {
      settled = true
      return failure
    })
    await vi.waitFor(() => expect(counts(a).get('sealed: plain packet')).toBe(3), PATIENCE)
    await vi.waitFor(() => expect(counts(a).get('sealed: forged')).toBe(1), PATIENCE)
    expect([settled, b.delivered.length]).toEqual([false, 1])
    expect(await sent).toBeUndefined()
    expect(b.delivered.at(-1)?.data).toEqual(SECRET)
  })

  test('cannot speak, nor take back, in the name of another', async () => {
    await a.driver.send(b.address, SECRET)
    const content = { type: 'message', data: Uint8Array.of(6, 6, 6) } as const
    const data = encodeForStream(content, (bytes) => new Uint8Array(bytes)).subarray(45)
    forge(b, a.address, 'data', data)
    forge(b, a.address, 'reset', encodeReset(1))
    await vi.waitFor(() => expect(counts(b).get('sealed: plain packet')).toBe(2), PATIENCE)
    // What one has sealed is no other's.
    const sealed = line.seen.findLast((frame) => isSealed(frame, a)) as Uint8Array
    forge(b, middle.address, 'sealed', packetIn(sealed)?.payload.slice() as Uint8Array)
    await vi.waitFor(() => expect(counts(b).get('sealed: unknown session')).toBe(1), PATIENCE)
    expect(b.delivered).toHaveLength(1)
  })

  test('changes a message only so that it is refused, and arrives as it was', async () => {
    await a.driver.send(b.address, Uint8Array.of(1))
    let changed = 0
    line.meddling = (frame) => {
      if (isSealed(frame, a) && changed++ === 0) frame[frame.length - 20] = (frame[frame.length - 20] as number) ^ 1
      return [frame]
    }
    expect(await a.driver.send(b.address, SECRET)).toBeUndefined()
    expect(counts(b).get('sealed: forged')).toBe(1)
    expect(wordsOf(b).at(-1)).toEqual([a.address, SECRET])
  })

  test('is not heard when it says again what was said', async () => {
    line.meddling = (frame) => (isSealed(frame, a) ? [frame.slice(), frame.slice(), frame] : [frame])
    expect(await a.driver.send(b.address, SECRET)).toBeUndefined()
    await vi.waitFor(() => expect(counts(b).get('sealed: replayed')).toBeGreaterThanOrEqual(2), PATIENCE)
    expect(wordsOf(b)).toEqual([[a.address, SECRET]])
  })
})

describe('the one in the middle, who hands a broadcast on,', () => {
  /** What it makes of each broadcast that it is handed. */
  function remake(make: (data: Uint8Array) => Uint8Array): void {
    line.meddling = (frame) => {
      const decoded = decodeFrame(frame.slice())
      if (decoded?.type !== 'data' || decoded.data.content.type !== 'broadcast') return [frame]
      const { data } = decoded
      const content = { ...decoded.data.content, data: make(decoded.data.content.data) }
      return [encodeFrame({ type: 'data', data: { ...data, content } })]
    }
  }

  test('has it heard by all as it was', async () => {
    await a.driver.broadcast(a.broadcasts.seal(SECRET).now())
    const heard = { from: a.address, data: SECRET, broadcast: true }
    await vi.waitFor(() => expect([middle.delivered, b.delivered]).toEqual([[heard], [heard]]), PATIENCE)
  })

  test('is not believed when it changes it, though it can open and seal it', async () => {
    remake((sealed) => {
      const said = openBroadcast(BROADCAST_KEY, sealed)
      if (!said) throw new Error('a member can open it')
      return sealBroadcast(BROADCAST_KEY, sealed.slice(0, 24), { ...said, data: Uint8Array.of(6, 6, 6) })
    })
    await a.driver.broadcast(a.broadcasts.seal(SECRET).now())
    await vi.waitFor(() => expect(Object.fromEntries(b.broadcasts.dropped)).toEqual({ forged: 1 }), PATIENCE)
    expect(b.delivered).toEqual([])
  })

  test('cannot have it heard again', async () => {
    const said: Uint8Array[] = []
    remake((sealed) => {
      said.push(sealed)
      return said[0] as Uint8Array
    })
    await a.driver.broadcast(a.broadcasts.seal(SECRET).now())
    await a.driver.broadcast(a.broadcasts.seal(Uint8Array.of(1)).now())
    await vi.waitFor(() => expect(Object.fromEntries(b.broadcasts.dropped)).toEqual({ replayed: 1 }), PATIENCE)
    expect(wordsOf(b)).toEqual([[a.address, SECRET]])
  })
})

test('a message that was under way over a link when that died goes on through others, sealed', async () => {
  const direct = new TestLine()
  const [one, between, other] = await Promise.all([
    direct.start('a', { shortcut: true }),
    direct.start('middle'),
    direct.start('b', { shortcut: true }),
  ])
  const linked = (near: LinePeer, far: LinePeer) => near.driver.node.table.get(far.address)?.active !== undefined
  for (const end of [one, other]) direct.meet(end, between)
  direct.meet(one, other, 'short')
  await vi.waitFor(() => {
    expect([linked(one, other), linked(other, one), linked(one, between), linked(between, other)]).toEqual(
      Array(4).fill(true),
    )
  }, PATIENCE)
  const sent = one.driver.send(other.address, SECRET)
  expect(direct.seen.filter((frame) => packetIn(frame)?.body === 'sealed')).toEqual([])
  direct.shortcut.goDown()
  expect(await sent).toBeUndefined()
  expect(wordsOf(other)).toEqual([[one.address, SECRET]])
  expect(direct.seen.filter((frame) => isSealed(frame, one)).length).toBeGreaterThan(0)
  expect(direct.seen.filter((frame) => holds(frame, SECRET))).toEqual([])
  for (const peer of [one, between, other]) direct.stop(peer)
})
