/**
 * Subring: how long until nodes that live within a public ring, and know nothing else, are one ring of their own?
 *
 *   public ring stands --all private nodes start--connectedMs--> one private ring --ten seconds--> links are direct
 */

import { DhtFrames } from './dht-frames.ts'
import { SETTLING_MS } from './form-scenario.ts'
import { percentile } from './hops-scenario.ts'
import { counterSums, linkKinds, rounded } from './meter.ts'
import { type PrivateMilestones, type PrivateNode, PrivateRing, run, runUntil } from './private-ring.ts'
import {
  advance,
  type Failure,
  outcomeOf,
  type PhaseEnded,
  type Progress,
  ringFailure,
  type ScenarioOptions,
  timeToOneRing,
  worldOf,
} from './scenario.ts'

/** Of the private ring. A failed run says so instead of running for ever. */
const CONNECTING_LIMIT_MS = 300_000
const UPGRADING_MS = 10_000
const SLICE_MS = 1_000
const NAMESPACE = 'b'.repeat(40)

export async function subringScenario(options: ScenarioOptions, progress: Progress, phaseEnded?: PhaseEnded) {
  const frames = new DhtFrames()
  const world = worldOf(options, {
    hosts: true,
    witness: (_name, _input, effects) => {
      for (const effect of effects) if (effect.type === 'transmit') frames.note(effect.bytes)
    },
  })
  world.startTogether(Math.max(options.publicNodes, options.nodes))
  const publicFormedMs = await timeToOneRing(world, progress)
  if (publicFormedMs === undefined) return outcomeOf(world, {}, ringFailure(world, 'no public ring was formed'))
  await advance(world, SETTLING_MS, (done) => progress(done, 'the public ring settles'))
  phaseEnded?.('publicRing', world.clock.events)

  frames.take()
  const { profile, lookahead, tunnels, shortcuts, traced } = options
  const behaviour = { profile, lookahead, tunnels, shortcuts }
  const ring = new PrivateRing(world, { namespace: NAMESPACE, behaviour, traced: (name) => traced.has(name) })
  const fromMs = world.clock.now()
  for (const outer of world.nodes.slice(0, options.nodes)) ring.start(outer)
  let isOne = false
  while (!isOne && world.clock.now() < fromMs + CONNECTING_LIMIT_MS) {
    isOne = await runUntil(world, () => ring.isOneRing, SLICE_MS)
    const linked = ring.nodes.filter(({ node }) => node.state === 'connected').length
    progress(linked / ring.nodes.length, `one private ring, ${Math.round((world.clock.now() - fromMs) / 1_000)} s`)
  }
  const connectedMs = isOne ? Math.round(world.clock.now() - fromMs) : null
  const dhtMessages = perNode(frames.take(), options.nodes)
  phaseEnded?.('connecting', world.clock.events)
  const whenOneRing = linkKinds({ inhabitants: byName(ring.nodes) })
  if (isOne) await run(world, UPGRADING_MS)
  phaseEnded?.('upgrading', world.clock.events)
  const figures = {
    publicFormedMs,
    connectedMs,
    milestones: { reflectionMs: 0, ...milestonesOf(ring.nodes) },
    dhtMessagesPerNode: dhtMessages,
    linkEnds: { whenOneRing, tenSecondsLater: linkKinds({ inhabitants: byName(ring.nodes) }) },
    counters: counterSums({ inhabitants: byName(ring.nodes) }),
    publicCounters: counterSums(world),
  }
  return outcomeOf(world, figures, failureOf(ring, isOne))
}

function failureOf(ring: PrivateRing, wasOne: boolean): Failure | undefined {
  const complaint = ring.complaint()
  if (!complaint) return undefined
  const what = wasOne ? 'the private ring did not hold' : 'no private ring was formed'
  return { why: `${what}: ${complaint.why}`, concerned: complaint.concerned }
}

/** Medians; null where half of the nodes have not come so far. */
function milestonesOf(nodes: readonly PrivateNode[]) {
  const median = (milestone: keyof PrivateMilestones) => {
    const times = nodes.map(({ milestones }) => milestones[milestone] ?? Number.POSITIVE_INFINITY)
    const ms = percentile(times, 0.5)
    return Number.isFinite(ms) ? ms : null
  }
  return {
    rendezvousMs: median('rendezvousMs'),
    relayingMs: median('relayingMs'),
    connectedMs: median('connectedMs'),
  }
}

function perNode(counts: Record<string, number>, nodes: number): Record<string, number> {
  const entries = Object.entries(counts).map(([kind, count]) => [kind, rounded(count / nodes)] as const)
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { all: rounded(all / nodes), ...Object.fromEntries(entries) }
}

function byName(nodes: readonly PrivateNode[]): Map<string, PrivateNode> {
  return new Map(nodes.map((node) => [node.name, node]))
}
