/**
 * What has been asked of the simulator? Turns the words behind `npm run sim --` into a scenario's name and options, or
 * into one sentence that says what is wrong with them.
 */
import { parseArgs } from 'node:util'
import { MODERN, PAPER } from '../overlay/timer-profile.ts'
import { windowMs } from '../sim/border.ts'
import { NATS, natName, parseNat } from '../sim/nat.ts'
import type { ScenarioOptions } from '../sim/scenario.ts'
import { SCENARIOS, type ScenarioEntry } from '../sim/scenarios.ts'

export type SimRequest = { scenario: string; entry: ScenarioEntry; options: ScenarioOptions; json: boolean }

/** The words ask for something that there is not, or not so. */
export class SimOptionError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'SimOptionError'
  }
}

type Flag = {
  key: keyof ScenarioOptions
  /** Undefined for a flag that takes no value. */
  value: string | undefined
  about: string
  /** Throws a SimOptionError, which names the flag. */
  read(text: string, flag: string): unknown
}

/** Beyond it the memory of one process ends, whatever the scenario. */
const MAX_NODES = 100_000
const MAX_VALUES = 1_000_000
/** A node knows some dozens around it, and no more. */
const MAX_REPLICAS = 32

const FLAGS: Record<string, Flag> = {
  nodes: { key: 'nodes', value: 'N', about: 'how many nodes', read: whole(2, MAX_NODES) },
  seed: { key: 'seed', value: 'N', about: 'repeats a run', read: whole(0, 2 ** 32 - 1) },
  latency: { key: 'latencyMs', value: 'MS', about: 'one way over a direct channel, mean', read: between(0, 60_000) },
  loss: {
    key: 'loss',
    value: 'SHARE',
    about: 'of packets, each a delay until it is sent again',
    read: between(0, 0.9),
  },
  minutes: { key: 'minutes', value: 'M', about: 'virtual time of the measurement', read: between(0, 100_000) },
  'median-session': {
    key: 'medianSessionMinutes',
    value: 'M',
    about: 'virtual minutes that half of the nodes stay longer than',
    read: between(0.01, 100_000),
  },
  fraction: { key: 'fraction', value: 'SHARE', about: 'of the nodes, which crash at once', read: between(0, 1) },
  values: { key: 'values', value: 'N', about: 'in the DHT, each with an owner', read: whole(0, MAX_VALUES) },
  replicas: { key: 'replicas', value: 'N', about: 'nodes that hold each value', read: whole(1, MAX_REPLICAS) },
  'crash-fraction': {
    key: 'crashFraction',
    value: 'SHARE',
    about: 'of the nodes, which crash at once before nodes come and go',
    read: between(0, 1),
  },
  unreachable: {
    key: 'unreachable',
    value: 'SHARE',
    about: 'of the pairs, which can have no channel of any kind',
    read: between(0, 1),
  },
  unseen: { key: 'unseen', value: 'SHARE', about: 'of the presences, never shown to anybody', read: between(0, 1) },
  public: {
    key: 'publicNodes',
    value: 'N',
    about: 'how many nodes the ring has that the others live within; no fewer than those',
    read: whole(2, MAX_NODES),
  },
  parts: { key: 'parts', value: 'N', about: 'how many rings', read: whole(2, 1_000) },
  shards: {
    key: 'shards',
    value: 'N',
    about: 'threads that simulate a part of the nodes each; another number is another world',
    read: whole(1, 64),
  },
  nats: {
    key: 'nats',
    value: 'KINDS',
    about: `what nodes are behind, drawn of: ${NATS.map(natName).join(', ')}`,
    read: readNats,
  },
  profile: { key: 'profile', value: 'NAME', about: 'timers: modern, or paper for those of 2010', read: readProfile },
  shortcuts: { key: 'shortcuts', value: 'N', about: 'made by each node, instead of by ring size', read: whole(0, 64) },
  lookahead: {
    key: 'lookahead',
    value: undefined,
    about: 'route with regard to the far ends’ links',
    read: () => true,
  },
  'no-lookahead': { key: 'lookahead', value: undefined, about: 'route greedily', read: () => false },
  'no-tunnels': { key: 'tunnels', value: undefined, about: 'pairs that cannot connect stay apart', read: () => false },
  formed: { key: 'formed', value: undefined, about: 'a ring formed by protocol, not drawn', read: () => true },
}

