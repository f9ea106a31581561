/** Do ten tabs, more than are linked all to all, become one ring in which everybody hears everybody? */
import { expect } from '@playwright/test'
import { expectAllListed, expectOneRing, openTabs, test } from './tabs.ts'

test('ten tabs are one ring, list each other, and hear what each says to all exactly once', async ({
  app,
  context,
}) => {
  test.slow()
  const tabs = await openTabs(context, app.url, 'Ten', 10)
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  for (const [index, tab] of tabs.entries()) await tab.sayToAll(`from ${index} to all`)
  for (const [index] of tabs.entries()) {
    for (const tab of tabs) await expect(tab.message(`from ${index} to all`)).toHaveCount(1)
  }
  for (const tab of tabs) await expect(tab.page.getByTestId('message')).toHaveCount(10)
})
