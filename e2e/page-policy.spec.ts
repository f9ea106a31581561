/** Does the built page live under its policy, and does the policy stop what it is for? */
import { expect, type Page } from '@playwright/test'
import { gatherViolations } from './policy-violations.ts'
import { expectAllListed, expectLinks, Tab, test } from './tabs.ts'

declare global {
  interface Window {
    /** What has run that must not. */
    intruders?: string[]
  }
}

test('two tabs join and talk without violating the policy', async ({ app, context }) => {
  const violations = await gatherViolations(context)
  const first = await Tab.nameSpace(await context.newPage(), app.url, 'Strict')
  const second = await Tab.follow(await context.newPage(), await first.link())
  await expectLinks([first, second], 'direct')
  await expectAllListed([first, second])
  await first.sayToAll('Good evening')
  await expect(second.message('Good evening')).toBeVisible()
  expect(violations).toEqual([])
})

test('the form for an account shows the icon for its password without violating the policy', async ({
  app,
  context,
}) => {
  const violations = await gatherViolations(context)
  const page = await context.newPage()
  await page.goto(app.url)
  await page.getByText('Use my own account').click()
  const icons = page.getByTestId('account-password').locator('wa-icon use')
  await expect(icons).toHaveAttribute('href', 'icons.svg#eye')
  await page.getByTestId('account-password').getByRole('button').click()
  await expect(icons).toHaveAttribute('href', 'icons.svg#eye-slash')
  expect(violations).toEqual([])
})

test.describe('what is smuggled into the page', () => {
  const SMUGGLED = `
    <base href="https://example.org/">
    <script>(window.intruders ??= []).push('script')</script>
    <img src="icon.svg" onload="(window.intruders ??= []).push('handler')">
    <object data="icon.svg" type="image/svg+xml"></object>
    <form id="smuggled" action="/taken"><input name="word" value="it"></form>`

  test('is not run', async ({ app, context, page }) => {
    const violations = await gatherViolations(context)
    await smuggle(page, app.url, SMUGGLED)
    await page.goto(app.url)
    await page.getByTestId('create-space').waitFor()
    await expect
      .poll(() => violations.map((violation) => violation.split(' ')[0]).sort())
      .toEqual(['base-uri', 'object-src', 'script-src-attr', 'script-src-elem'])
    expect(await page.evaluate(() => window.intruders)).toBeUndefined()
  })

  test('cannot send a form away', async ({ app, context, page }) => {
    const violations = await gatherViolations(context)
    await smuggle(page, app.url, '<form id="smuggled" action="/taken"></form>')
    await page.goto(app.url)
    await page.locator('#smuggled').evaluate((form: HTMLFormElement) => form.submit())
    await expect.poll(() => violations.join()).toContain('form-action')
    expect(page.url()).toBe(app.url)
  })

  test('cannot be told to a stranger unencrypted', async ({ app, context, page }) => {
    const violations = await gatherViolations(context)
    await page.goto(app.url)
    const sent = await page.evaluate(() =>
      fetch('http://192.0.2.1/', { mode: 'no-cors' }).then(
        () => true,
        () => false,
      ),
    )
    expect(sent).toBe(false)
    await expect.poll(() => violations).toEqual(['connect-src http://192.0.2.1/ '])
  })

  test('does not become markup or code out of text', async ({ app, page }) => {
    await page.goto(app.url)
    const made = await page.evaluate(() => {
      const attempts: [name: string, attempt: () => unknown][] = [
        ['innerHTML', () => Object.assign(document.createElement('div'), { innerHTML: '<b>x</b>' })],
        ['outer script', () => Object.assign(document.createElement('script'), { src: 'https://example.org/a.js' })],
        ['policy', () => trustedTypes().createPolicy('mine', {})],
      ]
      function trustedTypes() {
        return (window as unknown as { trustedTypes: { createPolicy(name: string, rules: object): unknown } })
          .trustedTypes
      }
      return attempts.filter(([, attempt]) => {
        try {
          attempt()
          return true
        } catch {
          return false
        }
      })
    })
    expect(made.map(([name]) => name)).toEqual([])
  })
})

test('a service that the policy keeps us from is named as what it is', async ({ app, page }) => {
  await page.goto(`${app.url}#n=chess&k=a&s=ws://192.0.2.1/`)
  await expect(new Tab(page).errorSentence).toHaveText(
    "This page speaks unencrypted to its own machine alone, and ws://192.0.2.1/ is elsewhere. Use the service's wss:// address.",
  )
})

test('nobody whom the page asks learns where it was asked from', async ({ app, page }) => {
  const referrers: string[] = []
  page.on('request', (request) => referrers.push(request.headers().referer ?? ''))
  await Tab.nameSpace(page, app.url, 'Discreet')
  expect(referrers.length).toBeGreaterThan(2)
  expect(referrers.filter((referrer) => referrer !== '')).toEqual([])
})

/** As whoever can change what the page's server hands out, but not the policy. */
async function smuggle(page: Page, url: string, markup: string): Promise<void> {
  await page.route(url, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: (await response.text()).replace('</body>', `${markup}</body>`) })
  })
}
