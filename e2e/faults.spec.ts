/** What does somebody see when something is wrong with the service, the password or the link, and what can they do? */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, type Page } from '@playwright/test'
import { encodeSpaceLink, newSecret } from '../src/app/space-link.ts'
import { createXmppService, type ListeningService } from '../src/service/xmpp-service.ts'
import { CuttableWire } from '../src/xmpp/cuttable-wire.ts'
import { findFreePort } from './free-port.ts'
import { expectAllListed, expectLinks, expectOneRing, FORMED, Tab, test } from './tabs.ts'

const USERNAME = 'juliet'
const PASSWORD = 'r0m30'
const FAR_LATER_MS = 10 * 60_000

let service: ListeningService | undefined

test.afterEach(async () => {
  await service?.close()
  service = undefined
})

test('a service that is down at the start is named, and the page gets in by itself when it comes up', async ({
  app,
  page,
}) => {
  const port = await findFreePort()
  const tab = new Tab(page)
  await page.goto(app.url + linkAt(port))
  await expect(tab.errorSentence).toContainText(`ws://127.0.0.1:${port}/xmpp-websocket does not answer`)
  await expect(tab.errorSentence).toContainText('Check the address')
  await expect(page.getByTestId('countdown')).toContainText(/Trying again in \d+ s/)
  service = await createXmppService().listen(port)
  await tab.entered()
  await expect(tab.errorSentence).toHaveCount(0)
})

test('“Try now” does not wait for the countdown', async ({ app, page }) => {
  const port = await findFreePort()
  await page.clock.install()
  await page.goto(app.url + linkAt(port))
  await expect(page.getByTestId('countdown')).toBeVisible()
  // The countdown ends at once, in vain; the next one does not end while the page's clock stands.
  await page.clock.pauseAt(Date.now() + FAR_LATER_MS)
  await expect(page.getByTestId('sign-in')).toHaveAttribute('data-state', 'waiting')
  service = await createXmppService().listen(port)
  await page.getByTestId('retry').click()
  await new Tab(page).entered()
})

test('when the service dies, the ring goes on; when it is back, newcomers find the ring', async ({ app, context }) => {
  service = await createXmppService().listen()
  const port = Number(new URL(service.url).port)
  const link = app.url + linkAt(port)
  const tabs = [await Tab.follow(await context.newPage(), link), await Tab.follow(await context.newPage(), link)]
  await expectLinks(tabs, 'direct')
  await expectAllListed(tabs)
  await service.close()
  for (const tab of tabs) await expect(tab.page.getByTestId('service-banner')).toContainText('The XMPP service is away')
  await tabs[0]?.sayToAll('without a server')
  for (const tab of tabs) await expect(tab.message('without a server')).toHaveCount(1)
  await expectOneRing(tabs)
  service = await createXmppService().listen(port)
  for (const tab of tabs) await expect(tab.page.getByTestId('service-banner')).toHaveCount(0, FORMED)
  tabs.push(await Tab.follow(await context.newPage(), link))
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  await expectLinks(tabs, 'direct')
})

test('a wrong password is named and not tried again; the right one leads in', async ({ app, page }) => {
  service = await createXmppService({ accounts: [{ username: USERNAME, password: PASSWORD }] }).listen()
  const wire = await CuttableWire.to(service.url)
  const tab = new Tab(page)
  await page.clock.install()
  await page.goto(app.url)
  await page.getByText('Use my own account').click()
  await fillAccount(page, wire.url, 'wrong')
  await page.getByTestId('space-name').locator('input').fill('Verona')
  await page.getByTestId('create-space').click()
  await expect(tab.errorSentence).toContainText(`does not accept this password for ${USERNAME}@localhost`)
  await expect(page.getByTestId('sign-in')).toHaveAttribute('data-state', 'refused')
  const { connections } = wire
  await page.clock.runFor(FAR_LATER_MS)
  expect(wire.connections).toBe(connections)
  await fillAccount(page, wire.url, PASSWORD)
  await tab.entered()
  expect(await tab.jid()).toContain(`${USERNAME}@localhost/`)
  await wire.close()
})

test('a text that is no link is named, and there is a way on', async ({ app, page }) => {
  const tab = new Tab(page)
  await page.goto(`${app.url}#hello`)
  await expect(tab.errorSentence).toHaveText(
    'This is not a link to a space: it does not name a space. Ask for the link again.',
  )
  await page.getByTestId('new-space').click()
  await expect(page.getByTestId('create-space')).toBeVisible()
})

test('a link that has lost its end is named', async ({ app, page }) => {
  const link = encodeSpaceLink({ namespace: 'Cut', secret: newSecret() })
  await page.goto(app.url + link.slice(0, link.indexOf('&k=') + '&k='.length))
  await expect(new Tab(page).errorSentence).toContainText('it has lost its key')
})

test('a good link pasted over a bad one leads in', async ({ app, page }) => {
  await page.goto(`${app.url}#hello`)
  await expect(new Tab(page).errorSentence).toBeVisible()
  await page.goto(app.url + encodeSpaceLink({ namespace: 'Good', secret: newSecret() }))
  await new Tab(page).entered()
})

test('a web server that is no XMPP service is named', async ({ app, page }) => {
  const web = createServer((_request, response) => response.end('Hello'))
  const port = await listen(web)
  await page.goto(app.url + linkAt(port))
  await expect(new Tab(page).errorSentence).toContainText('does not speak XMPP over WebSocket')
  await expect(page.getByTestId('countdown')).toBeVisible()
  web.close()
})

function linkAt(port: number): string {
  const address = { service: `ws://127.0.0.1:${port}/xmpp-websocket`, domain: 'localhost' }
  return encodeSpaceLink({ namespace: 'Faults', secret: newSecret(), ...address })
}

async function fillAccount(page: Page, serviceUrl: string, password: string): Promise<void> {
  await page.getByTestId('account-service').locator('input').fill(serviceUrl)
  await page.getByTestId('account-jid').locator('input').fill(`${USERNAME}@localhost`)
  await page.getByTestId('account-password').locator('input').fill(password)
  await page.getByTestId('use-account').click()
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
