/**
 * Bare page: two libraries and no app. Joins with the options in the URL's fragment, and keeps what it sends and what
 * arrives as numbers, so that a test can count the lost, the doubled and the reordered.
 */
import { type Address, type JoinOptions, join, type Ring } from '../../src/index.ts'

const SEND_EVERY_MS = 5

export type Log = {
  sent: number
  acknowledged: number
  failures: string[]
  /** Numbers in the order of their arrival. */
  received: number[]
  /** How the bytes flowed when we sent, one word for each change. */
  paths: string[]
}

declare global {
  interface Window {
    ring: Promise<Ring>
    log: Log
    /** Joins a ring within the first one. */
    joinInside(options: JoinOptions): Promise<Ring>
    /** Those that were joined so. */
    insides: Ring[]
    /** From now on sends one number after the other to this peer. */
    startCounting(to: Address): void
    stopCounting(): void
  }
}

const log: Log = { sent: 0, acknowledged: 0, failures: [], received: [], paths: [] }
let counting: ReturnType<typeof setInterval> | undefined

window.log = log
window.ring = join(JSON.parse(decodeURIComponent(location.hash.slice(1))) as JoinOptions)

window.insides = []
window.joinInside = async (options) => {
  const ring = await join({ ...options, within: await window.ring })
  window.insides.push(ring)
  return ring
}

window.ring.then((ring) => {
  ring.on('message', ({ data }) => {
    log.received.push(Number(new TextDecoder().decode(data)))
  })
  window.startCounting = (to) => {
    counting = setInterval(() => sendNext(ring, to), SEND_EVERY_MS)
  }
  window.stopCounting = () => clearInterval(counting)
})

function sendNext(ring: Ring, to: Address): void {
  const path = ring.peers.get(to)?.kind ?? 'none'
  if (log.paths.at(-1) !== path) log.paths.push(path)
  ring.send(to, new TextEncoder().encode(String(log.sent++))).then(
    () => {
      log.acknowledged++
    },
    (error: unknown) => log.failures.push(String(error)),
  )
}
