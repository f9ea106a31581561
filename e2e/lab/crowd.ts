/**
 * Does a server bear a crowd? So many instances of one account join over a while: Node peers in one process, signed in to a
 * real Prosody, which meet by presence and first speak over the relay there; their direct links are in memory, since the
 * server and the rendezvous are what is tried.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Address } from '../../src/overlay/address.ts'
import { seededRandom } from '../../src/overlay/seeded-random.ts'
import { join } from '../../src/peer/join.ts'
import type { Ring } from '../../src/peer/ring.ts'
import { MemoryNetwork } from '../../src/transport/memory.ts'
import { memoryStorage } from '../../src/xmpp/memory-storage.ts'
import { realClock } from '../../src/xmpp/real-clock.ts'
import { makeAccount } from '../account.ts'
import { startProsody } from '../prosody.ts'
import { installCountedWebSocket, type StanzaCounts } from './counted-websocket.ts'
import type { CrowdOptions } from './crowd-options.ts'
import { presencesHeld } from './presences-held.ts'
import { type ProcessCost, processCost } from './process-cost.ts'

const NAMESPACE = 'crowd/1'
const LATENCY_MS = 5 // One way between two peers. A guess: a town.
const RING_LIMIT_MS = 300_000
/** After the ring is one: until those who are to greet do, and the others have withdrawn. */
const SETTLING_MS = 30_000
/** How long the settled crowd is looked at. */
const QUIET_MS = 30_000
const LOOK_MS = 250

export type CrowdRun = {
  /** From the first join, and from the last one, until there was one ring; undefined if there never was. */
  oneRingMs: number | undefined
  afterLastJoinMs: number | undefined
  /** Joins that failed, and sessions that the server ended. */
  failed: number
  cut: number
  /** Up to the moment of one ring, over all instances. */
  joining: StanzaCounts
  /** While the crowd rested. */
  resting: StanzaCounts & { seconds: number }
  presencesHeld: number
  server: ProcessCost
}

export async function runCrowd(options: CrowdOptions, tell: (line: string) => void): Promise<CrowdRun> {
  const prosody = await startProsody()
  const rings: Ring[] = []
  try {
    const account = await makeAccount(prosody)
    const counts = installCountedWebSocket()
    const network = new MemoryNetwork(realClock, { latencyMs: () => LATENCY_MS })
    const xmpp = { service: prosody.service, domain: prosody.domain, ...account }
    const random = seededRandom(options.seed)
    const troubles = { failed: 0, cut: 0 }
    const startedMs = realClock.now()
    const joining = Array.from({ length: options.instances }, async (_, index) => {
      await delay(1_000 * options.overS * (options.overS === 0 ? 0 : random()))
      const transports = [{ transport: network.transport(`peer${index}`), kind: 'direct' as const }]
      const storage = memoryStorage()
      try {
        const ring = await join({ namespace: NAMESPACE, xmpp, transports, storage, greeters: options.greeters })
        ring.on('service', ({ name }) => {
          if (name !== 'online') troubles.cut += 1
        })
        rings.push(ring)
      } catch (error) {
        troubles.failed += 1
        tell(`peer ${index}: ${(error as Error).message}`)
      }
    })
    let lastJoinMs: number | undefined
    void Promise.all(joining).then(() => {
      lastJoinMs = realClock.now()
    })
    const whole = await untilOneRing(rings, () => lastJoinMs !== undefined, startedMs, tell)
    const joined = { ...counts }
    await delay(SETTLING_MS)
    const before = { ...counts }
    await delay(QUIET_MS)
    const resting = differenceOf(counts, before)
    return {
      oneRingMs: whole && whole - startedMs,
      afterLastJoinMs: whole && whole - (lastJoinMs ?? whole),
      ...troubles,
      joining: joined,
      resting: { ...resting, seconds: QUIET_MS / 1_000 },
      presencesHeld: await presencesHeld(prosody, account, NAMESPACE),
      server: await processCost(prosody.pid()),
    }
  } finally {
    await Promise.all(rings.map((ring) => ring.leave()))
    await prosody.stop()
  }
}

async function untilOneRing(
  rings: readonly Ring[],
  allIn: () => boolean,
  startedMs: number,
  tell: (line: string) => void,
): Promise<number | undefined> {
  let toldMs = startedMs
  while (realClock.now() < startedMs + RING_LIMIT_MS) {
    if (allIn() && whoIsAstray(rings) === 0) return realClock.now()
    if (realClock.now() >= toldMs + 5_000) {
      toldMs = realClock.now()
      const connected = rings.filter(({ state }) => state === 'connected').length
      tell(
        `${Math.round((toldMs - startedMs) / 1_000)} s: ${rings.length} in, ${connected} connected, ${whoIsAstray(rings)} astray`,
      )
    }
    await delay(LOOK_MS)
  }
  return undefined
}

/** How many are not linked to exactly those who are next to them of all that there are. */
function whoIsAstray(rings: readonly Ring[]): number {
  const inOrder = [...rings].sort((a, b) => (a.address < b.address ? -1 : 1))
  const at = (index: number) => inOrder[(index + inOrder.length) % inOrder.length]?.address as Address
  return inOrder.filter((ring, index) => {
    const { peers } = ring
    return ring.state !== 'connected' || !peers.has(at(index - 1)) || !peers.has(at(index + 1))
  }).length
}

function differenceOf(now: StanzaCounts, before: StanzaCounts): StanzaCounts {
  return {
    sent: now.sent - before.sent,
    received: now.received - before.received,
    presences: now.presences - before.presences,
  }
}
