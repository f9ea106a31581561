/** A peer is carried to another network in the middle of a conversation: how long until it and the others hear each other? */
import { setTimeout as delay } from 'node:timers/promises'
import type { LabNetwork } from './lab-network.ts'
import type { Move } from './lab-options.ts'
import type { LabPeer } from './lab-peer.ts'

const PATIENCE_MS = 60_000
const POLL_MS = 25

/** Undefined when they did not hear each other while patience lasted. */
export async function timeToTalkAgain(
  network: LabNetwork,
  peers: readonly LabPeer[],
  mover: number,
  move: Move,
): Promise<number | undefined> {
  const addresses = await Promise.all(peers.map(async (peer) => (await peer.snapshot()).address))
  const others = peers.map((_, index) => index).filter((index) => index !== mover)
  const startedMs = performance.now()
  network.move(mover, { wan: move !== 'private', lan: move !== 'public' })
  const say = (from: number, to: number) => ({ to: addresses[to] as (typeof addresses)[0], text: textOf(from, to) })
  await Promise.all([
    peers[mover]?.say(others.map((other) => say(mover, other))),
    ...others.map((other) => peers[other]?.say([say(other, mover)])),
  ])
  const hasHeard = async (to: number, from: number) => (await peers[to]?.heard())?.includes(textOf(from, to)) === true
  while (performance.now() < startedMs + PATIENCE_MS) {
    const heard = await Promise.all(others.flatMap((other) => [hasHeard(mover, other), hasHeard(other, mover)]))
    if (heard.every(Boolean)) return performance.now() - startedMs
    await delay(POLL_MS)
  }
  return undefined
}

function textOf(from: number, to: number): string {
  return `after the move, from ${from} to ${to}`
}
