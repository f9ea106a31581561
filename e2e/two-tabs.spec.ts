/** Can two people who share nothing but a link talk? In two tabs of one browser profile, and in two profiles. */
import { expect } from '@playwright/test'
import { expectAllListed, expectLinks, expectOneRing, Tab, test } from './tabs.ts'

test('the copied link leads a second tab of the same profile into the space', async ({ app, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const first = await Tab.nameSpace(await context.newPage(), app.url, 'Chess club')
  await first.page.getByTestId('copy-link').click()
  await expect(first.page.getByTestId('copy-link')).toContainText('Copied')
  const copied = await first.page.evaluate(() => navigator.clipboard.readText())
  const second = await Tab.follow(await context.newPage(), copied)
  await expect(second.page.getByRole('heading', { name: 'Chess club' })).toBeVisible()
  await expectAllListed([first, second])
  await talkBothWays(first, second)
})

test('the link leads another profile into the space', async ({ app, context, browser }) => {
  const elsewhere = await browser.newContext()
  const first = await Tab.nameSpace(await context.newPage(), app.url, 'Chess club')
  const second = await Tab.follow(await elsewhere.newPage(), await first.link())
  await expectAllListed([first, second])
  await talkBothWays(first, second)
  await elsewhere.close()
})

test('the ring is drawn with its direct link', async ({ app, context }) => {
  const first = await Tab.nameSpace(await context.newPage(), app.url, 'Drawn')
  const second = await Tab.follow(await context.newPage(), await first.link())
  await expectLinks([first, second], 'direct')
  await expectOneRing([first, second])
  for (const [tab, other] of [
    [first, second],
    [second, first],
  ] as const) {
    await expect(tab.ringNode(await tab.address())).toBeVisible()
    await expect(tab.ringNode(await other.address())).toBeVisible()
    await expect(tab.ownLinks).toHaveCount(1)
    await expect(tab.ownLinks).toHaveAttribute('data-kind', 'direct')
    await expect(tab.person(await other.address())).toContainText('direct')
    await expect(tab.state).toHaveText('connected')
  }
})

test('two spaces of one name with different keys do not meet', async ({ app, context }) => {
  const first = await Tab.nameSpace(await context.newPage(), app.url, 'Same name')
  const stranger = await Tab.nameSpace(await context.newPage(), app.url, 'Same name')
  const friend = await Tab.follow(await context.newPage(), await first.link())
  await expectAllListed([first, friend])
  await expectAllListed([stranger])
})

async function talkBothWays(first: Tab, second: Tab): Promise<void> {
  await first.sayToAll('Hello, everyone')
  await expect(second.message('Hello, everyone')).toHaveAttribute('data-from', await first.address())
  await second.sayTo(await first.address(), 'Hello, you')
  await expect(first.message('Hello, you')).toHaveAttribute('data-from', await second.address())
  await expect(first.message('Hello, you')).toContainText('only to you')
  await expect(first.message('Hello, everyone')).toHaveAttribute('data-delivery', 'delivered')
  await expect(second.message('Hello, you')).toHaveAttribute('data-delivery', 'delivered')
}
