/** Does a link bring two people together whose accounts are at different servers, without a word from either? */
import { expect, type Page } from '@playwright/test'
import { parseSpaceLink } from '../src/app/space-link.ts'
import { type Account, makeAccount } from './account.ts'
import { type Federation, startFederation } from './federation.ts'
import { expectAllListed, expectLinks, expectOneRing, Tab, test } from './tabs.ts'
import type { FederatedServer } from './xmpp-server.ts'

let federation: Federation

test.beforeAll(async () => {
  federation = await startFederation()
})

// Domains of federated servers are addresses here, each its own, and a policy can name no range of them.
test.use({ bypassCSP: true })

test.afterAll(() => federation?.stop())

test('a newcomer with an account elsewhere follows the link, and they become contacts and talk directly', async ({
  app,
  context,
  browser,
}) => {
  const elsewhere = await browser.newContext()
  const { prosody, ejabberd } = federation
  const [alice, bob] = [await makeAccount(prosody), await makeAccount(ejabberd)]

  const first = new Tab(await context.newPage())
  await first.page.goto(app.url)
  await useAccount(first.page, prosody, alice)
  await first.page.getByTestId('space-name').locator('input').fill('Balcony')
  await first.page.getByTestId('create-space').click()
  await first.entered()
  await expect.poll(() => inviterIn(first)).toBe(alice.jid)
  expect(first.page.url()).toBe(await first.link())

  const second = new Tab(await elsewhere.newPage())
  await second.page.goto(app.url)
  await useAccount(second.page, ejabberd, bob)
  await second.page.goto(await first.link())
  await second.entered()
  await expectOneRing([first, second])
  await expectAllListed([first, second])
  await expectLinks([first, second], 'direct')
  expect([await first.jid(), await second.jid()].map((jid) => jid.split('/')[0])).toEqual([alice.jid, bob.jid])
  await second.sayToAll('But soft!')
  await expect(first.message('But soft!')).toHaveCount(1)
  // Whom the newcomer gives the link to is the newcomer's contact.
  await expect.poll(() => inviterIn(second)).toBe(bob.jid)

  // The link that Bob reads in his address bar is his own; what he came by is remembered where it is still needed.
  await second.page.getByTestId('leave').click()
  await expect(second.page.getByTestId('space-name')).toBeVisible()
  await second.page.goBack()
  await second.entered()
  await expectAllListed([first, second])
  await elsewhere.close()
})

test('who has no account of their own names nobody in the link', async ({ app, page }) => {
  const tab = await Tab.nameSpace(page, app.url, 'Anonymous')
  await expect(tab.state).toHaveText('alone')
  expect(await inviterIn(tab)).toBeUndefined()
})

async function inviterIn(tab: Tab): Promise<string | undefined> {
  const link = parseSpaceLink(new URL(await tab.link()).hash)
  return 'invitation' in link ? link.invitation?.inviter : undefined
}

async function useAccount(page: Page, { service }: FederatedServer, { jid, password }: Account): Promise<void> {
  await page.getByText('Use my own account').click()
  await page.getByTestId('account-service').locator('input').fill(service)
  await page.getByTestId('account-jid').locator('input').fill(jid)
  await page.getByTestId('account-password').locator('input').fill(password)
  await page.getByTestId('use-account').click()
  await expect(page.getByText(`Signing in as ${jid}`)).toBeVisible()
}
