/** One of the pages that join at once: by Overture, or as a bare mesh. */
import SimplePeer from 'simple-peer/simplepeer.min.js'
import { type Address, join, type Milestones, type Ring } from '../../../src/index.ts'

export type OvertureRun = { namespace: string; service: string; domain: string; peers: number; startAtMs: number }
export type BareRun = { room: string; signaller: string; peers: number; startAtMs: number }

type Bench = {
  /** Resolves to the time of day at which each other page had answered. */
  overture(run: OvertureRun): Promise<number>
  bare(run: BareRun): Promise<number>
  /** Undoes the last run; resolves to what Overture says of its steps. */
  end(): Promise<Milestones | undefined>
}

declare global {
  interface Window {
    bench: Bench
  }
}

/** Those who are linked to everybody by then need not ask around. */
const HELLO_DELAY_MS = 100

let undo: () => Milestones | undefined = () => undefined

window.bench = {
  async overture({ namespace, service, domain, peers, startAtMs }) {
    await appointed(startAtMs)
    const ring = await join({ namespace, xmpp: { service, domain }, localTabs: false })
    undo = () => {
      const { milestones } = ring.snapshot()
      void ring.leave()
      return milestones
    }
    return allAnswered(ring, peers - 1)
  },
  async bare(run) {
    await appointed(run.startAtMs)
    return bareMesh(run)
  },
  async end() {
    const milestones = undo()
    undo = () => undefined
    return milestones
  },
}

/** Everybody says hello to all, asks everybody whom it hears of, and answers whoever asks. */
function allAnswered(ring: Ring, others: number): Promise<number> {
  const [HELLO, PING, PONG] = [0, 1, 2]
  return new Promise((resolve) => {
    const asked = new Set<Address>()
    const answered = new Set<Address>()
    const ask = (address: Address) => {
      if (asked.has(address)) return
      asked.add(address)
      void ring.send(address, Uint8Array.of(PING as number))
    }
    const hello = () => {
      setTimeout(() => {
        if (asked.size < others) void ring.broadcast(Uint8Array.of(HELLO as number))
      }, HELLO_DELAY_MS)
    }
    ring.on('message', ({ from, data }) => {
      ask(from)
      if (data[0] === PING) void ring.send(from, Uint8Array.of(PONG as number))
      if (data[0] !== PONG) return
      answered.add(from)
      if (answered.size === others) resolve(timeOfDay())
    })
    ring.on('peer', ({ type, peer }) => {
      if (type === 'joined') ask(peer.address)
    })
    ring.on('state', (state) => {
      if (state === 'connected') hello()
    })
    for (const address of ring.peers.keys()) ask(address)
    if (ring.state === 'connected') hello()
  })
}

function bareMesh({ room, signaller, peers }: BareRun): Promise<number> {
  return new Promise((resolve) => {
    const id = crypto.randomUUID()
    const mesh = new Map<string, SimplePeer.Instance>()
    const answered = new Set<string>()
    const socket = new WebSocket(`${signaller}?room=${room}&id=${id}`)
    undo = () => {
      socket.close()
      for (const peer of mesh.values()) peer.destroy()
      return undefined
    }
    const open = (to: string, initiator: boolean) => {
      const peer = new SimplePeer({ initiator, config: { iceServers: [] } })
      mesh.set(to, peer)
      peer.on('signal', (signal) => socket.send(JSON.stringify({ to, signal })))
      peer.on('connect', () => peer.send('ping'))
      peer.on('error', () => undefined)
      peer.on('data', (data) => {
        if (String(data) === 'ping') peer.send('pong')
        else answered.add(to)
        if (answered.size === peers - 1) resolve(timeOfDay())
      })
      return peer
    }
    socket.onmessage = ({ data }) => {
      const { members, from, signal } = JSON.parse(data)
      for (const member of members ?? []) open(member, true)
      if (from) (mesh.get(from) ?? open(from, false)).signal(signal)
    }
  })
}

/** Milliseconds of the day, to a fraction: all pages of one machine share it. */
function timeOfDay(): number {
  return performance.timeOrigin + performance.now()
}

async function appointed(startAtMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startAtMs - timeOfDay() - 5)))
  while (timeOfDay() < startAtMs) await Promise.resolve()
}
