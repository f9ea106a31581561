/**
 * Do delayed wires delay, lose and carry as they are asked to, also where the kernel has netem? Left out, with the reason,
 * where there can be no lab.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { command } from './lab/command.ts'
import { delayByWire } from './lab/lab-distance.ts'
import { LabNetwork, SERVER_IP } from './lab/lab-network.ts'
import { whyNoLab } from './lab/why-no-lab.ts'

const PORT = 7
const SEED = 1
const RTT_MS = 100
/** What two busy cores add to the best of some round trips. A guess. */
const SLACK_MS = 30
/** More than TCP sends at once, so that the system hands over frames that are not cut into segments yet. */
const ANSWER_BYTES = 1 << 18
const PATIENCE_MS = 4_000 // TCP asks for the third time after three seconds (RFC 6298 §2).

const ANSWERING = `require('net').createServer((socket) => socket.on('error', () => {}).end(Buffer.alloc(${ANSWER_BYTES})))
  .listen(${PORT}, '${SERVER_IP}', () => console.log('listens'))`
const ASKING = `const askedMs = performance.now()
  let connectedMs, bytes = 0
  const say = () => { console.log(JSON.stringify({ connectedMs, bytes })); process.exit() }
  require('net').connect(${PORT}, '${SERVER_IP}', () => { connectedMs = performance.now() - askedMs })
    .on('data', ({ length }) => { bytes += length }).on('error', say).on('close', say)
  setTimeout(say, ${PATIENCE_MS})`

type Answer = { connectedMs?: number; bytes: number }

const why = whyNoLab()

describe.skipIf(why !== undefined)(`delayed wires${why === undefined ? '' : ` (left out: ${why})`}`, () => {
  let network: LabNetwork
  beforeEach(() => {
    network = new LabNetwork(['restricted'])
  })
  afterEach(() => network.remove())

  test('delay what comes and goes by half of the round trip, and carry frames of all sizes', async () => {
    await serve(network)
    expect(await leastMs(network)).toBeLessThan(RTT_MS)
    await delayByWire(network.segment, { rttMs: RTT_MS, lossPercent: 0 }, SEED)
    const least = await leastMs(network)
    expect(least).toBeGreaterThanOrEqual(RTT_MS)
    expect(least).toBeLessThan(RTT_MS + SLACK_MS)
  })

  test.each([
    { lossPercent: 100, arrives: false },
    { lossPercent: 2, arrives: true },
  ])('lose $lossPercent % where that is to be lost', async ({ lossPercent, arrives }) => {
    await serve(network)
    await delayByWire(network.segment, { rttMs: 0, lossPercent }, SEED)
    expect((await ask(network)).connectedMs !== undefined).toBe(arrives)
  })

  test('are gone when the network is', async () => {
    await delayByWire(network.segment, { rttMs: RTT_MS, lossPercent: 0 }, SEED)
    const pids = command('ip', ['netns', 'pids', network.segment.namespace]).split('\n').filter(Boolean)
    expect(pids.map((pid) => existsSync(`/proc/${pid}`))).toEqual([true])
    network.remove()
    await vi.waitFor(() => expect(existsSync(`/proc/${pids[0]}`)).toBe(false))
  })
})

/** It ends with its namespace. */
async function serve(network: LabNetwork): Promise<void> {
  const { stdout } = spawn('ip', ['netns', 'exec', network.server, process.execPath, '-e', ANSWERING])
  await once(stdout, 'data')
}

/** The time that a connection from behind the NAT takes, which is one round trip, at best. */
async function leastMs(network: LabNetwork): Promise<number> {
  const tookMs: number[] = []
  while (tookMs.length < 4) {
    const { connectedMs = Number.NaN, bytes } = await ask(network)
    expect(bytes).toBe(ANSWER_BYTES)
    tookMs.push(connectedMs)
  }
  return Math.min(...tookMs)
}

async function ask(network: LabNetwork): Promise<Answer> {
  const words = ['netns', 'exec', network.peer(0), process.execPath, '-e', ASKING]
  const { stdout } = await promisify(execFile)('ip', words)
  return JSON.parse(stdout) as Answer
}
