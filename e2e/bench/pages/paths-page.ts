/**
 * One of two pages with an RTCPeerConnection between them, and two paths on it beside the channel that it was made for;
 * and another one without paths, to compare with.
 */
import { endpointOf } from '../../../src/overlay/endpoint.ts'
import type { Channel, Transport } from '../../../src/ports.ts'
import { PathTransport } from '../../../src/transport/pathing.ts'
import { TestCarriers } from '../../../src/transport/test-carriers.ts'
import { WebrtcTransport } from '../../../src/transport/webrtc.ts'
import { timerClock } from '../../../src/xmpp/stanza-exchange.ts'
import { pageSignalling } from './page-signalling.ts'

/** The connection's own channel, its two paths, and the channel of the other connection. */
export type Lane = 'outer' | 'first' | 'second' | 'apart'

type Paths = {
  /** The asker dials, the other page answers. Resolves when all lanes are open. */
  open(name: string, asks?: string): Promise<void>
  /** RTCPeerConnections that carry the paths. */
  connections(): number
  /** Milliseconds until the other page has all of it, over all these lanes at once. */
  bulk(lanes: Lane[], bytesEach: number): Promise<number>
  /** So many round trips of 32 bytes one after the other, by an asker for each lane, in milliseconds. */
  trips(lanes: Lane[], count: number): Promise<number[][]>
  /** Round trips over one lane for so long, while this other is kept congested. */
  tripsBeside(lane: Lane, busy: Lane, forMs: number): Promise<{ trips: number[]; bytes: number }>
}

declare global {
  interface Window {
    paths: Paths
  }
}

const NAMES = { first: '01', second: '02' } as const
const TRIP_BYTES = 32
const BULK_FRAME_BYTES = 16_384
const ANNOUNCEMENT_BYTES = 8

class LaneEnd {
  readonly channel: Channel
  onWritable = () => {}
  /** Who waits for the far page's answer to a trip or to a bulk, in the order asked. */
  private readonly askers: (() => void)[] = []
  private readonly asks: boolean
  private received = 0
  private wanted = Number.POSITIVE_INFINITY

  constructor(channel: Channel, asks: boolean) {
    this.channel = channel
    this.asks = asks
  }

  receive(bytes: Uint8Array): void {
    if (this.asks) this.askers.shift()?.()
    else if (bytes.length === TRIP_BYTES) this.channel.send(bytes)
    else if (bytes.length === ANNOUNCEMENT_BYTES) {
      this.received = 0
      this.wanted = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0)
    } else {
      this.received += bytes.length
      if (this.received >= this.wanted) this.channel.send(new Uint8Array(1))
    }
  }

  async bulk(bytes: number): Promise<void> {
    const announcement = new Uint8Array(ANNOUNCEMENT_BYTES)
    new DataView(announcement.buffer).setFloat64(0, bytes)
    const done = this.answered()
    this.channel.send(announcement)
    await this.fill(() => bytes)
    await done
  }

  /** Sends as fast as the lane takes it, until that many bytes have been sent. */
  async fill(limit: () => number): Promise<number> {
    const frame = new Uint8Array(BULK_FRAME_BYTES).fill(7)
    let sent = 0
    while (sent < limit()) {
      this.channel.send(frame, true)
      sent += frame.length
      if (this.channel.congested) {
        await new Promise<void>((resolve) => {
          this.onWritable = resolve
        })
      }
    }
    return sent
  }

  async trip(): Promise<number> {
    const startMs = performance.now()
    this.channel.send(new Uint8Array(TRIP_BYTES))
    await this.answered()
    return performance.now() - startMs
  }

  private answered(): Promise<void> {
    return new Promise((resolve) => this.askers.push(resolve))
  }
}

const lanes = new Map<Lane, LaneEnd>()
let webrtc: WebrtcTransport | undefined

window.paths = {
  async open(name, asks) {
    webrtc = webrtcAt(name)
    const carriers = new TestCarriers(webrtc)
    carriers.onFrame = (bytes, channel) => {
      if (!lanes.has('outer')) lanes.set('outer', new LaneEnd(channel, false))
      lanes.get('outer')?.receive(bytes)
    }
    carriers.onWritable = () => lanes.get('outer')?.onWritable()
    for (const lane of ['first', 'second'] as const) {
      const transport = new PathTransport({ name: NAMES[lane], carriers, clock: timerClock })
      await meet(lane, transport, asks)
    }
    await meet('apart', webrtcAt(`${name}-apart`), asks && `${asks}-apart`)
    const outer = asks === undefined ? undefined : carriers.channelTo(asks)
    if (outer !== undefined) lanes.set('outer', new LaneEnd(outer, true))
  },
  connections: () => webrtc?.live ?? 0,
  async bulk(names, bytesEach) {
    const startMs = performance.now()
    await Promise.all(names.map((name) => laneOf(name).bulk(bytesEach)))
    return performance.now() - startMs
  },
  trips: (names, count) =>
    Promise.all(
      names.map(async (name) => {
        const trips: number[] = []
        while (trips.length < count) trips.push(await laneOf(name).trip())
        return trips
      }),
    ),
  async tripsBeside(lane, busy, forMs) {
    const untilMs = performance.now() + forMs
    const limit = () => (performance.now() < untilMs ? Number.POSITIVE_INFINITY : 0)
    const filled = laneOf(busy).fill(limit)
    const trips: number[] = []
    while (performance.now() < untilMs) trips.push(await laneOf(lane).trip())
    const bytes = await filled
    return { trips, bytes }
  },
}

function laneOf(name: Lane): LaneEnd {
  const lane = lanes.get(name)
  if (lane === undefined) throw new Error(`There is no ${name} lane.`)
  return lane
}

function webrtcAt(name: string): WebrtcTransport {
  return new WebrtcTransport({
    signalling: pageSignalling(name),
    reflection: { iceServers: () => [] },
    clock: timerClock,
  })
}

/** Waits for the far page, or dials it. */
async function meet(name: Lane, transport: Transport, far: string | undefined): Promise<void> {
  transport.listen((channel) => void adopt(name, channel, false))
  if (far !== undefined) await adopt(name, transport.dial(endpointOf(transport.scheme, far)), true)
}

/** Resolves when it is open. */
function adopt(name: Lane, channel: Channel, asks: boolean): Promise<void> {
  const lane = new LaneEnd(channel, asks)
  lanes.set(name, lane)
  return new Promise((resolve, reject) => {
    channel.bind({
      opened: resolve,
      message: (bytes) => lane.receive(bytes),
      writable: () => lane.onWritable(),
      closed: (reason) => reject(new Error(reason)),
    })
    if (!asks) resolve()
  })
}
