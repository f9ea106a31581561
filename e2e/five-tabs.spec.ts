/** Do five tabs become a ring in which each has a direct link to each? */
import { expect } from '@playwright/test'
import { expectAllListed, expectLinks, expectOneRing, openTabs, test } from './tabs.ts'

test('five tabs are one ring, all to all and direct', async ({ app, context }) => {
  const tabs = await openTabs(context, app.url, 'Five', 5)
  await expectLinks(tabs, 'direct')
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  for (const tab of tabs) await expect(tab.ownLinks).toHaveCount(4)
})

test('among five tabs, what each says to all arrives at all, once', async ({ app, context }) => {
  const tabs = await openTabs(context, app.url, 'Five', 5)
  await expectAllListed(tabs)
  await Promise.all(tabs.map((tab, index) => tab.sayToAll(`from ${index} to all`)))
  for (const [index] of tabs.entries()) {
    for (const tab of tabs) await expect(tab.message(`from ${index} to all`)).toHaveCount(1)
  }
  for (const tab of tabs) await expect(tab.page.getByTestId('message')).toHaveCount(5)
})

test('among five tabs, what is said to one arrives at that one only', async ({ app, context }) => {
  const tabs = await openTabs(context, app.url, 'Five', 5)
  const [first, second, ...others] = tabs
  if (first === undefined || second === undefined) throw new Error('Five tabs were asked for.')
  await expectAllListed(tabs)
  await first.sayTo(await second.address(), 'a secret')
  await expect(second.message('a secret')).toHaveCount(1)
  await expect(first.message('a secret')).toHaveAttribute('data-delivery', 'delivered')
  // What was said later has arrived, so what was said before would have.
  await first.sayToAll('no secret')
  for (const tab of others) {
    await expect(tab.message('no secret')).toHaveCount(1)
    await expect(tab.message('a secret')).toHaveCount(0)
  }
})
