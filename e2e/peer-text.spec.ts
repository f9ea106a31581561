/** Is what others write shown as text, whatever it looks like? In every place where the page shows it. */
import { expect } from '@playwright/test'
import { gatherViolations } from './policy-violations.ts'
import { expectAllListed, Tab, test } from './tabs.ts'

const MARKUP = 'i.smuggled, img.smuggled, script.smuggled, a.smuggled'
const MESSAGES = [
  '<i class="smuggled">slanted</i>',
  '<img class="smuggled" src="x" onerror="window.ran = 1">',
  '<script class="smuggled">window.ran = 1</script>',
  '<a class="smuggled" href="javascript:window.ran=1">here</a>',
  '&lt;i class="smuggled"&gt; &amp; {{ window.ran = 1 }}',
  '--> ]]> </textarea></style></title><i class="smuggled">',
]
/** As long as a name may be. */
const NAME = '<i class="smuggled">Eve</i>'
const SPACE = '<i class="smuggled">Den</i>'

test('markup in names, messages and the space’s name is shown as it is written', async ({ app, context }) => {
  const violations = await gatherViolations(context)
  const eve = await Tab.nameSpace(await context.newPage(), app.url, SPACE)
  const ann = await Tab.follow(await context.newPage(), await eve.link())
  await expectAllListed([eve, ann])
  const name = eve.page.getByTestId('own-name').locator('input')
  await name.fill(NAME)
  await name.press('Enter')
  const address = await eve.address()
  await expect(ann.person(address)).toContainText(NAME)
  for (const text of MESSAGES) {
    await eve.sayToAll(text)
    await expect(ann.message(text)).toHaveAttribute('data-from', address)
  }
  await expect(ann.ringNode(address).locator('title')).toHaveText(NAME)
  await expect(ann.page.getByTestId('message').first()).toContainText(NAME)
  await expect(ann.page.getByRole('heading', { name: SPACE })).toBeVisible()
  await expect(ann.page).toHaveTitle(new RegExp(SPACE))
  for (const { page } of [eve, ann]) {
    await expect(page.locator(MARKUP)).toHaveCount(0)
    expect(await page.evaluate(() => 'ran' in window)).toBe(false)
  }
  // Nothing has even tried to become markup.
  expect(violations).toEqual([])
})

test('a name in the link is shown as it is written before anybody is met', async ({ app, page }) => {
  const fragment = new URLSearchParams({ n: SPACE, k: 'key', s: 'ws://127.0.0.1:9/' })
  await page.goto(`${app.url}#${fragment}`)
  await expect(page.getByRole('heading')).toContainText(SPACE)
  await expect(page.locator(MARKUP)).toHaveCount(0)
})
