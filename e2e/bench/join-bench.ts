/**
 * N pages, loaded beforehand, join at once: until each has had an acknowledged message back from each other. In turn with
 * a bare simple-peer full mesh over a trivial WebSocket signaller.
 */
import { type Browser, chromium, type Page } from '@playwright/test'
import type { Milestones } from '../../src/index.ts'
import { CHROMIUM } from '../install.ts'
import { startProsody } from '../prosody.ts'
import { median, percentile, round } from '../statistics.ts'
import { startBenchSite } from './bench-site.ts'
import type { BareRun, OvertureRun } from './pages/join-page.ts'
import { untilQuiet } from './quiet.ts'

/** The pages begin together at an appointed time, far enough ahead that each has been told of it. */
const LEAD_MS = 400

export type JoinFigures = {
  peers: number
  repeats: number
  connectedMs: { median: number; p95: number }
  bareMs: { median: number; p95: number }
  ratio: number
}

export async function benchJoin(options: {
  peers: number
  repeats: number
  log: (line: string) => void
}): Promise<JoinFigures> {
  const { peers, repeats, log } = options
  const prosody = await startProsody()
  const site = await startBenchSite()
  const browser = await chromium.launch({ executablePath: CHROMIUM })
  try {
    const pages = await openPages(browser, `${site.url}/join.html`, peers)
    const connected: number[] = []
    const bare: number[] = []
    // One unmeasured run of each warms the pages' code up.
    for (let run = 0; run <= repeats; run++) {
      const label = `bench-${Date.now()}-${run}`
      const measures = [
        async () => {
          const { service, anonymousDomain: domain } = prosody
          const { ms, milestones } = await runAll(browser, pages, 'overture', {
            namespace: label,
            service,
            domain,
            peers,
          })
          if (run > 0) connected.push(ms)
          return `overture ${round(ms)} ms (slowest page: ${slowest(milestones)})`
        },
        async () => {
          const { ms } = await runAll(browser, pages, 'bare', { room: label, signaller: site.signaller, peers })
          if (run > 0) bare.push(ms)
          return `bare ${round(ms)} ms`
        },
      ]
      if (run % 2) measures.reverse()
      const lines: string[] = []
      for (const measure of measures) lines.push(await measure())
      log(`${run === 0 ? 'warm-up' : `run ${run}`}: ${lines.join(', ')}`)
    }
    return {
      peers,
      repeats,
      connectedMs: { median: round(median(connected)), p95: round(percentile(connected, 0.95)) },
      bareMs: { median: round(median(bare)), p95: round(percentile(bare, 0.95)) },
      ratio: round(median(connected) / median(bare), 2),
    }
  } finally {
    await browser.close()
    await site.close()
    await prosody.stop()
  }
}

async function openPages(browser: Browser, url: string, count: number): Promise<Page[]> {
  const context = await browser.newContext()
  const pages: Page[] = []
  for (let index = 0; index < count; index++) {
    const page = await context.newPage()
    await page.goto(url)
    await page.waitForFunction(() => window.bench !== undefined)
    pages.push(page)
  }
  return pages
}

/** From the appointed time until the last page is done. */
async function runAll(
  browser: Browser,
  pages: Page[],
  what: 'overture' | 'bare',
  run: Omit<OvertureRun, 'startAtMs'> | Omit<BareRun, 'startAtMs'>,
): Promise<{ ms: number; milestones: (Milestones | undefined)[] }> {
  await untilQuiet(browser)
  const startAtMs = Date.now() + LEAD_MS
  const ends = await Promise.all(
    pages.map((page) =>
      page.evaluate(([kind, task]) => window.bench[kind](task as never), [what, { ...run, startAtMs }] as const),
    ),
  )
  const milestones = await Promise.all(pages.map((page) => page.evaluate(() => window.bench.end())))
  return { ms: Math.max(...ends) - startAtMs, milestones }
}

function slowest(milestones: (Milestones | undefined)[]): string {
  const steps = ['reflectionMs', 'rendezvousMs', 'relayingMs', 'connectedMs'] as const
  return steps.map((step) => `${step} ${Math.max(...milestones.map((of) => of?.[step] ?? Number.NaN))}`).join(', ')
}
