/** DhtFrames: what the DHT costs a ring: each time that a message of it goes over a link, counted by what the message is. */
import { DHT_KINDS, type DhtKind } from '../overlay/dht-wire.ts'
import { BODIES, decodeFrame } from '../overlay/wire.ts'

/** Where a packet's body stands in its frame. Other frames have other things there: it only spares us reading most. */
const BODY_OFFSET = 4
const DHT_BODY = BODIES.indexOf('dht')

export type DhtFrameCounts = Record<DhtKind, number>

export class DhtFrames {
  private sums = noFrames()

  /** To be told of each frame that a node transmits. */
  note(bytes: Uint8Array): void {
    if (bytes[BODY_OFFSET] !== DHT_BODY) return
    const frame = decodeFrame(bytes)
    if (frame?.type !== 'packet' || frame.body !== 'dht') return
    const kind = DHT_KINDS[frame.payload[0] ?? DHT_KINDS.length]
    if (kind) this.sums[kind]++
  }

  /** Since the last time that they were taken. */
  take(): DhtFrameCounts {
    const taken = this.sums
    this.sums = noFrames()
    return taken
  }
}

function noFrames(): DhtFrameCounts {
  return Object.fromEntries(DHT_KINDS.map((kind) => [kind, 0])) as DhtFrameCounts
}
