/** One of two pages with a link between them: a ring of two, and a bare RTCDataChannel. */
import { type Address, join, type Ring } from '../../../src/index.ts'

type Side = 'ours' | 'bare'

type Link = {
  /** Resolves when the ring's link is direct. */
  open(run: { service: string; namespace: string }): Promise<void>
  /** Opens the bare channel from this page to the other, which must be open. */
  openBare(): Promise<void>
  /** Milliseconds until the other page has all of it. */
  bulk(side: Side, task: { bytes: number; messageBytes: number }): Promise<number>
  /** What the ring has counted, to see what a slow run was busy with. */
  counters(): Record<string, number>
  /** Median over batches of so many round trips of 32 bytes in all, in milliseconds. */
  roundTrip(side: Side, count: number): Promise<number>
}

declare global {
  interface Window {
    link: Link
  }
}

const TRIP_BYTES = 32
/** A page's clock shows tenths of a millisecond only, so trips are timed in batches. */
const BATCH_TRIPS = 50
/** What may wait in the bare channel before its sender pauses. */
const HIGH_WATER_BYTES = 1_048_576
/** What a sender of ours leaves unacknowledged by the other page, buffers and all, before it pauses. */
const UNACKNOWLEDGED_BYTES = 4_194_304
const LOW_WATER_BYTES = 262_144

/** Messages of 32 bytes are echoed; longer ones are counted, and the last of a bulk is answered. */
const received = { bytes: 0, wanted: Number.POSITIVE_INFINITY }
let onEcho: () => void = () => undefined
let ring: Ring | undefined
let other: Address | undefined
let bare: RTCDataChannel | undefined

function handle(data: Uint8Array, answer: (data: Uint8Array) => void, isAsker: boolean): void {
  if (isAsker) {
    onEcho()
    return
  }
  if (data.length === TRIP_BYTES) {
    answer(data)
    return
  }
  if (data.length === 8) {
    received.bytes = 0
    received.wanted = new DataView(data.buffer, data.byteOffset).getFloat64(0)
    return
  }
  received.bytes += data.length
  if (received.bytes >= received.wanted) answer(new Uint8Array(1))
}

let isAsker = false

window.link = {
  async open({ service, namespace }) {
    const joined = await join({ namespace, xmpp: { service }, localTabs: false })
    ring = joined
    joined.on('message', ({ from, data }) => handle(data, (echo) => void joined.send(from, echo), isAsker))
    await new Promise<void>((resolve) => {
      const look = () => {
        const [peer] = joined.peers.values()
        if (peer?.kind !== 'direct') return
        other = peer.address
        resolve()
      }
      joined.on('peer', look)
      look()
    })
  },
  async openBare() {
    isAsker = true
    const connection = peerConnection()
    const channel = connection.createDataChannel('bare')
    await new Promise<void>((resolve) => {
      channel.onopen = () => resolve()
      void connection.setLocalDescription().then(() => tell({ description: connection.localDescription?.toJSON() }))
    })
    adopt(channel)
  },
  async bulk(side, { bytes, messageBytes }) {
    const message = new Uint8Array(messageBytes).fill(7)
    const announcement = new Uint8Array(8)
    new DataView(announcement.buffer).setFloat64(0, bytes)
    const done = new Promise<void>((resolve) => {
      onEcho = resolve
    })
    const startMs = performance.now()
    const send = side === 'ours' ? sendOurs : sendBare
    await send(announcement)
    for (let sent = 0; sent < bytes; sent += messageBytes) await send(message)
    await done
    return performance.now() - startMs
  },
  counters: () => ring?.snapshot().counters ?? {},
  async roundTrip(side, count) {
    const batches: number[] = []
    const message = new Uint8Array(TRIP_BYTES)
    for (let batch = 0; batch < count / BATCH_TRIPS; batch++) {
      const startMs = performance.now()
      for (let trip = 0; trip < BATCH_TRIPS; trip++) {
        const echoed = new Promise<void>((resolve) => {
          onEcho = resolve
        })
        if (side === 'ours') void ring?.send(other as Address, message)
        else bare?.send(message)
        await echoed
      }
      batches.push((performance.now() - startMs) / BATCH_TRIPS)
    }
    return batches.sort((a, b) => a - b)[batches.length >> 1] as number
  },
}

let unacknowledgedBytes = 0
let onAcknowledged: () => void = () => undefined

/** Resolves when more may be sent. */
async function sendOurs(message: Uint8Array): Promise<void> {
  unacknowledgedBytes += message.length
  void ring?.send(other as Address, message).then(() => {
    unacknowledgedBytes -= message.length
    onAcknowledged()
  })
  while (unacknowledgedBytes > UNACKNOWLEDGED_BYTES) {
    await new Promise<void>((resolve) => {
      onAcknowledged = resolve
    })
  }
}

async function sendBare(message: Uint8Array): Promise<void> {
  const channel = bare as RTCDataChannel
  channel.send(message as Uint8Array<ArrayBuffer>)
  if (channel.bufferedAmount <= HIGH_WATER_BYTES) return
  await new Promise<void>((resolve) => {
    channel.onbufferedamountlow = () => resolve()
  })
}

function adopt(channel: RTCDataChannel): void {
  bare = channel
  channel.binaryType = 'arraybuffer'
  channel.bufferedAmountLowThreshold = LOW_WATER_BYTES
  channel.onmessage = ({ data }) =>
    handle(new Uint8Array(data), (echo) => channel.send(echo as Uint8Array<ArrayBuffer>), isAsker)
}

// ------------------------------------------------------------------------ the bare channel's signalling, between pages

const signals = new BroadcastChannel('bare')
let connection: RTCPeerConnection | undefined

function peerConnection(): RTCPeerConnection {
  const made = new RTCPeerConnection()
  connection = made
  made.onicecandidate = ({ candidate }) => tell({ candidate: candidate?.toJSON() })
  made.ondatachannel = ({ channel }) => adopt(channel)
  return made
}

function tell(signal: {
  description?: RTCSessionDescriptionInit | undefined
  candidate?: RTCIceCandidateInit | undefined
}) {
  signals.postMessage(signal)
}

signals.onmessage = async ({ data: { description, candidate } }) => {
  const mine = connection ?? peerConnection()
  if (description) {
    await mine.setRemoteDescription(description)
    if (description.type === 'offer') {
      await mine.setLocalDescription()
      tell({ description: mine.localDescription?.toJSON() })
    }
  } else if (candidate) await mine.addIceCandidate(candidate)
}
