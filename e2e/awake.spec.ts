/**
 * Does a page that has lost its service try again at once when there is reason to: when the network is back, and when
 * somebody looks at it again? The page's clock stands still, so that nothing else can make it try.
 */
import { expect, type Page } from '@playwright/test'
import { encodeSpaceLink, newSecret } from '../src/app/space-link.ts'
import { createXmppService, type ListeningService } from '../src/service/xmpp-service.ts'
import { findFreePort } from './free-port.ts'
import { FORMED, Tab, test } from './tabs.ts'

const FAR_LATER_MS = 10 * 60_000

const REASONS: { name: string; happen: (page: Page) => Promise<unknown> }[] = [
  { name: 'the network is back', happen: (page) => page.evaluate(() => dispatchEvent(new Event('online'))) },
  {
    name: 'somebody looks at it again',
    happen: (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))),
  },
]

let service: ListeningService | undefined

test.afterEach(async () => {
  await service?.close()
  service = undefined
})

for (const { name, happen } of REASONS) {
  test(`a page in a space whose service was away tries at once when ${name}`, async ({ app, page }) => {
    await page.clock.install()
    service = await createXmppService().listen()
    const port = Number(new URL(service.url).port)
    const tab = await Tab.follow(page, app.url + linkAt(port))
    await expect.poll(() => serviceOf(tab), FORMED).toBe('online')
    await service.close()
    await standStill(page)
    await expect.poll(() => serviceOf(tab), FORMED).toBe('offline')
    service = await createXmppService().listen(port)
    await happen(page)
    await expect.poll(() => serviceOf(tab), FORMED).toBe('online')
  })

  test(`a page that never got in tries at once when ${name}`, async ({ app, page }) => {
    const port = await findFreePort()
    await page.clock.install()
    await page.goto(app.url + linkAt(port))
    await expect(page.getByTestId('countdown')).toBeVisible()
    await standStill(page)
    await expect(page.getByTestId('sign-in')).toHaveAttribute('data-state', 'waiting')
    service = await createXmppService().listen(port)
    await happen(page)
    await new Tab(page).entered()
  })
}

/** Whatever was due until then is done, in vain, and what is planned next does not come. */
function standStill(page: Page): Promise<void> {
  return page.clock.pauseAt(Date.now() + FAR_LATER_MS)
}

async function serviceOf(tab: Tab): Promise<string> {
  return (await tab.snapshot()).service.name
}

function linkAt(port: number): string {
  const address = { service: `ws://127.0.0.1:${port}/xmpp-websocket`, domain: 'localhost' }
  return encodeSpaceLink({ namespace: 'Awake', secret: newSecret(), ...address })
}
