/** Do tabs of one browser meet with no server at all, and does a browser with several tabs still meet others? */
import { type BrowserContext, expect, type Page } from '@playwright/test'
import { createXmppService } from '../src/service/xmpp-service.ts'
import type { AppServer } from './app-server.ts'
import type {} from './bare-page/bare-page.ts'
import { findFreePort } from './free-port.ts'
import {
  expectAllListed,
  expectClosedWithout,
  expectLinks,
  expectOneRing,
  FORMED,
  linkTo,
  openTabs,
  Tab,
  test,
  untilUnlisted,
} from './tabs.ts'

test.use({ localTabs: true })

declare global {
  interface Window {
    /** What of the network this page has tried to use. */
    used?: string[]
  }
}

/** Counts what would go over a network, and lets it. */
async function watchNetwork(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const used: string[] = []
    window.used = used
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        used.push('RTCPeerConnection')
      }
    }
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        used.push('WebSocket')
      }
    }
  })
}

test('two tabs without any server find each other, talk, and see each other go', async ({ app, context }) => {
  await watchNetwork(context)
  const namespace = crypto.randomUUID()
  const [first, second] = [await barePage(context, app, { namespace }), await barePage(context, app, { namespace })]
  const peersOf = (page: Page) =>
    page.evaluate(async () =>
      [...(await window.ring).peers.values()].map(({ kind, candidatePair }) => ({
        kind,
        candidatePair: candidatePair ?? 'none',
      })),
    )
  for (const page of [first, second]) {
    await expect.poll(() => peersOf(page), FORMED).toEqual([{ kind: 'direct', candidatePair: 'none' }])
  }
  const address = await second.evaluate(async () => (await window.ring).address)
  await first.evaluate((to) => window.startCounting(to), address)
  await expect.poll(() => second.evaluate(() => window.log.received.length), FORMED).toBeGreaterThan(50)
  await first.evaluate(() => window.stopCounting())
  await expect
    .poll(() => first.evaluate(() => window.log.sent - window.log.acknowledged), { ...FORMED, message: 'unsettled' })
    .toBe(0)
  const { sent } = await first.evaluate(() => window.log)
  expect(await second.evaluate(() => window.log.received)).toEqual(Array.from({ length: sent }, (_, number) => number))
  await second.close({ runBeforeUnload: false })
  await expect.poll(() => first.evaluate(async () => (await window.ring).state), FORMED).toBe('alone')
  expect(await first.evaluate(() => window.used)).toEqual([])
})

test('tabs of one browser need no WebRTC to each other, and use it with another browser', async ({
  app,
  context,
  browser,
}) => {
  await watchNetwork(context)
  const tabs = await openTabs(context, app.url, 'Local', 3)
  await expectLinks(tabs, 'direct')
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  for (const { page } of tabs) expect(await page.evaluate(() => window.used)).toEqual(['WebSocket'])

  const elsewhere = await browser.newContext()
  const others = [
    await Tab.follow(await elsewhere.newPage(), (await tabs[0]?.link()) ?? ''),
    await Tab.follow(await elsewhere.newPage(), (await tabs[0]?.link()) ?? ''),
  ]
  const all = [...tabs, ...others]
  await expectOneRing(all)
  await expectAllListed(all)
  await expectLinks(all, 'direct')
  const here = await Promise.all(tabs.map((tab) => tab.address()))
  for (const tab of tabs) {
    const { peers } = await tab.snapshot()
    for (const { address, candidatePair } of peers) {
      // Between browsers there is ICE; within one there is nothing to it.
      if (here.includes(address)) expect(candidatePair).toBeUndefined()
      else expect(candidatePair).toBeDefined()
    }
  }
  await elsewhere.close()
})

test('a tab that is closed, duplicated, reloaded or comes back is where it should be, without a server', async ({
  app,
  context,
}) => {
  const service = await createXmppService().listen()
  const link = app.url + linkTo(service.url)
  // Who comes first has the profile's identity, and would come back as the same one.
  const oldest = await Tab.follow(await context.newPage(), link)
  await oldest.entered()
  const others = [1, 2].map(async () => Tab.follow(await context.newPage(), link))
  const tabs = [oldest, ...(await Promise.all(others))]
  await expectAllListed(tabs)
  await service.close()

  const [first, second, third] = tabs as [Tab, Tab, Tab]
  const goes: { name: string; go: () => Promise<unknown>; back: () => Promise<unknown> }[] = [
    {
      name: 'wanders',
      go: () => third.page.goto('about:blank'),
      back: async () => {
        await third.page.goBack()
        await third.entered()
      },
    },
    { name: 'reloads', go: () => third.page.reload(), back: () => third.entered() },
  ]
  for (const { go, back } of goes) {
    const before = await third.address()
    await untilUnlisted(before, [first, second], go)
    await back()
    await expectAllListed(tabs)
    await expectClosedWithout(before, tabs)
  }
  const [copy] = await Promise.all([
    context.waitForEvent('page'),
    second.page.evaluate(() => {
      window.open(location.href)
    }),
  ])
  const duplicate = new Tab(copy)
  await duplicate.entered()
  await expectAllListed([...tabs, duplicate])
  const gone = await duplicate.address()
  await untilUnlisted(gone, tabs, () => duplicate.page.close({ runBeforeUnload: false }))
  await expectClosedWithout(gone, tabs)
})

test('tabs opened while the service is down meet without it, say so, and are joined by others when it is back', async ({
  app,
  context,
  browser,
}) => {
  const port = await findFreePort()
  const address = `ws://127.0.0.1:${port}/xmpp-websocket`
  const link = app.url + linkTo(address)
  const first = new Tab(await context.newPage())
  await first.page.goto(link)
  await expect(first.errorSentence).toContainText(`${address} does not answer`)
  const second = await Tab.follow(await context.newPage(), link)
  await first.entered()
  await expectLinks([first, second], 'direct')
  await expectAllListed([first, second])
  for (const { page } of [first, second]) {
    await expect(page.getByTestId('service-banner')).toContainText(`${address} does not answer`)
    await expect(page.getByTestId('service-banner')).toContainText('only tabs of this browser meet here')
  }
  await first.sayToAll('who needs a server')
  await expect(second.message('who needs a server')).toHaveCount(1)

  const service = await createXmppService().listen(port)
  for (const { page } of [first, second]) await expect(page.getByTestId('service-banner')).toHaveCount(0, FORMED)
  const elsewhere = await browser.newContext()
  const third = await Tab.follow(await elsewhere.newPage(), link)
  await expectOneRing([first, second, third])
  await expectAllListed([first, second, third])
  await elsewhere.close()
  await service.close()
})

async function barePage(context: BrowserContext, app: AppServer, options: object): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${app.url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify(options))}`)
  await page.evaluate(async () => void (await window.ring))
  return page
}
