import { describe, expect, it } from 'vitest'
import { type Endpoint, endpointOf } from '../overlay/endpoint.ts'
import type { Channel, PathCarrier, PathCarriers } from '../ports.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { recording } from './fake-rtc.ts'
import { MAX_ARRIVED, MAX_ARRIVED_OF_ONE, MAX_DIALLED, PathTransport } from './pathing.ts'

const TO_B = endpointOf('path', 'b')

describe('a path that is dialled', () => {
  it('asks the outer overlay for a connection, and opens a path of its name there', async () => {
    const { carriers, transport } = built()
    const { channel, events } = dial(transport)
    channel.send(Uint8Array.of(1), true)
    expect(carriers.asked).toEqual(['b'])
    const path = await carriers.connect()
    expect(path.name).toBe('c0ffee')
    expect(path.sent).toEqual([[1]])
    path.kind = 'turn'
    path.events?.opened()
    path.events?.message(Uint8Array.of(2))
    path.events?.kindChanged?.()
    path.events?.writable()
    expect(events).toEqual(['opened', 'message 2', 'kind changed', 'writable'])
    expect([channel.endpoint, channel.kind, channel.binding]).toEqual([TO_B, 'turn', path.binding])
  })

  it('holds the connection until it closes, whoever closes it', async () => {
    const { carriers, transport } = built()
    const [ours, theirs] = [dial(transport), dial(transport)]
    const [first, second] = [await carriers.connect(), await carriers.connect()]
    expect(carriers.released).toEqual([])
    ours.channel.close('done')
    ours.channel.close('done again')
    expect([carriers.released, first.ends]).toEqual([['b'], ['done']])
    second.events?.closed('refused')
    expect(carriers.released).toEqual(['b', 'b'])
    expect([ours.events, theirs.events]).toEqual([[], ['closed refused']])
  })

  it('tells why the outer overlay has no connection', async () => {
    const { carriers, transport } = built()
    const { events } = dial(transport)
    await carriers.refuse('no such node')
    expect(events).toEqual(['closed no such node'])
    expect(carriers.released).toEqual([])
  })

  it('releases a connection that comes after it has closed or its time is up, and opens nothing on it', async () => {
    const { clock, carriers, transport } = built()
    const [late, unwanted] = [dial(transport), dial(transport)]
    unwanted.channel.close('done')
    clock.run(20_000)
    expect(late.events).toEqual(['closed timeout'])
    for (let i = 0; i < 2; i += 1) expect((await carriers.connect()).name).toBeUndefined()
    expect(carriers.released).toEqual(['b', 'b'])
    expect(unwanted.events).toEqual([])
  })

  it('is congested by what waits for a connection, and writable when it has gone', async () => {
    const { carriers, transport } = built()
    const { channel, events } = dial(transport)
    channel.send(new Uint8Array(65_536))
    expect(channel.congested).toBe(false)
    channel.send(new Uint8Array(1))
    expect(channel.congested).toBe(true)
    await carriers.connect()
    expect(channel.congested).toBe(false)
    expect(events).toEqual(['writable'])
  })

  it('closes when more waits for a connection than the limit', async () => {
    const { transport } = built()
    const { channel, events } = dial(transport)
    for (let i = 0; i < 100; i += 1) channel.send(new Uint8Array(65_536))
    await settle()
    expect(events).toEqual(['closed too much unsent'])
  })
})

describe('a path that arrives', () => {
  it('is from whoever is at the far end in the outer overlay, and holds the connection', async () => {
    const { carriers, transport } = built()
    const arrived = keepArrivals(transport)
    const path = carriers.arrive('c0ffee', 'b')
    expect(arrived.map(({ channel }) => channel.endpoint)).toEqual([TO_B])
    path?.events?.message(Uint8Array.of(1))
    expect(arrived[0]?.events).toEqual(['message 1'])
    await carriers.connect()
    path?.events?.closed('gone')
    expect(carriers.released).toEqual(['b'])
    expect(arrived[0]?.events).toEqual(['message 1', 'closed gone'])
  })

  it('stays when the outer overlay cannot hold its connection', async () => {
    const { carriers, transport } = built()
    const arrived = keepArrivals(transport)
    carriers.arrive('c0ffee', 'b')
    await carriers.refuse('busy')
    expect(arrived[0]?.events).toEqual([])
  })

  it('is one of a few of that sender, and of many in all', () => {
    const { carriers, transport } = built()
    const arrived = keepArrivals(transport)
    for (let i = 0; i < MAX_ARRIVED_OF_ONE; i += 1) expect(carriers.arrive('c0ffee', 'b')?.ends).toEqual([])
    expect(carriers.arrive('c0ffee', 'b')?.ends).toEqual(['busy'])
    for (let i = MAX_ARRIVED_OF_ONE; i < MAX_ARRIVED; i += 1) carriers.arrive('c0ffee', `n${i}`)
    expect(carriers.arrive('c0ffee', 'c')?.ends).toEqual(['busy'])
    expect(arrived.length).toBe(MAX_ARRIVED)
    expect([...transport.dropped]).toEqual([
      ['too many paths of one sender', 1],
      ['too many paths', 1],
    ])
  })
})

