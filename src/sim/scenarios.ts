/** Every scenario by its name, with the options that it takes beside `nodes` and `seed`, and what they are unless given. */
import { REPLICAS } from '../overlay/node-config.ts'
import { MODERN } from '../overlay/timer-profile.ts'
import { churnScenario } from './churn-scenario.ts'
import { crashScenario } from './crash-scenario.ts'
import { dhtScenario } from './dht-scenario.ts'
import { formScenario } from './form-scenario.ts'
import { hopsScenario } from './hops-scenario.ts'
import { mergeScenario } from './merge-scenario.ts'
import { nontransitiveScenario } from './nontransitive-scenario.ts'
import { partitionScenario } from './partition-scenario.ts'
import type { Scenario, ScenarioOptions } from './scenario.ts'
import { subringScenario } from './subring-scenario.ts'

export type ScenarioEntry = {
  run: Scenario
  /** What it asks, in a line. */
  about: string
  /** Options that it heeds, with its own defaults; others are refused. */
  takes: Partial<Record<keyof ScenarioOptions, unknown>>
}

/** What every scenario with a world in it heeds. */
const WORLD = {
  latencyMs: 100, // A guess: two continents.
  loss: 0,
  unreachable: 0,
  unseen: 0,
  profile: MODERN,
  lookahead: true,
  tunnels: true,
  shortcuts: undefined,
  nats: [],
} satisfies Partial<Record<keyof ScenarioOptions, unknown>>

export const SCENARIOS: Record<string, ScenarioEntry> = {
  form: {
    run: formScenario,
    about: 'time to one ring of nodes that start together, and its cost when idle',
    takes: { nodes: 100, ...WORLD, minutes: 1, shards: 1 },
  },
  hops: {
    run: hopsScenario,
    about: 'links that a packet goes over, in a ring drawn as it ought to be or formed by protocol',
    takes: { nodes: 512, lookahead: true, shortcuts: undefined, formed: false },
  },
  crash: {
    run: crashScenario,
    about: 'time to one ring again after a share of the nodes died at once, and values of the DHT lost with them',
    takes: { nodes: 200, ...WORLD, fraction: 0.3, values: 1_000, replicas: REPLICAS },
  },
  churn: {
    run: churnScenario,
    about: 'whether the ring, lookups and messages stay right while nodes come and go',
    takes: { nodes: 200, ...WORLD, minutes: 60, medianSessionMinutes: 5 },
  },
  dht: {
    run: dhtScenario,
    about: 'whether values are found as long as their leases run, and what a put and a get cost',
    takes: {
      nodes: 200,
      ...WORLD,
      minutes: 60,
      medianSessionMinutes: 5,
      values: 2_000,
      replicas: REPLICAS,
      crashFraction: 0,
    },
  },
  partition: {
    run: partitionScenario,
    about: 'time to one ring again after a partition',
    takes: { nodes: 100, ...WORLD, parts: 3, minutes: 10 },
  },
  nontransitive: {
    run: nontransitiveScenario,
    about: 'the share of pairs that can talk where some can have no channel',
    takes: { nodes: 100, ...WORLD, unreachable: 0.3 },
  },
  merge: {
    run: mergeScenario,
    about: 'time to one ring of rings that formed apart, once rendezvous can see both',
    takes: { nodes: 100, ...WORLD, parts: 2 },
  },
  subring: {
    run: subringScenario,
    about: 'time to one private ring of nodes that start together within a public ring, and know nothing else',
    takes: { nodes: 10, publicNodes: 200, ...WORLD },
  },
}
