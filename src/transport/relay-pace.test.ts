import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { keepArrivals, type RecordedChannel, record, TestRelays } from './test-relays.ts'

/** What a default Prosody reads of each user. */
const PROSODY_BYTES_PER_S = 10_000
const MESSAGE = new Uint8Array(60_000)

let relays: TestRelays

beforeEach(() => {
  vi.useFakeTimers()
  relays = new TestRelays()
  relays.exchange.latencyMs = 10
})
afterEach(() => {
  vi.useRealTimers()
})

describe('on a service that reads 10 kB/s of each user', () => {
  beforeEach(() => {
    relays.exchange.bytesPerS = PROSODY_BYTES_PER_S
  })

  it('a ping overtakes bulk to the same peer, and is there soon', async () => {
    const { near, far } = await linked(1)
    near[0]?.channel.send(MESSAGE, true)
    await vi.advanceTimersByTimeAsync(5_000)
    const before = far[0]?.frames.length
    near[0]?.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(1_500)
    expect(far[0]?.frames.length).toBe((before ?? 0) + 1)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(far[0]?.frames.at(-1)?.byteLength).toBe(MESSAGE.byteLength)
  })

  it('a ping overtakes bulk to all others as well', async () => {
    const { near, far } = await linked(6)
    for (const { channel } of near.slice(1)) channel.send(MESSAGE, true)
    await vi.advanceTimersByTimeAsync(5_000)
    for (let ping = 1; ping <= 5; ping++) {
      near[0]?.channel.send(Uint8Array.of(ping))
      await vi.advanceTimersByTimeAsync(1_500)
      expect(far[0]?.frames.at(-1)).toEqual(Uint8Array.of(ping))
    }
  })

  it('bulk to several peers goes forward to each', async () => {
    const { near, far } = await linked(3)
    for (const { channel } of near) channel.send(MESSAGE.subarray(0, 20_000), true)
    await vi.advanceTimersByTimeAsync(12_000)
    expect(far.map(({ frames }) => frames.at(-1)?.byteLength)).toEqual([20_000, 20_000, 20_000])
  })

  it('bulk takes what there is, and how much that is comes to be known', async () => {
    const { near, far, relay } = await linked(1)
    expect(relay.pace.bytesPerS).toBe(7_000)
    near[0]?.channel.send(MESSAGE, true)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(far[0]?.frames.at(-1)?.byteLength).toBe(MESSAGE.byteLength)
    expect(relay.pace.bytesPerS).toBeGreaterThan(6_000)
    expect(relay.pace.bytesPerS).toBeLessThan(8_000)
  })
})

it('bulk leaves fast where nothing slows it', async () => {
  relays.exchange.latencyMs = 50
  const { near, far, relay } = await linked(1)
  for (let i = 0; i < 8; i++) near[0]?.channel.send(MESSAGE, true)
  await vi.advanceTimersByTimeAsync(4_000)
  expect(far[0]?.frames.length).toBe(1 + 8)
  expect(relay.pace.bytesPerS).toBeGreaterThan(70_000)
})

it('a channel that ends with bulk on its way leaves the way free for others', async () => {
  const { near, far } = await linked(2)
  relays.exchange.intercept = ({ to }) => (to.startsWith('peer0') ? 'lost' : undefined)
  near[0]?.channel.send(MESSAGE, true)
  await vi.advanceTimersByTimeAsync(40_000)
  expect(near[0]?.events.at(-1)).toBe('closed timeout')
  near[1]?.channel.send(MESSAGE, true)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(far[1]?.frames.at(-1)?.byteLength).toBe(MESSAGE.byteLength)
})

it('bulk that is lost to one peer does not keep bulk from another', async () => {
  const { near, far } = await linked(2)
  relays.exchange.intercept = ({ to }) => (to.startsWith('peer0') ? 'lost' : undefined)
  near[0]?.channel.send(MESSAGE, true)
  near[1]?.channel.send(MESSAGE, true)
  await vi.advanceTimersByTimeAsync(25_000)
  expect(far[1]?.frames.at(-1)?.byteLength).toBe(MESSAGE.byteLength)
})

it('closing waits for bulk, and the far end loses nothing', async () => {
  const { near, far } = await linked(1)
  near[0]?.channel.send(MESSAGE, true)
  near[0]?.channel.send(Uint8Array.of(1))
  near[0]?.channel.close('done')
  await vi.advanceTimersByTimeAsync(5_000)
  expect(far[0]?.frames.map(({ byteLength }) => byteLength)).toEqual([1, 1, MESSAGE.byteLength])
  expect(far[0]?.events.at(-1)).toBe('closed closed by the far end')
})

/** One relay with a channel to each of so many others, that has carried a frame. */
async function linked(count: number) {
  const relay = relays.relay('hub@example.org/1')
  const near: RecordedChannel[] = []
  const arrivals: RecordedChannel[][] = []
  for (let peer = 0; peer < count; peer++) {
    const jid = `peer${peer}@example.org/1`
    arrivals.push(keepArrivals(relays.relay(jid)))
    near.push(record(relay.dial(endpointOf('xmpp', jid))))
    near[peer]?.channel.send(Uint8Array.of(0))
  }
  await vi.advanceTimersByTimeAsync(2_000)
  const far = arrivals.map(([first]) => first as RecordedChannel)
  return { relay, near, far }
}
