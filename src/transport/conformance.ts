/**
 * Conformance: what must every transport do? Cases without a test framework, so that they run in Node and in a page. A
 * case gets two fresh transports and throws what is wrong; one that waits for ever is ended by whoever runs it.
 */
import type { Endpoint } from '../overlay/endpoint.ts'
import { type Channel, type ChannelEvents, MAX_FRAME_BYTES, type Transport } from '../ports.ts'

export type TransportPair = {
  a: Transport
  b: Transport
  /** An endpoint of the right scheme where nobody is. */
  nowhere: Endpoint
  /** In bytes, where a frame is to be smaller than what a raw channel carries. */
  largestFrame?: number
}

export type ConformanceCase = { name: string; run(pair: TransportPair): Promise<void> }

const HELLO = Uint8Array.of(0x0f)
const BULK_FRAME_BYTES = 16_384
const FAR_TOO_MANY_FRAMES = 4_096 // 64 MiB, more than any transport may keep.

export const CONFORMANCE_CASES: ConformanceCase[] = [
  {
    name: 'carries frames both ways',
    async run(pair) {
      const { near, far } = await connect(pair)
      near.channel.send(Uint8Array.of(1, 2))
      far.channel.send(Uint8Array.of(3, 4))
      await far.received(1)
      await near.received(1)
      expectFrame(far.frames[0], Uint8Array.of(1, 2))
      expectFrame(near.frames[0], Uint8Array.of(3, 4))
    },
  },
  {
    name: 'names the far end so that it can be dialled back',
    async run(pair) {
      const { near, far } = await connect(pair)
      expect(near.channel.endpoint === pair.b.endpoint, `dialled ${near.channel.endpoint}`)
      expect(far.channel.endpoint === pair.a.endpoint, `arrived from ${far.channel.endpoint}`)
      expect(!far.events.includes('opened'), 'an incoming channel is open and does not say so')
    },
  },
  {
    name: 'keeps a thousand frames in order, in both directions at once',
    async run(pair) {
      const { near, far } = await connect(pair)
      for (let i = 0; i < 1_000; i += 1) {
        near.channel.send(numbered(i))
        far.channel.send(numbered(i))
      }
      await far.received(1_000)
      await near.received(1_000)
      for (let i = 0; i < 1_000; i += 1) {
        expectFrame(far.frames[i], numbered(i))
        expectFrame(near.frames[i], numbered(i))
      }
    },
  },
  {
    name: 'carries frames of every size up to the largest, whole',
    async run(pair) {
      const { near, far } = await connect(pair)
      const sizes = [0, 1, 4_096, 65_536, pair.largestFrame ?? MAX_FRAME_BYTES, 0, 3]
      for (const size of sizes) near.channel.send(pattern(size))
      await far.received(sizes.length)
      sizes.forEach((size, i) => {
        expectFrame(far.frames[i], pattern(size))
      })
    },
  },
  {
    name: 'carries what the bytes were when they were sent, whatever buffer they lie in',
    async run(pair) {
      const { near, far } = await connect(pair)
      const buffer = Uint8Array.from({ length: 512 }, (_, i) => i & 0xff)
      near.channel.send(buffer.subarray(100, 400))
      const before = buffer.slice(100, 400)
      buffer.fill(0)
      await far.received(1)
      expectFrame(far.frames[0], before)
    },
  },
  {
    name: 'delivers frames that were sent before the channel was open',
    async run(pair) {
      const arrival = arrivalAt(pair.b)
      const near = new Recorder(pair.a.dial(endpointAt(pair.b)))
      for (let i = 0; i < 10; i += 1) near.channel.send(numbered(i))
      expect(near.events.length === 0, 'nothing happens before dial returns')
      const far = await arrival
      await far.received(10)
      await near.until(() => near.events.includes('opened'), 'opened')
      for (let i = 0; i < 10; i += 1) expectFrame(far.frames[i], numbered(i))
    },
  },
  {
    name: 'closes after everything that was sent, and says so to the far end once',
    async run(pair) {
      const { near, far } = await connect(pair)
      for (let i = 0; i < 50; i += 1) near.channel.send(pattern(1_000 + i))
      near.channel.close('done')
      await far.ended()
      expect(far.frames.length === 50, `${far.frames.length} of 50 frames came before the end`)
      expectFrame(far.frames[49], pattern(1_049))
      expect(far.events.at(-1)?.startsWith('closed') === true, 'nothing follows the end')
    },
  },
  {
    name: 'calls nothing after close',
    async run(pair) {
      const first = await connect(pair)
      const second = await connect(pair)
      const eventCount = first.near.events.length
      first.near.channel.close('done')
      first.near.channel.close('done again')
      first.near.channel.send(HELLO)
      for (let i = 0; i < 20; i += 1) first.far.channel.send(numbered(i))
      await first.far.ended()
      const farEventCount = first.far.events.length
      first.far.channel.send(HELLO)
      first.far.channel.close('too late')
      second.near.channel.send(HELLO)
      await second.far.received(1)
      second.far.channel.send(HELLO)
      await second.near.received(1)
      expect(first.near.events.length === eventCount, `then came ${first.near.events.slice(eventCount)}`)
      expect(first.far.events.length === farEventCount, `then came ${first.far.events.slice(farEventCount)}`)
    },
  },
  {
    name: 'closes a dial to nobody, with a reason',
    async run(pair) {
      const near = new Recorder(pair.a.dial(pair.nowhere))
      near.channel.send(HELLO)
      expect(near.events.length === 0, 'nothing happens before dial returns')
      await near.ended()
      expect(near.endReason !== '', 'a reason is given')
      expect(near.frames.length === 0, 'nobody answers')
    },
  },
  {
    name: 'is congested when much waits, and writable again once it has left',
    async run(pair) {
      const { near, far } = await connect(pair)
      let sent = 0
      for (; !near.channel.congested && sent < FAR_TOO_MANY_FRAMES; sent += 1)
        near.channel.send(pattern(BULK_FRAME_BYTES))
      expect(near.channel.congested, `not congested by ${sent} frames`)
      await near.until(() => near.events.includes('writable'), 'writable')
      expect(!near.channel.congested, 'writable means no longer congested')
      await far.received(sent)
      for (; !near.channel.congested && sent < FAR_TOO_MANY_FRAMES; sent += 1)
        near.channel.send(pattern(BULK_FRAME_BYTES))
      await far.received(sent)
      await near.until(() => near.events.filter((event) => event === 'writable').length === 2, 'writable again')
      expect(near.endReason === '' && far.endReason === '', 'who stops in time stays connected')
    },
  },
  {
    name: 'cuts off a sender that never waits, so that memory is bounded',
    async run(pair) {
      const { near, far } = await connect(pair)
      const frame = pattern(BULK_FRAME_BYTES)
      for (let i = 0; i < FAR_TOO_MANY_FRAMES; i += 1) near.channel.send(frame)
      await near.ended()
      await far.ended()
      expect(far.frames.length < FAR_TOO_MANY_FRAMES, 'not everything was kept')
      far.frames.forEach((each) => {
        expectFrame(each, frame)
      })
    },
  },
  {
    name: 'closes and counts when a frame is larger than allowed',
    async run(pair) {
      const { near, far } = await connect(pair)
      near.channel.send(pattern(MAX_FRAME_BYTES + 1))
      await far.ended()
      await near.ended()
      expect(far.frames.length === 0, 'it is not delivered')
      expect(pair.b.dropped.get('frame too large') === 1, `dropped: ${[...pair.b.dropped]}`)
    },
  },
  {
    name: 'keeps two channels between the same two apart',
    async run(pair) {
      const first = await connect(pair)
      const second = await connect(pair)
      for (let i = 0; i < 20; i += 1) {
        first.near.channel.send(Uint8Array.of(1, i))
        second.near.channel.send(Uint8Array.of(2, i))
      }
      await first.far.received(20)
      await second.far.received(20)
      expect(
        first.far.frames.every((frame) => frame[0] === 1) && second.far.frames.every((frame) => frame[0] === 2),
        'mixed',
      )
      first.near.channel.close('done')
      await first.far.ended()
      second.far.channel.send(HELLO)
      await second.near.received(1)
      expect(second.near.endReason === '', 'the other one lives on')
    },
  },
  {
    name: 'closes every channel when it is closed',
    async run(pair) {
      const first = await connect(pair)
      const second = await connect(pair)
      first.near.channel.send(HELLO)
      pair.a.close()
      await first.far.ended()
      await second.far.ended()
      expect(first.far.frames.length === 1, 'what was sent before arrives')
    },
  },
]

