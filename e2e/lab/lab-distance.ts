/**
 * What makes the lab's cables long? The kernel's netem where it has that (its module sch_netem), else wires of our own:
 *
 *   nat 1 wan ─────────────────────────── nat1 bridge      netem on both ends
 *   nat 1 wan ── nat1-near ~wire~ nat1-far ── nat1 bridge  a program takes each frame from the one to the other, later
 *
 * A way leads over two cables, there and back over four: each delays by a quarter, and loses at its beginning.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { command } from './command.ts'

const WIRE = fileURLToPath(new URL('delayed-wire.py', import.meta.url))

export type Distance = {
  /** Round trip between any two of peers and server, in milliseconds. */
  rttMs: number
  /** Percent of the packets that are lost on the way, each way. */
  lossPercent: number
}

/** `none` where nothing is far. */
export type DistanceMaker = 'netem' | 'wire' | 'none'

/** From a device in a namespace to a port of the bridge. */
export type Cable = { namespace: string; device: string; port: string }

/** All cables, and the bridge that they lead to. */
export type Segment = { namespace: string; bridge: string; cables: readonly Cable[] }

/** Nothing makes distance on this machine. */
export class NoDistance extends Error {
  constructor(complaint: string) {
    super(`--rtt and --loss need a kernel with netem (sch_netem), or Python 3 for wires of our own: ${complaint}`)
    this.name = 'NoDistance'
  }
}

/** Resolves when everything is so far from each other, with what makes it so. `seed` decides what a wire loses. */
export async function makeDistance(segment: Segment, distance: Distance, seed: number): Promise<DistanceMaker> {
  if (distance.rttMs === 0 && distance.lossPercent === 0) return 'none'
  if (hasNetem(segment)) {
    delayByNetem(segment, distance)
    return 'netem'
  }
  await delayByWire(segment, distance, seed)
  return 'wire'
}

function hasNetem({ namespace, bridge }: Segment): boolean {
  try {
    command('tc', ['-n', namespace, 'qdisc', 'add', 'dev', bridge, 'root', 'netem', 'delay', '1ms'])
  } catch {
    return false
  }
  command('tc', ['-n', namespace, 'qdisc', 'del', 'dev', bridge, 'root'])
  return true
}

function delayByNetem(segment: Segment, { rttMs, lossPercent }: Distance): void {
  for (const { namespace, device, port } of segment.cables) {
    const loss = lossPercent > 0 ? ['loss', `${lossPercent}%`] : []
    const netem = ['root', 'netem', 'delay', `${rttMs / 4}ms`]
    command('tc', ['-n', namespace, 'qdisc', 'add', 'dev', device, ...netem, ...loss])
    command('tc', ['-n', segment.namespace, 'qdisc', 'add', 'dev', port, ...netem])
  }
}

/** The wire ends with its namespace, whose processes are ended before it, or when this process ends, however it does. */
export async function delayByWire(segment: Segment, { rttMs, lossPercent }: Distance, seed: number): Promise<void> {
  command('ip', ['-n', segment.namespace, '-batch', '-'], segment.cables.flatMap(cut(segment)).join('\n'))
  const ends = segment.cables.flatMap(({ port }) => [`${port}-near`, `${port}-far`])
  const words = [WIRE, rttMs / 4, lossPercent, seed, ...ends].map(String)
  const wire = spawn('ip', ['netns', 'exec', segment.namespace, 'python3', ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A signal from the terminal is for the lab, which then ends its wire.
    detached: true,
  })
  // It may have been ended before it has read that it is to end.
  wire.stdin.on('error', () => undefined)
  const carries = once(createInterface(wire.stdout), 'line').then(() => true)
  const ended = once(wire, 'close').then(() => false)
  if (!(await Promise.race([carries, ended]))) throw new NoDistance('the wire did not start')
}

/** The cable's end at the bridge becomes the wire's near end, and another cable leads on from its far end. */
function cut({ bridge }: Segment): (cable: Cable) => string[] {
  return ({ port }) => [
    `link set ${port} down`,
    `link set ${port} nomaster name ${port}-near`,
    `link add ${port}-far type veth peer name ${port}`,
    `link set ${port} master ${bridge}`,
    ...[port, `${port}-near`, `${port}-far`].map((device) => `link set ${device} up`),
  ]
}
