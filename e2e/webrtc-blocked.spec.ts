/** Does a ring work where WebRTC does not? The relay alone must carry it, and the page must say so in plain words. */
import { type BrowserContext, expect } from '@playwright/test'
import { expectAllListed, expectLinks, expectOneRing, openTabs, Tab, test } from './tabs.ts'

declare global {
  interface Window {
    /** Connections that were tried in spite of the block. */
    attempts?: number
  }
}

const BLOCKS: { name: string; tries: boolean; block: (context: BrowserContext) => Promise<unknown> }[] = [
  {
    name: 'the browser has no WebRTC',
    tries: false,
    block: (context) =>
      context.addInitScript(() => {
        const scope = window as { RTCPeerConnection?: unknown; webkitRTCPeerConnection?: unknown }
        delete scope.RTCPeerConnection
        delete scope.webkitRTCPeerConnection
      }),
  },
  {
    name: 'the network lets no WebRTC through',
    tries: true,
    // Only relayed candidates are wanted, and there is no TURN server that would give one.
    block: (context) =>
      context.addInitScript(() => {
        window.RTCPeerConnection = class extends RTCPeerConnection {
          constructor(configuration?: RTCConfiguration) {
            super({ ...configuration, iceTransportPolicy: 'relay' })
            window.attempts = (window.attempts ?? 0) + 1
          }
        }
      }),
  },
]

for (const { name, tries, block } of BLOCKS) {
  test(`where ${name}, the relay alone carries a ring of three`, async ({ app, context }) => {
    await block(context)
    const tabs = await openTabs(context, app.url, 'Blocked', 3)
    const [first, second, third] = tabs
    if (first === undefined || second === undefined || third === undefined) throw new Error('Three were asked for.')
    await expectOneRing(tabs)
    await expectLinks(tabs, 'relay')
    await expectAllListed(tabs)
    if (tries) for (const tab of tabs) await expect.poll(() => tab.page.evaluate(() => window.attempts)).toBeTruthy()
    for (const tab of tabs) {
      await expect(tab.others.filter({ hasText: 'through a relay server' })).toHaveCount(2)
      await expect(tab.ownLinks).toHaveCount(2)
      for (const link of await tab.ownLinks.all()) await expect(link).toHaveAttribute('data-kind', 'relay')
    }
    await first.sayToAll('to all')
    for (const tab of tabs) await expect(tab.message('to all')).toHaveCount(1)
    await second.sayTo(await third.address(), 'to one')
    await expect(third.message('to one')).toHaveCount(1)
    await expect(second.message('to one')).toHaveAttribute('data-delivery', 'delivered')
    await expect(first.message('to one')).toHaveCount(0)
  })
}

test('one without WebRTC is in a ring with two who have it', async ({ app, context, browser }) => {
  const old = await browser.newContext()
  await BLOCKS[0]?.block(old)
  const tabs = await openTabs(context, app.url, 'Mixed', 2)
  const [first, second] = tabs
  if (first === undefined || second === undefined) throw new Error('Two were asked for.')
  const third = await Tab.follow(await old.newPage(), await first.link())
  await expectAllListed([first, second, third])
  await expectOneRing([first, second, third])
  await expect.poll(() => third.kinds()).toEqual(['relay', 'relay'])
  await expect(first.person(await second.address())).toHaveAttribute('data-kind', 'direct')
  await expect(first.person(await third.address())).toHaveAttribute('data-kind', 'relay')
  await third.sayToAll('hello from the past')
  for (const tab of tabs) await expect(tab.message('hello from the past')).toHaveCount(1)
  await old.close()
})
