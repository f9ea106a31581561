/**
 * Does a message survive the change of its path? Two pages count to each other without a pause, while the relay gives
 * way to a direct link, that link is cut, the relay takes over, and a direct link stands again.
 */
import { type BrowserContext, expect, type Page } from '@playwright/test'
import type { Snapshot } from '../src/peer/ring.ts'
import type { AppServer } from './app-server.ts'
import type {} from './bare-page/bare-page.ts'
import { FORMED, test } from './tabs.ts'

declare global {
  interface Window {
    connections?: RTCPeerConnection[]
    channels?: Set<RTCDataChannel>
    /** Channels that swallow what is sent. */
    silent?: Set<RTCDataChannel>
  }
}

const AT_LEAST = 500

test('nothing is lost, doubled or reordered from the relay to a direct link, back, and to a direct link again', async ({
  app,
  context,
}) => {
  const [a, b] = await meet(app, context)
  await startCounting(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct'])
  await cutConnections(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct', 'relay', 'direct'])
  await expectAllArrived(a, b)
})

test('nothing is lost when only one end has lost the direct link', async ({ app, context }) => {
  const [a, b] = await meet(app, context)
  await startCounting(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct'])
  await cutConnections(a)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct', 'relay', 'direct'])
  await expectAllArrived(a, b)
})

test('nothing is lost where one end agrees on links by Jingle alone', async ({ app, context }) => {
  const [a, b] = await meet(app, context, { ringSignalling: false })
  await startCounting(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct'])
  await cutConnections(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct', 'relay', 'direct'])
  await expectAllArrived(a, b)
})

test('nothing is lost when the direct link swallows everything and does not say so', async ({ app, context }) => {
  const [a, b] = await meet(app, context)
  await startCounting(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct'])
  await silenceChannels(a, b)
  for (const page of [a, b]) await expectPaths(page, ['relay', 'direct', 'relay', 'direct'])
  await expectAllArrived(a, b)
})

async function meet(app: AppServer, context: BrowserContext, differing: object = {}): Promise<[Page, Page]> {
  await context.addInitScript(() => {
    const connections: RTCPeerConnection[] = []
    window.connections = connections
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        connections.push(this)
      }
    }
    const channels = new Set<RTCDataChannel>()
    const silent = new Set<RTCDataChannel>()
    Object.assign(window, { channels, silent })
    const { send } = RTCDataChannel.prototype
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: never) {
      channels.add(this)
      if (!silent.has(this)) send.call(this, data)
    }
  })
  const options = { namespace: crypto.randomUUID(), xmpp: { service: app.service, domain: 'localhost' } }
  const [a, b] = [await context.newPage(), await context.newPage()]
  const open = (page: Page, chosen: object) =>
    page.goto(`${app.url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify(chosen))}`)
  await Promise.all([open(a, options), open(b, { ...options, ...differing })])
  return [a, b]
}

/** From the moment at which they see each other. */
async function startCounting(a: Page, b: Page): Promise<void> {
  const start = async (page: Page, other: Page) => {
    const { address } = await snapshotOf(other)
    await page.evaluate(async (address) => {
      const ring = await window.ring
      await new Promise<void>((resolve) => {
        if (ring.peers.has(address)) resolve()
        else ring.on('peer', () => resolve())
      })
      window.startCounting(address)
    }, address)
  }
  await Promise.all([start(a, b), start(b, a)])
}

async function cutConnections(...pages: Page[]): Promise<void> {
  await Promise.all(
    pages.map((page) =>
      page.evaluate(() => {
        for (const connection of window.connections ?? []) connection.close()
      }),
    ),
  )
}

/** Those that there are at this moment; later ones carry again. */
async function silenceChannels(...pages: Page[]): Promise<void> {
  await Promise.all(
    pages.map((page) =>
      page.evaluate(() => {
        for (const channel of window.channels ?? []) window.silent?.add(channel)
      }),
    ),
  )
}

/** Numbers were sent over each of these paths in turn. */
async function expectPaths(page: Page, paths: string[]): Promise<void> {
  await expect.poll(() => page.evaluate(() => window.log.paths), FORMED).toEqual(paths)
}

async function expectAllArrived(a: Page, b: Page): Promise<void> {
  for (const page of [a, b]) {
    await expect.poll(() => page.evaluate(() => window.log.sent), FORMED).toBeGreaterThanOrEqual(AT_LEAST)
    await page.evaluate(() => window.stopCounting())
    await expect
      .poll(() => page.evaluate(() => window.log.sent - window.log.acknowledged - window.log.failures.length), FORMED)
      .toBe(0)
  }
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const { sent, failures } = await from.evaluate(() => window.log)
    const { received } = await to.evaluate(() => window.log)
    expect(failures).toEqual([])
    expect(received).toEqual(Array.from({ length: sent }, (_, number) => number))
  }
}

function snapshotOf(page: Page): Promise<Snapshot> {
  return page.evaluate(async () => (await window.ring).snapshot())
}
