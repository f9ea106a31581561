/** What has the lab measured? Table II of the paper with our figures beside it, and how each pair ended. */
import type { Milestones } from '../../src/peer/ring.ts'
import { median, percentile, round } from '../statistics.ts'
import type { DistanceMaker } from './lab-distance.ts'
import type { LabOptions } from './lab-options.ts'
import { type LabRun, PAIR_KINDS, type PairKind } from './lab-run.ts'

const STEPS = ['reflectionMs', 'rendezvousMs', 'relayingMs', 'connectedMs'] as const
type Step = (typeof STEPS)[number]

/** Table II, row XMPP: five peers behind NATs of their own, over GoogleTalk. */
const PAPER: Record<Step, number> = { reflectionMs: 35, rendezvousMs: 110, relayingMs: 243, connectedMs: 20_300 }
/** The same table, row Symphony*: inside a public ring on PlanetLab. Its reflection is what it took to be in that ring. */
const PAPER_RING: Record<Step, number> = {
  reflectionMs: 3_050,
  rendezvousMs: 330,
  relayingMs: 533,
  connectedMs: 23_220,
}

/** Null where no peer came so far. */
export type Figures = Record<Step, number | null>

export type LabFigures = {
  seed: number
  options: Omit<LabOptions, 'seed' | 'json'>
  distanceBy: DistanceMaker
  /** Over all peers of all runs. */
  median: Figures
  p95: Figures
  /** From the common start until the last peer had all its links, over the runs. */
  wholeMs: { median: number | null; p95: number | null }
  /** Where they met inside a public ring: how long it had taken to be in that, and stanzas, of all runs. */
  inside?: { publicMs: { median: number | null; p95: number | null }; stanzasMeanwhile: number; privateStanzas: number }
  /** How many pairs of all runs ended so. */
  kinds: Partial<Record<PairKind, number>>
  /** Pairs whose link is worse than their NATs allow, and pairs that could not talk. */
  worseThanPossible: number
  /** Pairs whose snapshots say another kind than the browsers. */
  misnamed: number
  silent: number
  /** Runs whose peers did not become one ring. */
  broken: number
  /** From the change of address until the peer and each other had heard each other. */
  talksAgainMs?: { median: number | null; p95: number | null }
  runs: { milestones: Milestones[]; wholeMs: number | null; pairs: LabRun['pairs']; talksAgainMs?: number | null }[]
}

export type MeasuredRun = LabRun & { talksAgainMs?: number | undefined }
export type LabMeasurement = { distanceBy: DistanceMaker; runs: readonly MeasuredRun[] }

const DISTANCE_WORDS: Record<DistanceMaker, string> = {
  netem: ' by netem',
  wire: ' by delayed wires, for want of netem',
  none: '',
}

export function labFigures(
  { seed, json: _, ...options }: LabOptions,
  { distanceBy, runs }: LabMeasurement,
): LabFigures {
  const pairs = runs.flatMap((run) => run.pairs)
  const ofStep = (step: Step) => runs.flatMap(({ milestones }) => milestones.map((steps) => steps[step]))
  const figures = (share: number) =>
    Object.fromEntries(STEPS.map((step) => [step, quantile(ofStep(step), share)])) as Figures
  return {
    seed,
    options,
    distanceBy,
    median: figures(0.5),
    p95: figures(0.95),
    wholeMs: spread(runs.map(({ wholeMs }) => wholeMs)),
    ...(runs.some(({ inside }) => inside)
      ? {
          inside: {
            publicMs: spread(runs.flatMap(({ inside }) => inside?.publicMs ?? [])),
            stanzasMeanwhile: runs.reduce((all, { inside }) => all + (inside?.stanzasMeanwhile ?? 0), 0),
            privateStanzas: runs.reduce((all, { inside }) => all + (inside?.privateStanzas ?? 0), 0),
          },
        }
      : {}),
    kinds: countKinds(pairs),
    worseThanPossible: pairs.filter(({ best }) => !best).length,
    misnamed: pairs.filter(({ kind, shown }) => kind !== shown).length,
    silent: pairs.filter(({ talked }) => !talked).length,
    broken: runs.filter(({ ringFaults }) => ringFaults.length > 0).length,
    ...(options.move ? { talksAgainMs: spread(runs.map(({ talksAgainMs }) => talksAgainMs)) } : {}),
    runs: runs.map((run) => ({
      milestones: run.milestones,
      wholeMs: run.wholeMs === undefined ? null : round(run.wholeMs),
      pairs: run.pairs,
      ...(options.move ? { talksAgainMs: run.talksAgainMs === undefined ? null : round(run.talksAgainMs) } : {}),
    })),
  }
}