const UNHEEDED: ScenarioOptions = {
  nodes: 100,
  seed: 1,
  latencyMs: 100,
  loss: 0,
  minutes: 1,
  medianSessionMinutes: 5,
  fraction: 0.3,
  values: 0,
  replicas: undefined,
  crashFraction: 0,
  unreachable: 0,
  unseen: 0,
  parts: 2,
  publicNodes: 200,
  shards: 1,
  profile: MODERN,
  lookahead: true,
  tunnels: true,
  shortcuts: undefined,
  nats: [],
  formed: false,
  traced: new Set(),
}

/** `seed` is the one to take when none is given. */
export function parseSim(words: readonly string[], seed: number): SimRequest {
  const { positionals, values } = split(words)
  const [scenario, surplus] = positionals
  if (scenario === undefined) throw new SimOptionError(`Name a scenario: ${Object.keys(SCENARIOS).join(', ')}.`)
  const entry = Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario] : undefined
  if (!entry) {
    throw new SimOptionError(`There is no scenario “${scenario}”; there are ${Object.keys(SCENARIOS).join(', ')}.`)
  }
  if (surplus !== undefined) throw new SimOptionError(`“${surplus}” is one word too many.`)
  const options: Record<string, unknown> = { ...UNHEEDED, seed, ...entry.takes }
  let json = false
  for (const [name, text] of Object.entries(values)) {
    if (name === 'json') json = true
    else Object.assign(options, readFlag(name, text, scenario, entry))
  }
  const { shards, latencyMs } = options as ScenarioOptions
  if (shards > 1 && windowMs(latencyMs) === 0) {
    throw new SimOptionError(
      '--shards needs a --latency of 13 ms at least, or frames are too quick for the threads to meet.',
    )
  }
  return { scenario, entry, options: options as ScenarioOptions, json }
}

export function simUsage(): string {
  const lines = ['npm run sim -- SCENARIO [options] [--json]', '']
  for (const [name, { about, takes }] of Object.entries(SCENARIOS)) {
    lines.push(`  ${name.padEnd(14)} ${about}`, `  ${' '.repeat(14)} ${flagsOf(takes).join(' ')}`)
  }
  lines.push('')
  for (const [name, { value, about }] of Object.entries(FLAGS)) {
    lines.push(`  --${(value === undefined ? name : `${name} ${value}`).padEnd(18)} ${about}`)
  }
  lines.push(`  --${'json'.padEnd(18)} one JSON object on the last line`)
  return lines.join('\n')
}

function flagsOf(takes: ScenarioEntry['takes']): string[] {
  const isHeeded = (key: keyof ScenarioOptions) => key === 'seed' || key in takes
  return Object.keys(FLAGS)
    .filter((name) => isHeeded((FLAGS[name] as Flag).key))
    .map((name) => `--${name}`)
}

function split(words: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
  ) as Record<string, { type: 'boolean' | 'string' }>
  try {
    const json = { type: 'boolean' } as const
    return parseArgs({ args: [...words], allowPositionals: true, options: { ...options, json } })
  } catch (error) {
    throw new SimOptionError((error as Error).message.split('. ')[0] as string)
  }
}

function readFlag(name: string, text: unknown, scenario: string, entry: ScenarioEntry): Partial<ScenarioOptions> {
  const { key, read } = FLAGS[name] as Flag
  if (key !== 'seed' && !(key in entry.takes)) {
    throw new SimOptionError(`--${name} means nothing to ${scenario}, which takes ${flagsOf(entry.takes).join(' ')}.`)
  }
  return { [key]: read(typeof text === 'string' ? text : '', `--${name}`) }
}

function between(least: number, most: number) {
  return (text: string, flag: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= least && value <= most) return value
    throw new SimOptionError(`${flag} is a number from ${least} to ${most}, and not “${text}”.`)
  }
}

function whole(least: number, most: number) {
  const read = between(least, most)
  return (text: string, flag: string): number => {
    const value = read(text, flag)
    if (Number.isInteger(value)) return value
    throw new SimOptionError(`${flag} is a whole number, and not “${text}”.`)
  }
}

function readProfile(text: string, flag: string) {
  const profile = [MODERN, PAPER].find(({ name }) => name === text)
  if (profile) return profile
  throw new SimOptionError(`${flag} is modern or paper, and not “${text}”.`)
}

function readNats(text: string, flag: string) {
  return text.split(',').map((name) => {
    const nat = parseNat(name.trim())
    if (nat) return nat
    throw new SimOptionError(`${flag} is a list of NAT kinds, and “${name}” is none. See --help.`)
  })
}
