/** How does a link get to others? As a code, or without its key, which whoever follows it is asked for. */
import { expect } from '@playwright/test'
import { gatherViolations } from './policy-violations.ts'
import { expectAllListed, Tab, test } from './tabs.ts'

test('a link is shared without its key: who follows it is asked for that, and a wrong one leads nobody in', async ({
  app,
  context,
  page,
}) => {
  const violations = await gatherViolations(context)
  const first = await Tab.nameSpace(page, app.url, 'Hushed')
  await page.getByTestId('share').click()
  const code = page.getByTestId('link-code')
  await expect(code).toBeVisible()
  await expect(code).toHaveJSProperty('link', page.url())

  // Its middle is its text, which may be two lines.
  await page.getByTestId('keyless').click({ position: { x: 10, y: 10 } })
  const key = (await page.getByTestId('key').textContent()) ?? ''
  expect(page.url()).toContain(encodeURIComponent(key))
  const shared = await code.evaluate((element) => (element as HTMLElement & { link: string }).link)
  expect(shared).not.toContain(encodeURIComponent(key))
  const isMoved = await code.evaluate((element) => {
    const within = element.closest('wa-dialog')?.shadowRoot?.querySelector('dialog') as HTMLDialogElement
    within.scrollLeft = 10
    return within.scrollLeft
  })
  expect(isMoved).toBe(0)
  await page.keyboard.press('Escape')
  await expect(code).toBeHidden()

  const [second, stranger] = [new Tab(await context.newPage()), new Tab(await context.newPage())]
  for (const [tab, said] of [
    [stranger, 'guessed'],
    [second, key],
  ] as const) {
    await tab.page.goto(shared)
    await expect(tab.page.getByRole('heading', { name: 'Hushed' })).toBeVisible()
    await tab.page.getByTestId('use-key').click()
    await expect(tab.page.getByRole('alert')).toContainText('missing')
    await tab.page.getByTestId('key-input').locator('input').fill(said)
    await tab.page.keyboard.press('Enter')
    await tab.entered()
  }
  await expectAllListed([first, second])
  await expect(stranger.others).toHaveCount(0)
  expect(violations).toEqual([])
})
