/**
 * Two overlays over one RTCPeerConnection between two pages, beside one that has a connection for itself: bulk, round
 * trip, and the round trip of one while another sends all that it may. Two pages of one browser share its network
 * process, so that a connection of one's own is delayed by another's bulk, too: the least that can be hoped for.
 */
import { type Browser, chromium, type Page } from '@playwright/test'
import { CHROMIUM } from '../install.ts'
import { median, percentile, round } from '../statistics.ts'
import { startBenchSite } from './bench-site.ts'
import type { Lane } from './pages/paths-page.ts'
import { untilQuiet } from './quiet.ts'

export type PathsFigures = {
  repeats: number
  connections: number
  /** One overlay with a connection for itself, one path alone, both paths at once, a path and the outer overlay at once. */
  bulkMs: { apart: number; path: number; twoPaths: number; outerAndPath: number }
  /** Throughput over that of one overlay with a connection for itself; of two together over one path alone. */
  bulkRatio: { pathToApart: number; outerAndPathToApart: number; twoPathsToPath: number }
  /** Of one that asks alone, and of two that ask at once, over one path and over two. */
  roundTripMs: { apart: number; path: number; twoOverPath: number; overTwoPaths: number }
  roundTripRatio: { pathToApart: number; twoPathsToPath: number }
  /** What another's bulk adds to the round trip: of a path, of the outer channel, of a connection of its own. */
  addedMs: { [beside in Beside]: number }
  addedP95Ms: { [beside in Beside]: number }
  /** What the bulk reaches meanwhile. */
  besideMibPerS: { [beside in Beside]: number }
}

const BULK_BYTES = 32 * 2 ** 20
const TRIPS = 1_000
const BESIDE_MS = 2_000

const BULKS = {
  apart: ['apart'],
  path: ['first'],
  twoPaths: ['first', 'second'],
  outerAndPath: ['outer', 'first'],
} satisfies Record<string, Lane[]>

const TRIPPERS = {
  apart: ['apart'],
  path: ['first'],
  outer: ['outer'],
  twoOverPath: ['first', 'first'],
  overTwoPaths: ['first', 'second'],
} satisfies Record<string, Lane[]>

/** Who asks beside whom, and what its round trip is called when nobody else is at it. */
const BESIDES = {
  pathBesidePath: { lane: 'first', busy: 'second', alone: 'path' },
  pathBesideOuter: { lane: 'first', busy: 'outer', alone: 'path' },
  outerBesidePath: { lane: 'outer', busy: 'first', alone: 'outer' },
  apartBesidePath: { lane: 'apart', busy: 'first', alone: 'apart' },
} satisfies Record<string, { lane: Lane; busy: Lane; alone: keyof typeof TRIPPERS }>
type Beside = keyof typeof BESIDES

/** Figures of one round, by what was measured. */
type Measured = Record<string, number>

export async function benchPaths(options: { repeats: number; log: (line: string) => void }): Promise<PathsFigures> {
  const { repeats, log } = options
  const site = await startBenchSite()
  // Both pages are to run as one in front does: each would be in front of a browser of its own.
  const args = ['--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows']
  const browser = await chromium.launch({ executablePath: CHROMIUM, args })
  try {
    const context = await browser.newContext()
    const [a, b] = [await context.newPage(), await context.newPage()] as [Page, Page]
    for (const page of [a, b]) await page.goto(`${site.url}/paths.html`)
    await b.evaluate(() => window.paths.open('b'))
    await a.evaluate(() => window.paths.open('a', 'b'))
    const rounds: Measured[] = []
    // One unmeasured round warms the pages' code up and opens the congestion windows.
    for (let run = 0; run <= repeats; run++) {
      const measured = await measureAll(browser, a)
      log(`${run === 0 ? 'warm-up' : `run ${run}`}: ${JSON.stringify(measured)}`)
      if (run > 0) rounds.push(measured)
    }
    const connections = await a.evaluate(() => window.paths.connections())
    return { repeats, connections, ...figuresOf(rounds) }
  } finally {
    await browser.close()
    await site.close()
  }
}

