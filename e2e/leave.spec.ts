/** What do the others see when somebody goes with a goodbye? Each way of going, with the time until nobody lists them. */
import { expect, type Page } from '@playwright/test'
import { expectAllListed, expectClosedWithout, expectLinks, openTabs, type Tab, test, untilUnlisted } from './tabs.ts'

const NOTICED_WITHIN_MS = 1_000

const WAYS: { name: string; go: (page: Page) => Promise<unknown> }[] = [
  { name: 'is closed', go: (page) => page.close({ runBeforeUnload: false }) },
  { name: 'goes to another page', go: (page) => page.goto('about:blank') },
  { name: 'leaves the space', go: (page) => page.getByTestId('leave').click() },
]

for (const { name, go } of WAYS) {
  test(`a tab that ${name} is gone for the others within a second, and the ring closes`, async ({ app, context }) => {
    const tabs = await openTabs(context, app.url, 'Leaving', 4)
    await expectLinks(tabs, 'direct')
    await expectAllListed(tabs)
    const leaving = tabs.pop() as Tab
    const gone = await leaving.address()
    const tookMs = await untilUnlisted(gone, tabs, () => go(leaving.page))
    expect(tookMs).toBeLessThanOrEqual(NOTICED_WITHIN_MS)
    await expectClosedWithout(gone, tabs)
    await tabs[0]?.sayToAll('still here')
    for (const tab of tabs) await expect(tab.message('still here')).toHaveCount(1)
  })
}

test('the tab that has its profile’s identity comes back as the same one when it is reloaded', async ({
  app,
  context,
}) => {
  const tabs = await openTabs(context, app.url, 'Reloaded', 3)
  await expectAllListed(tabs)
  const [reloaded] = tabs as [Tab]
  const before = await reloaded.address()
  await reloaded.page.reload()
  await reloaded.entered()
  expect(await reloaded.address()).toBe(before)
  await expectLinks(tabs, 'direct')
  await expectAllListed(tabs)
  await reloaded.sayToAll('here again')
  for (const tab of tabs) await expect(tab.message('here again')).toHaveCount(1)
})

test('another tab of the profile that is reloaded comes back as somebody new', async ({ app, context }) => {
  const tabs = await openTabs(context, app.url, 'Reloaded', 3)
  await expectAllListed(tabs)
  const reloaded = tabs[2] as Tab
  const before = await reloaded.address()
  await reloaded.page.reload()
  await reloaded.entered()
  expect(await reloaded.address()).not.toBe(before)
  await expectLinks(tabs, 'direct')
  await expectClosedWithout(before, tabs)
})

test('a tab that goes back to the space from another page is in the ring again', async ({ app, context }) => {
  const tabs = await openTabs(context, app.url, 'Back', 3)
  await expectAllListed(tabs)
  const wanderer = tabs[2] as Tab
  const before = await wanderer.address()
  await untilUnlisted(before, tabs.slice(0, 2), () => wanderer.page.goto('about:blank'))
  await wanderer.page.goBack()
  await wanderer.entered()
  await expectAllListed(tabs)
  await expectClosedWithout(before, tabs)
})
