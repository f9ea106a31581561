/** What do the others see when somebody goes without a goodbye? Each tab that dies has a browser of its own. */
import { expect } from '@playwright/test'
import { OwnBrowser } from './own-browser.ts'
import {
  expectAllListed,
  expectClosedWithout,
  expectLinks,
  expectOneRing,
  openTabs,
  Tab,
  test,
  untilUnlisted,
} from './tabs.ts'

const NOTICED_WITHIN_MS = 5_000

const DEATHS: { name: string; die: (browser: OwnBrowser) => Promise<unknown> }[] = [
  { name: 'whose browser is killed', die: (browser) => browser.kill() },
  { name: 'that stops so that not even the XMPP service notices', die: (browser) => browser.freeze() },
]

for (const { name, die } of DEATHS) {
  test(`a tab ${name} is gone for the others within five seconds, and the ring closes`, async ({
    app,
    context,
    launchOptions,
  }) => {
    const browser = await OwnBrowser.open(launchOptions)
    try {
      const tabs = await openTabs(context, app.url, 'Dying', 3)
      const doomed = await Tab.follow(browser.page, (await tabs[0]?.link()) ?? '')
      await expectLinks([...tabs, doomed], 'direct')
      await expectAllListed([...tabs, doomed])
      await expectOneRing([...tabs, doomed])
      const gone = await doomed.address()
      const tookMs = await untilUnlisted(gone, tabs, () => die(browser))
      expect(tookMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS)
      await expectClosedWithout(gone, tabs)
      await tabs[0]?.sayToAll('still here')
      for (const tab of tabs) await expect(tab.message('still here')).toHaveCount(1)
    } finally {
      await browser.close()
    }
  })
}

test('a tab that crashes alone is gone for the others within five seconds, and the ring closes', async ({
  app,
  context,
  browser,
}) => {
  const tabs = await openTabs(context, app.url, 'Crashing', 3)
  const elsewhere = await browser.newContext()
  const doomed = await Tab.follow(await elsewhere.newPage(), (await tabs[0]?.link()) ?? '')
  await expectLinks([...tabs, doomed], 'direct')
  await expectAllListed([...tabs, doomed])
  const gone = await doomed.address()
  const crash = () => doomed.page.goto('chrome://crash').catch(() => {})
  const tookMs = await untilUnlisted(gone, tabs, crash)
  expect(tookMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS)
  await expectClosedWithout(gone, tabs)
  await elsewhere.close()
})

test('a tab that was frozen finds back into the ring', async ({ app, context, launchOptions }) => {
  const browser = await OwnBrowser.open(launchOptions)
  try {
    const tabs = await openTabs(context, app.url, 'Thawing', 2)
    const sleeper = await Tab.follow(browser.page, (await tabs[0]?.link()) ?? '')
    await expectLinks([...tabs, sleeper], 'direct')
    await expectAllListed([...tabs, sleeper])
    await untilUnlisted(await sleeper.address(), tabs, () => browser.freeze())
    await browser.thaw()
    await expectAllListed([...tabs, sleeper])
    await expectOneRing([...tabs, sleeper])
    await tabs[0]?.sayToAll('welcome back')
    await expect(sleeper.message('welcome back')).toHaveCount(1)
  } finally {
    await browser.close()
  }
})
