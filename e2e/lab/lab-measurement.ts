/**
 * The lab from its beginning to its end: builds the network, starts the server and the browsers, runs, and removes all
 * of it, also when it is interrupted or a step throws.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '../../src/overlay/seeded-random.ts'
import { makeDistance } from './lab-distance.ts'
import { timeToTalkAgain } from './lab-move.ts'
import { LabNetwork, SERVER_IP } from './lab-network.ts'
import type { LabOptions } from './lab-options.ts'
import { LabPeer } from './lab-peer.ts'
import { type LabMeasurement, type MeasuredRun, runLine } from './lab-report.ts'
import { enterPublicRing, runLab } from './lab-run.ts'
import { startLabServer } from './lab-server.ts'
import { natKinds } from './nat-rules.ts'

/** What a shell expects of a program that a signal has ended (128 and the signal's number). */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

export async function measureLab(options: LabOptions, log: (line: string) => void): Promise<LabMeasurement> {
  const random = seededRandom(options.seed)
  const nats = shuffled(natKinds(options.nat, options.peers), random)
  const folder = mkdtempSync(join(tmpdir(), 'overture-lab-'))
  // So that the servers and the browsers write there too, who have no time to clean up when the lab is interrupted.
  process.env.TMPDIR = folder
  let network: LabNetwork | undefined
  const remove = () => {
    network?.remove()
    rmSync(folder, { recursive: true, force: true })
  }
  const stopListening = atAnyEnd(remove)
  const peers: LabPeer[] = []
  /** Of the public ring, in one browser that is behind no NAT. */
  const strangers: LabPeer[] = []
  try {
    network = new LabNetwork(nats)
    const distanceBy = await makeDistance(network.segment, options, options.seed)
    const { server: name, coturn } = options
    const server = await startLabServer(network.server, { host: SERVER_IP, server: name, coturn })
    try {
      for (const index of nats.keys()) peers.push(await LabPeer.launch(network.peer(index), server.url, folder))
      log(`${peers.length} browsers behind ${nats.join(', ')}; seed ${options.seed}`)
      if (options.rendezvous === 'ring') {
        const wanted = Math.max(0, options.publicPeers - peers.length)
        const host = await LabPeer.launch(network.server, server.url, folder)
        strangers.push(...Array.from({ length: wanted }, (_, index) => (index === 0 ? host : host.another())))
        for (const stranger of strangers) await stranger.open()
        await enterPublicRing(strangers, server, 0)
        log(`${strangers.length} others are in the public ring`)
      }
      const runs: MeasuredRun[] = []
      while (runs.length < options.runs) {
        const publicOthers = options.rendezvous === 'ring' ? strangers.length : undefined
        const run: MeasuredRun = await runLab({ peers, nats, server, coturn, publicOthers })
        if (options.move) {
          const mover = Math.floor(random() * peers.length)
          run.talksAgainMs = await timeToTalkAgain(network, peers, mover, options.move)
        }
        await Promise.all(peers.map((peer) => peer.close()))
        runs.push(run)
        log(`run ${runs.length}: ${runLine(run)}`)
      }
      return { distanceBy, runs }
    } finally {
      await Promise.all([...peers, ...strangers.slice(0, 1)].map((peer) => peer.end()))
      await server.stop()
    }
  } finally {
    remove()
    stopListening()
  }
}

/** Calls `remove` when the process ends, whatever ends it, except SIGKILL. Returns what stops it. */
function atAnyEnd(remove: () => void): () => void {
  const listeners = Object.entries(SIGNALS).map(([signal, status]) => ({ signal, end: () => process.exit(status) }))
  process.once('exit', remove)
  for (const { signal, end } of listeners) process.once(signal, end)
  return () => {
    process.off('exit', remove)
    for (const { signal, end } of listeners) process.off(signal, end)
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const result = [...values]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[result[last], result[other]] = [result[other] as T, result[last] as T]
  }
  return result
}