/** A channel's end and everything that it was told. */
class Recorder implements ChannelEvents {
  readonly channel: Channel
  readonly frames: Uint8Array[] = []
  readonly events: string[] = []
  endReason = ''
  private readonly waits = new Set<() => void>()

  constructor(channel: Channel) {
    this.channel = channel
    channel.bind(this)
  }

  opened(): void {
    this.note('opened')
  }

  message(bytes: Uint8Array): void {
    this.frames.push(bytes)
    this.note('message')
  }

  writable(): void {
    this.note('writable')
  }

  closed(reason: string): void {
    this.endReason = reason
    this.note(`closed: ${reason}`)
  }

  async received(count: number): Promise<void> {
    await this.until(() => this.frames.length >= count, `${count} frames`)
  }

  async ended(): Promise<void> {
    await this.until(() => this.endReason !== '', 'the end')
  }

  /** Rejects when the channel ends first. */
  until(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (isSo()) resolve()
        else if (this.endReason !== '') reject(new Error(`waited for ${what}, but it closed: ${this.endReason}`))
        else return
        this.waits.delete(look)
      }
      this.waits.add(look)
      look()
    })
  }

  private note(event: string): void {
    this.events.push(event)
    for (const look of [...this.waits]) look()
  }
}

/** A channel from a to b that has carried its first frame, with both of its ends' records begun afresh. */
async function connect({ a, b }: TransportPair): Promise<{ near: Recorder; far: Recorder }> {
  const arrival = arrivalAt(b)
  const near = new Recorder(a.dial(endpointAt(b)))
  near.channel.send(HELLO)
  const far = await Promise.race([arrival, near.ended().then(() => Promise.reject(new Error(near.endReason)))])
  await far.received(1)
  await near.until(() => near.events.includes('opened'), 'opened')
  far.frames.length = 0
  return { near, far }
}

function arrivalAt(transport: Transport): Promise<Recorder> {
  return new Promise((resolve) => transport.listen((channel) => resolve(new Recorder(channel))))
}

function endpointAt(transport: Transport): Endpoint {
  const { endpoint } = transport
  if (endpoint === undefined) throw new Error('nobody can dial this transport')
  return endpoint
}

function numbered(i: number): Uint8Array {
  return Uint8Array.of(i >> 8, i & 0xff)
}

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xff)
}

function expectFrame(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual instanceof Uint8Array, 'a frame is missing')
  expect(actual?.byteLength === expected.byteLength, `${actual?.byteLength} bytes came of ${expected.byteLength}`)
  for (let i = 0; i < expected.byteLength; i += 1) {
    if (actual?.[i] !== expected[i]) throw new Error(`byte ${i} is ${actual?.[i]} and not ${expected[i]}`)
  }
}

function expect(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what)
}
