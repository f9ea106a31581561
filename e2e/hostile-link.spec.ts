/** What if a link was made to hurt whoever follows it? The page says in a sentence what is wrong, and goes nowhere. */
import { expect, type Page } from '@playwright/test'
import { gatherViolations } from './policy-violations.ts'
import { Tab, test } from './tabs.ts'

const LINKS: [what: string, fragment: string, sentence: RegExp][] = [
  ['half a million letters', `n=${'x'.repeat(500_000)}&k=a`, /too long/],
  ['a percent bomb', `n=${'%25'.repeat(100_000)}&k=a`, /too long/],
  ['percents that decode to nothing', `n=${'%'.repeat(60)}%E0%A4%A&k=a`, /letters that cannot be shown/],
  ['a name that is said a thousand times', 'n=a&'.repeat(1_000), /says the same thing twice/],
  ['control characters', 'n=a%00%08%1Bb&k=a', /letters that cannot be shown/],
  ['a name that turns the text around', 'n=a%E2%80%AEcba&k=a', /letters that cannot be shown/],
  ['a key with a line break', 'n=chess&k=a%0D%0Ab', /key is damaged/],
  ['the prototype of objects', '__proto__=chess&constructor=a&k=toString', /does not name a space/],
  ['a script for a service', 'n=chess&k=a&s=javascript:alert(1)', /no usable address/],
  ['a web server for a service', 'n=chess&k=a&s=http://192.0.2.1/', /no usable address/],
  ['a page for a service', 'n=chess&k=a&s=data:text/html,<script>alert(1)</script>', /no usable address/],
  ['an account in the service', 'n=chess&k=a&s=wss://me:secret@192.0.2.1/', /no usable address/],
  ['markup for a domain', 'n=chess&k=a&d=<img src=x onerror=alert(1)>', /not a domain/],
  ['markup for an inviter', 'n=chess&k=a&i=<b>@example.org&t=abc', /invitation is damaged/],
  ['no link at all', '/../../etc/passwd?<script>alert(1)</script>', /does not name a space/],
]

for (const [what, fragment, sentence] of LINKS) {
  test(`a link with ${what} is refused in a sentence`, async ({ app, context, page }) => {
    const violations = await gatherViolations(context)
    const { errors, sockets, requests } = watch(page)
    await page.goto(`${app.url}#${fragment}`)
    await expect(new Tab(page).errorSentence).toHaveText(
      /^This is not a link to a space: .*\. Ask for the link again\.$/,
    )
    await expect(new Tab(page).errorSentence).toHaveText(sentence)
    // The same link, followed from within the page.
    await page.getByTestId('new-space').click()
    await page.getByTestId('create-space').waitFor()
    await page.evaluate((hash) => {
      location.hash = hash
    }, fragment)
    await expect(new Tab(page).errorSentence).toHaveText(sentence)
    expect({ errors, sockets, violations }).toEqual({ errors: [], sockets: [], violations: [] })
    expect(requests.filter((url) => !url.startsWith(app.url))).toEqual([])
  })
}

test('after a link that was refused a good one is followed', async ({ app, page }) => {
  await page.goto(`${app.url}#n=chess&k=a&s=javascript:alert(1)`)
  await expect(new Tab(page).errorSentence).toBeVisible()
  await page.getByTestId('new-space').click()
  await page.getByTestId('space-name').locator('input').fill('Good')
  await page.getByTestId('create-space').click()
  await new Tab(page).entered()
})

function watch(page: Page): { errors: string[]; sockets: string[]; requests: string[] } {
  const seen = { errors: [] as string[], sockets: [] as string[], requests: [] as string[] }
  page.on('pageerror', (error) => seen.errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') seen.errors.push(message.text())
  })
  page.on('websocket', (socket) => seen.sockets.push(socket.url()))
  page.on('request', (request) => seen.requests.push(request.url()))
  return seen
}
