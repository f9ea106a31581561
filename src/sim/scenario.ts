/**
 * Scenario: what every simulated experiment is given and gives back. A scenario is a function from options to figures;
 * the same options give the same figures, whatever else the machine does. What it promises and does not keep is a
 * failure, with those whose traces tell how it came to it.
 */
import type { TimerProfile } from '../overlay/timer-profile.ts'
import type { Nat } from './nat.ts'
import { NodeBroken } from './observed-node.ts'
import { Reachability } from './reachability.ts'
import { type Inhabitant, RELAY_DETOUR, World, type WorldOptions } from './world.ts'

export type ScenarioOptions = {
  nodes: number
  seed: number
  /** One way, mean. */
  latencyMs: number
  /** The share of packets lost. */
  loss: number
  minutes: number
  medianSessionMinutes: number
  /** Of the nodes, those that crash at once. */
  fraction: number
  /** Values in the DHT, each with an owner. */
  values: number
  /** Nodes that hold each of them. Undefined: as many as is usual. */
  replicas: number | undefined
  /** Of the nodes, those that crash at once before nodes come and go. */
  crashFraction: number
  /** Of the pairs, those that can have no channel of any kind. */
  unreachable: number
  /** Of the presences, those that nobody is ever shown. */
  unseen: number
  parts: number
  /** Of the ring that the nodes live within. */
  publicNodes: number
  /** Threads among which the nodes are spread. */
  shards: number
  profile: TimerProfile
  lookahead: boolean
  tunnels: boolean
  /** Undefined: by the ring's size. */
  shortcuts: number | undefined
  nats: readonly Nat[]
  /** Whether `hops` walks a ring that protocol formed instead of one that was drawn. */
  formed: boolean
  /** Whose traces are kept, by name. */
  traced: ReadonlySet<string>
}

/** `done` is the share of the work that lies behind. */
export type Progress = (done: number, what: string) => void

export type Failure = { why: string; concerned: Inhabitant[] }

export type Outcome = {
  /** Numbers, and objects of numbers, under the names of the JSON that is printed. */
  figures: Record<string, unknown>
  failure: Failure | undefined
  /** Events of the virtual clock, or steps where there is none. */
  events: number
  virtualMs: number
}

/** A part of a run is over, and so many events since the beginning; `what` names its cost. */
export type PhaseEnded = (what: string, events: number) => void

export type Scenario = (options: ScenarioOptions, progress: Progress, phaseEnded?: PhaseEnded) => Promise<Outcome>

/** A node that breaks an invariant of its own ends the scenario, and is a failure as any other. */
export async function runScenario(
  scenario: Scenario,
  options: ScenarioOptions,
  progress: Progress,
  phaseEnded?: PhaseEnded,
): Promise<Outcome> {
  try {
    return await scenario(options, progress, phaseEnded)
  } catch (error) {
    if (!(error instanceof NodeBroken)) throw error
    return { figures: {}, failure: { why: error.message, concerned: [error.inhabitant] }, events: 0, virtualMs: 0 }
  }
}

export function worldOf(options: ScenarioOptions, more: Partial<WorldOptions> = {}): World {
  const { seed, latencyMs, loss, unseen, profile, lookahead, tunnels, shortcuts, replicas, traced } = options
  const reachability = new Reachability(options)
  return new World({
    seed,
    latencyMs,
    loss,
    unseen,
    presenceMs: RELAY_DETOUR * latencyMs,
    behaviour: { profile, lookahead, tunnels, shortcuts, ...(replicas === undefined ? {} : { replicas }) },
    reachable: (a, b) => reachability.any(a, b),
    direct: (a, b) => reachability.direct(a, b),
    traced: (name) => traced.has(name),
    ...more,
  })
}

export function outcomeOf(world: World, figures: Record<string, unknown>, failure?: Failure | undefined): Outcome {
  return { figures, failure, events: world.clock.events, virtualMs: world.clock.now() }
}

/** How often a world that runs for long is left, so that promises settle and progress is shown. */
const SLICE_MS = 1_000

/** Lets the world run; `each` is called after every virtual second. */
export async function advance(world: World, forMs: number, each?: (done: number) => void): Promise<void> {
  const fromMs = world.clock.now()
  for (let doneMs = 0; doneMs < forMs; doneMs = world.clock.now() - fromMs) {
    world.run(Math.min(SLICE_MS, forMs - doneMs))
    await Promise.resolve()
    each?.(Math.min(1, (world.clock.now() - fromMs) / forMs))
  }
}

/** How long it took until the condition held; undefined when it did not within so long. */
export async function timeUntil(
  world: World,
  condition: () => boolean,
  withinMs: number,
  each?: (done: number) => void,
): Promise<number | undefined> {
  const fromMs = world.clock.now()
  const elapsedMs = () => world.clock.now() - fromMs
  while (elapsedMs() < withinMs) {
    if (world.runUntil(condition, Math.min(SLICE_MS, withinMs - elapsedMs()))) return Math.round(elapsedMs())
    await Promise.resolve()
    each?.(elapsedMs() / withinMs)
  }
  return undefined
}

/** How long the forming of a ring may take: a failed run says so instead of running for ever. Brunet gives it an hour. */
export const FORMING_LIMIT_MS = 600_000

export async function timeToOneRing(
  world: World,
  progress: Progress,
  withinMs = FORMING_LIMIT_MS,
): Promise<number | undefined> {
  return await timeUntil(
    world,
    () => world.isOneRing,
    withinMs,
    () => progress(connectedShare(world), `one ring, ${Math.round(world.clock.now() / 1_000)} s`),
  )
}

export function ringFailure(world: World, what: string): Failure {
  return { why: `${what}: ${world.whyNoRing() ?? 'it is one now'}`, concerned: world.ringCulprits }
}

export function connectedShare(world: World): number {
  let connected = 0
  for (const { node } of world.inhabitants.values()) if (node.state === 'connected') connected++
  return connected / Math.max(1, world.inhabitants.size)
}
