/** Do tabs meet on a server that others wrote? With Prosody as `XMPP_SERVICE`: anonymous, registered, and of one account. */
import { type BrowserContext, expect } from '@playwright/test'
import { type Account, makeAccount } from './account.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import type {} from './bare-page/bare-page.ts'
import { type Prosody, startProsody } from './prosody.ts'
import {
  expectAllListed,
  expectClosedWithout,
  expectLinks,
  expectOneRing,
  FORMED,
  Tab,
  test,
  untilUnlisted,
} from './tabs.ts'

let prosody: Prosody
let anonymousApp: AppServer
let registeringApp: AppServer

test.beforeAll(async () => {
  prosody = await startProsody()
  const xmppService = prosody.service
  anonymousApp = await startAppServer({ xmppService, xmppDomain: prosody.anonymousDomain })
  registeringApp = await startAppServer({ xmppService, xmppDomain: prosody.domain })
})

test.afterAll(async () => {
  await anonymousApp?.stop()
  await registeringApp?.stop()
  await prosody?.stop()
})

test('tabs without an account meet in a room and talk directly', async ({ context, browser }) => {
  const elsewhere = await browser.newContext()
  await expectToMeet(anonymousApp, context, elsewhere, /@anon\.localhost\//)
  await elsewhere.close()
})

test('profiles with a made account each meet in a room and talk directly', async ({ context, browser }) => {
  const elsewhere = await browser.newContext()
  const [first, second] = await expectToMeet(registeringApp, context, elsewhere, /@localhost\//)
  expect(await bareJid(first)).not.toBe(await bareJid(second))
  await elsewhere.close()
})

test('tabs of one profile share its made account and talk directly', async ({ context }) => {
  const [first, second] = await expectToMeet(registeringApp, context, context, /@localhost\//)
  expect(await bareJid(first)).toBe(await bareJid(second))
})

test('profiles that sign in with one given account meet and talk directly', async ({ context, browser }) => {
  const account = await makeAccount(prosody.service, prosody.domain)
  const elsewhere = await browser.newContext()
  const first = new Tab(await context.newPage())
  await useAccount(first, account)
  await first.page.getByTestId('space-name').locator('input').fill('Of one account')
  await first.page.getByTestId('create-space').click()
  await first.entered()
  const second = new Tab(await elsewhere.newPage())
  await useAccount(second, account)
  await second.page.goto(await first.link())
  await second.entered()
  for (const tab of [first, second]) expect(await bareJid(tab)).toBe(account.jid)
  await expectToTalk(first, second)
  await elsewhere.close()
})

test('where there are no rooms, tabs of one account meet by presence, and another account is not seen', async ({
  context,
}) => {
  const [account, another] = [
    await makeAccount(prosody.service, prosody.domain),
    await makeAccount(prosody.service, prosody.domain),
  ]
  const namespace = crypto.randomUUID()
  const open = async (who: Account) => {
    const xmpp = { service: prosody.service, domain: prosody.domain, rooms: 'nowhere.localhost', ...who }
    const page = await context.newPage()
    await page.goto(
      `${registeringApp.url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify({ namespace, xmpp }))}`,
    )
    return { page, address: await page.evaluate(async () => (await window.ring).address) }
  }
  const stranger = await open(another)
  const [first, second] = [await open(account), await open(account)]
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    await expect
      .poll(() => one.page.evaluate(async () => [...(await window.ring).peers].map(([, { kind }]) => kind)), FORMED)
      .toEqual(['direct'])
    const peers = await one.page.evaluate(async () => [...(await window.ring).peers.keys()])
    expect(peers).toEqual([other.address])
  }
  expect(await stranger.page.evaluate(async () => (await window.ring).state)).toBe('alone')
})

test('a tab that is closed is gone for the others within a second', async ({ context }) => {
  const [first, second, third] = await openThree(context)
  const gone = await third.address()
  const tookMs = await untilUnlisted(gone, [first, second], () => third.page.close({ runBeforeUnload: false }))
  expect(tookMs).toBeLessThanOrEqual(1_000)
  await expectClosedWithout(gone, [first, second])
})

async function openThree(context: BrowserContext): Promise<[Tab, Tab, Tab]> {
  const first = await Tab.nameSpace(await context.newPage(), anonymousApp.url, 'Three')
  const link = await first.link()
  const second = await Tab.follow(await context.newPage(), link)
  const third = await Tab.follow(await context.newPage(), link)
  await expectLinks([first, second, third], 'direct')
  await expectAllListed([first, second, third])
  return [first, second, third]
}

async function expectToMeet(app: AppServer, here: BrowserContext, there: BrowserContext, jid: RegExp) {
  const first = await Tab.nameSpace(await here.newPage(), app.url, 'On Prosody')
  const second = await Tab.follow(await there.newPage(), await first.link())
  for (const tab of [first, second]) expect(await tab.jid()).toMatch(jid)
  await expectToTalk(first, second)
  return [first, second] as const
}

async function expectToTalk(first: Tab, second: Tab): Promise<void> {
  await expectLinks([first, second], 'direct')
  await expectOneRing([first, second])
  await expectAllListed([first, second])
  await first.sayToAll('Hello, everyone')
  await expect(second.message('Hello, everyone')).toHaveCount(1)
  await second.sayTo(await first.address(), 'Hello, you')
  await expect(first.message('Hello, you')).toHaveCount(1)
}

async function useAccount({ page }: Tab, { jid, password }: Account): Promise<void> {
  await page.goto(registeringApp.url)
  await page.getByText('Use my own account').click()
  await page.getByTestId('account-jid').locator('input').fill(jid)
  await page.getByTestId('account-password').locator('input').fill(password)
  await page.getByTestId('use-account').click()
  await expect(page.getByText(`Signing in as ${jid}`)).toBeVisible()
}

async function bareJid(tab: Tab): Promise<string | undefined> {
  return (await tab.jid()).split('/')[0]
}