/** Each once, in any order: what came before leaves traces, such as a congestion window. */
async function measureAll(browser: Browser, page: Page): Promise<Measured> {
  const measured: Measured = {}
  const tasks: (() => Promise<void>)[] = []
  for (const [name, lanes] of Object.entries(BULKS)) {
    tasks.push(async () => {
      const task = { lanes, bytes: BULK_BYTES / lanes.length }
      measured[`${name} bulk`] = round(await page.evaluate((each) => window.paths.bulk(each.lanes, each.bytes), task))
    })
  }
  for (const [name, lanes] of Object.entries(TRIPPERS)) {
    tasks.push(async () => {
      const task = { lanes, count: TRIPS }
      const trips = await page.evaluate((each) => window.paths.trips(each.lanes, each.count), task)
      measured[`${name} trip`] = round(median(trips.flat()), 3)
    })
  }
  for (const [name, { lane, busy }] of Object.entries(BESIDES)) {
    tasks.push(async () => {
      const task = { lane, busy, forMs: BESIDE_MS }
      const { trips, bytes } = await page.evaluate(
        (each) => window.paths.tripsBeside(each.lane, each.busy, each.forMs),
        task,
      )
      measured[`${name} trip`] = round(median(trips), 3)
      measured[`${name} p95`] = round(percentile(trips, 0.95), 3)
      measured[`${name} MiB/s`] = round(bytes / 2 ** 20 / (BESIDE_MS / 1_000), 1)
    })
  }
  const order = tasks.map((task) => ({ task, chance: Math.random() })).sort((one, other) => one.chance - other.chance)
  for (const { task } of order) {
    await untilQuiet(browser)
    await task()
  }
  return measured
}

function figuresOf(rounds: Measured[]): Omit<PathsFigures, 'repeats' | 'connections'> {
  const of = (name: string) => median(rounds.map((measured) => measured[name] as number))
  /** Of the same round, because the machine is not the same in all. */
  const ratio = (a: string, b: string) =>
    round(median(rounds.map((measured) => (measured[a] as number) / (measured[b] as number))), 2)
  const besides = (figure: (name: Beside, alone: string) => number) => {
    const figureOf = (name: Beside) => round(figure(name, BESIDES[name].alone), 2)
    return {
      pathBesidePath: figureOf('pathBesidePath'),
      pathBesideOuter: figureOf('pathBesideOuter'),
      outerBesidePath: figureOf('outerBesidePath'),
      apartBesidePath: figureOf('apartBesidePath'),
    }
  }
  return {
    bulkMs: {
      apart: of('apart bulk'),
      path: of('path bulk'),
      twoPaths: of('twoPaths bulk'),
      outerAndPath: of('outerAndPath bulk'),
    },
    bulkRatio: {
      pathToApart: ratio('apart bulk', 'path bulk'),
      outerAndPathToApart: ratio('apart bulk', 'outerAndPath bulk'),
      twoPathsToPath: ratio('path bulk', 'twoPaths bulk'),
    },
    roundTripMs: {
      apart: of('apart trip'),
      path: of('path trip'),
      twoOverPath: of('twoOverPath trip'),
      overTwoPaths: of('overTwoPaths trip'),
    },
    roundTripRatio: {
      pathToApart: ratio('path trip', 'apart trip'),
      twoPathsToPath: ratio('overTwoPaths trip', 'twoOverPath trip'),
    },
    addedMs: besides((name, alone) => of(`${name} trip`) - of(`${alone} trip`)),
    addedP95Ms: besides((name, alone) => of(`${name} p95`) - of(`${alone} trip`)),
    besideMibPerS: besides((name) => of(`${name} MiB/s`)),
  }
}