describe('the path transport', () => {
  it('can be dialled at its address in the outer overlay, while it has one', () => {
    const { carriers, transport } = built()
    expect(transport.endpoint).toBe('path:a')
    carriers.address = undefined
    expect(transport.endpoint).toBeUndefined()
  })

  it('has so many dials at once, and counts what it refuses', async () => {
    const { transport } = built()
    for (let i = 0; i < MAX_DIALLED; i += 1) dial(transport)
    const { events } = dial(transport)
    await settle()
    expect(events).toEqual(['closed too many paths'])
    expect([...transport.dropped]).toEqual([['dial refused: too many paths', 1]])
  })

  it('neither dials nor takes any more when it is closed', async () => {
    const { carriers, transport } = built()
    const arrived = keepArrivals(transport)
    const path = carriers.arrive('c0ffee', 'b')
    transport.close()
    expect(path?.ends).toEqual(['transport closed'])
    expect(carriers.arrive('c0ffee', 'b')).toBeUndefined()
    const { events } = dial(transport)
    await settle()
    expect(events).toEqual(['closed transport closed'])
    expect([transport.endpoint, arrived.length, carriers.asked]).toEqual([undefined, 1, ['b']])
  })
})

class FakePath implements Channel {
  kind: Channel['kind'] = 'direct'
  readonly endpoint: Endpoint = endpointOf('webrtc', 'b@example.org/1')
  readonly congested = false
  readonly binding = Uint8Array.of(7)
  readonly sent: number[][] = []
  readonly ends: string[] = []
  name: string | undefined
  events: Parameters<Channel['bind']>[0] | undefined

  bind(events: Parameters<Channel['bind']>[0]): void {
    this.events = events
  }

  send(bytes: Uint8Array): void {
    this.sent.push([...bytes])
  }

  close(reason: string): void {
    this.ends.push(reason)
  }
}

/** An outer overlay in the hands of a test. */
class FakeCarriers implements PathCarriers {
  address: string | undefined = 'a'
  readonly asked: string[] = []
  readonly released: string[] = []
  private readonly waiting: { resolve(carrier: PathCarrier): void; reject(error: Error): void }[] = []
  private readonly takers = new Map<string, (channel: Channel, from: string) => void>()

  carrier(address: string): Promise<PathCarrier> {
    this.asked.push(address)
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }

  release(address: string): void {
    this.released.push(address)
  }

  onPath(name: string, incoming: (channel: Channel, from: string) => void): () => void {
    this.takers.set(name, incoming)
    return () => void this.takers.delete(name)
  }

  /** Whoever has asked first gets a connection; returns the path that is opened there, if there is one. */
  async connect(): Promise<FakePath> {
    const path = new FakePath()
    const openPath = (name: string) => Object.assign(path, { name })
    this.waiting.shift()?.resolve({ openPath, listenPaths() {} })
    await settle()
    return path
  }

  async refuse(reason: string): Promise<void> {
    this.waiting.shift()?.reject(new Error(reason))
    await settle()
  }

  arrive(name: string, from: string): FakePath | undefined {
    const taker = this.takers.get(name)
    const path = new FakePath()
    taker?.(path, from)
    return taker && path
  }
}

function built() {
  const clock = new VirtualClock()
  const carriers = new FakeCarriers()
  return { clock, carriers, transport: new PathTransport({ name: 'c0ffee', carriers, clock }) }
}

function dial(transport: PathTransport) {
  return record(transport.dial(TO_B))
}

function keepArrivals(transport: PathTransport) {
  const arrived: ReturnType<typeof record>[] = []
  transport.listen((channel) => arrived.push(record(channel)))
  return arrived
}

function record(channel: Channel) {
  const events: string[] = []
  channel.bind(recording(events))
  return { channel, events }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