export function labTable({ seed, options, distanceBy, median, p95, wholeMs, ...rest }: LabFigures): string {
  const { peers, nat, server, coturn, rttMs, lossPercent } = options
  const way = `${rttMs} ms, ${lossPercent} % lost${DISTANCE_WORDS[distanceBy]}`
  const row = (name: string, figures: Figures) => [name, ...STEPS.map((step) => shownSeconds(figures[step]))]
  const rows = [
    ['seconds', 'reflection', 'rendezvous', 'relaying', 'connected'],
    rest.inside ? row('paper, Table II, ring', PAPER_RING) : row('paper, Table II, XMPP', PAPER),
    row('here, median', median),
    row('here, 95 of 100', p95),
  ]
  const kinds = Object.entries(rest.kinds).map(([kind, count]) => `${count} ${kind}`)
  const again = rest.talksAgainMs
  return [
    `${peers} peers, NATs ${nat}, ${server}, coturn ${coturn ? 'on' : 'off'}, ${way}, ${rest.runs.length} runs, seed ${seed}`,
    '',
    ...rows.map(([name = '', ...cells]) => name.padEnd(22) + cells.map((cell) => cell.padStart(12)).join('')),
    '',
    `all peers had all links after ${shownSeconds(wholeMs.median)} s (median), ${shownSeconds(wholeMs.p95)} s (95 of 100)`,
    `pairs: ${kinds.join(', ')}; ${rest.worseThanPossible} worse than their NATs allow; ${rest.misnamed} misnamed; ${rest.silent} could not talk; ${rest.broken} runs not one ring`,
    ...(rest.inside
      ? [
          `in the public ring after ${shownSeconds(rest.inside.publicMs.median)} s (median); while the private one formed ${rest.inside.stanzasMeanwhile} stanzas, and in all ${rest.inside.privateStanzas} that name it`,
        ]
      : []),
    ...(again
      ? [`talks again after ${shownSeconds(again.median)} s (median), ${shownSeconds(again.p95)} s (95 of 100)`]
      : []),
  ].join('\n')
}

export function runLine(run: MeasuredRun): string {
  const latest = STEPS.map((step) => `${step} ${maximum(run.milestones.map((steps) => steps[step]))}`)
  const kinds = Object.entries(countKinds(run.pairs)).map(([kind, count]) => `${count} ${kind}`)
  const again = run.talksAgainMs === undefined ? '' : `, talks again after ${round(run.talksAgainMs)} ms`
  const broken = run.ringFaults.map((fault) => `, ${fault}`).join('')
  return `slowest peer: ${latest.join(', ')}; whole ${run.wholeMs === undefined ? 'never' : round(run.wholeMs)}; ${kinds.join(', ')}${again}${broken}`
}

function countKinds(pairs: LabRun['pairs']): Partial<Record<PairKind, number>> {
  const counts = PAIR_KINDS.map((kind) => [kind, pairs.filter((pair) => pair.kind === kind).length] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

function spread(values: (number | undefined)[]): { median: number | null; p95: number | null } {
  return { median: quantile(values, 0.5), p95: quantile(values, 0.95) }
}

/** Who never came so far took longer than anybody who did. */
function quantile(values: (number | undefined)[], share: number): number | null {
  const all = values.map((value) => value ?? Number.POSITIVE_INFINITY)
  const value = share === 0.5 ? median(all) : percentile(all, share)
  return Number.isFinite(value) ? round(value) : null
}

function maximum(values: (number | undefined)[]): number | string {
  return values.some((value) => value === undefined) ? 'never' : Math.max(...(values as number[]))
}

function shownSeconds(ms: number | null): string {
  return ms === null ? 'never' : (ms / 1_000).toFixed(3)
}
