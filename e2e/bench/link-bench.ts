/** One link between two pages: bulk and round trip, in turn over Overture and over a bare RTCDataChannel. */
import { chromium, type Page } from '@playwright/test'
import { createXmppService } from '../../src/service/xmpp-service.ts'
import { CHROMIUM } from '../install.ts'
import { median, round } from '../statistics.ts'
import { startBenchSite } from './bench-site.ts'
import { untilQuiet } from './quiet.ts'

export type LinkFigures = {
  repeats: number
  bulkMs: number
  bareBulkMs: number
  /** Throughput over the bare channel's throughput. */
  bulkRatio: number
  roundTripMs: number
  bareRoundTripMs: number
  roundTripRatio: number
}

const BULK_BYTES = 64 * 2 ** 20
const MESSAGE_BYTES = 16 * 2 ** 10
const ROUND_TRIPS = 2_000

export async function benchLink(options: { repeats: number; log: (line: string) => void }): Promise<LinkFigures> {
  const { repeats, log } = options
  const xmpp = createXmppService()
  const { url: service } = await xmpp.listen()
  const site = await startBenchSite()
  const browser = await chromium.launch({ executablePath: CHROMIUM })
  try {
    const context = await browser.newContext()
    const [a, b] = [await context.newPage(), await context.newPage()] as [Page, Page]
    for (const page of [a, b]) await page.goto(`${site.url}/link.html`)
    const namespace = `link-${Date.now()}`
    await Promise.all([a, b].map((page) => page.evaluate((run) => window.link.open(run), { service, namespace })))
    await a.evaluate(() => window.link.openBare())
    const figures = { bulk: [] as number[], bareBulk: [] as number[], trip: [] as number[], bareTrip: [] as number[] }
    const bulk = { bytes: BULK_BYTES, messageBytes: MESSAGE_BYTES }
    // One unmeasured run of each warms the pages' code up and opens the congestion windows.
    for (let run = 0; run <= repeats; run++) {
      const ours = async () => ({
        trip: await a.evaluate((count) => window.link.roundTrip('ours', count), ROUND_TRIPS),
        bulk: await a.evaluate((task) => window.link.bulk('ours', task), bulk),
      })
      const bare = async () => ({
        trip: await a.evaluate((count) => window.link.roundTrip('bare', count), ROUND_TRIPS),
        bulk: await a.evaluate((task) => window.link.bulk('bare', task), bulk),
      })
      await untilQuiet(browser)
      const first = run % 2 ? await bare() : await ours()
      await untilQuiet(browser)
      const second = run % 2 ? await ours() : await bare()
      const [mine, theirs] = run % 2 ? [second, first] : [first, second]
      log(
        `${run === 0 ? 'warm-up' : `run ${run}`}: bulk ${round(mine.bulk)} ms, bare ${round(theirs.bulk)} ms; ` +
          `round trip ${round(mine.trip, 3)} ms, bare ${round(theirs.trip, 3)} ms`,
      )
      if (run === 0) continue
      figures.bulk.push(mine.bulk)
      figures.trip.push(mine.trip)
      figures.bareBulk.push(theirs.bulk)
      figures.bareTrip.push(theirs.trip)
    }
    return {
      repeats,
      bulkMs: round(median(figures.bulk)),
      bareBulkMs: round(median(figures.bareBulk)),
      bulkRatio: round(median(figures.bareBulk) / median(figures.bulk), 2),
      roundTripMs: round(median(figures.trip), 3),
      bareRoundTripMs: round(median(figures.bareTrip), 3),
      roundTripRatio: round(median(figures.trip) / median(figures.bareTrip), 2),
    }
  } finally {
    await browser.close()
    await site.close()
    await xmpp.close()
  }
}
