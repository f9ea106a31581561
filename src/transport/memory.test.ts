import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import type { Channel } from '../ports.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from './memory.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the memory network', () => {
  it('opens after a round trip and delivers after one way', async () => {
    const { near, far } = dialled({ latencyMs: () => 10 })
    near.channel.send(Uint8Array.of(1))
    await vi.advanceTimersByTimeAsync(19)
    expect(near.events).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(near.events).toEqual(['opened'])
    await vi.advanceTimersByTimeAsync(10)
    expect(far().events).toEqual(['message 1'])
  })

  it('keeps the order of a channel when latency shrinks from frame to frame', async () => {
    let latency = 200
    const { near, far } = dialled({ latencyMs: () => (latency -= 10) })
    await vi.advanceTimersByTimeAsync(400)
    for (let i = 0; i < 10; i += 1) near.channel.send(Uint8Array.of(i))
    await vi.advanceTimersByTimeAsync(400)
    expect(far().events).toEqual(Array.from({ length: 10 }, (_, i) => `message ${i}`))
  })

  it('closes a dial to an endpoint that does not exist after the latency', async () => {
    const network = new MemoryNetwork(timerClock, { latencyMs: () => 10 })
    const near = record(network.transport('a').dial(endpointOf('memory', 'nobody')))
    await vi.advanceTimersByTimeAsync(9)
    expect(near.events).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(near.events).toEqual(['closed no such endpoint'])
  })

  it('lets a dial to somebody out of reach run into its deadline', async () => {
    const { near } = dialled({ latencyMs: () => 10, reachable: (from, to) => !(from === 'a' && to === 'b') })
    await vi.advanceTimersByTimeAsync(14_999)
    expect(near.events).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(near.events).toEqual(['closed timeout'])
  })

  it('tells nobody of a crash, and carries nothing from or to it any more', async () => {
    const { network, near, far } = dialled({ latencyMs: () => 10 })
    await vi.advanceTimersByTimeAsync(20)
    near.channel.send(Uint8Array.of(1))
    network.crash('b')
    far().channel.send(Uint8Array.of(2))
    far().channel.close('crashed processes say nothing')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(near.events).toEqual(['opened'])
    expect(far().events).toEqual([])
  })

  it('holds frames back while two are cut off from each other and delivers them in order once healed', async () => {
    const { network, near, far } = dialled({ latencyMs: () => 10 })
    await vi.advanceTimersByTimeAsync(20)
    network.cut('a', 'b')
    for (let i = 0; i < 3; i += 1) near.channel.send(Uint8Array.of(i))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(far().events).toEqual([])
    network.heal('b', 'a')
    near.channel.send(Uint8Array.of(3))
    await vi.advanceTimersByTimeAsync(20)
    expect(far().events).toEqual([0, 1, 2, 3].map((i) => `message ${i}`))
  })

  it('has the kind and the scheme that it was given', () => {
    const network = new MemoryNetwork(timerClock, { latencyMs: () => 1, kind: () => 'relay', scheme: 'slow' })
    const transport = network.transport('a')
    expect(transport.dial(endpointOf('slow', 'b')).kind).toBe('relay')
    expect(transport.endpoint).toBe('slow:a')
  })

  it('schedules one event for each frame', async () => {
    const { near } = dialled({ latencyMs: () => 10 })
    await vi.advanceTimersByTimeAsync(20)
    expect(vi.getTimerCount()).toBe(0)
    for (let i = 0; i < 7; i += 1) near.channel.send(Uint8Array.of(i))
    expect(vi.getTimerCount()).toBe(7)
  })
})

function dialled(options: MemoryNetworkOptions) {
  const network = new MemoryNetwork(timerClock, options)
  const arrived: ReturnType<typeof record>[] = []
  network.transport('b').listen((channel) => arrived.push(record(channel)))
  const near = record(network.transport('a').dial(endpointOf(network.scheme, 'b')))
  const far = () => {
    const [first] = arrived
    if (first === undefined) throw new Error('Nothing has arrived.')
    return first
  }
  return { network, near, far }
}

function record(channel: Channel): { channel: Channel; events: string[] } {
  const events: string[] = []
  channel.bind({
    opened: () => events.push('opened'),
    message: (bytes) => events.push(`message ${bytes}`),
    writable: () => events.push('writable'),
    closed: (reason) => events.push(`closed ${reason}`),
  })
  return { channel, events }
}
