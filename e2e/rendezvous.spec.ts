/**
 * Do tabs meet whatever the service, and however they sign in: as strangers, with accounts that the page makes, with one
 * account? The same on the embedded service and on those that others wrote, each given as `XMPP_SERVICE`.
 */
import { type BrowserContext, expect } from '@playwright/test'
import { createXmppService } from '../src/service/xmpp-service.ts'
import { type Account, makeAccount } from './account.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import type {} from './bare-page/bare-page.ts'
import { startEjabberd } from './ejabberd.ts'
import { startProsody } from './prosody.ts'
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
import type { XmppServer } from './xmpp-server.ts'

type Door = { service: string; domain: string }

type Grounds = {
  /** Lets strangers in. */
  anonymous: Door
  /** Lets nobody in without an account, and everybody make one. */
  registering: Door
  close(): Promise<unknown>
}

const SERVICES: { name: string; open: () => Promise<Grounds> }[] = [
  { name: 'the embedded service', open: openEmbedded },
  { name: 'Prosody', open: async () => groundsOf(await startProsody()) },
  { name: 'ejabberd', open: async () => groundsOf(await startEjabberd()) },
]

for (const { name, open } of SERVICES) {
  test.describe(`on ${name}`, () => {
    let grounds: Grounds
    let anonymousApp: AppServer
    let registeringApp: AppServer

    test.beforeAll(async () => {
      grounds = await open()
      anonymousApp = await startAppAt(grounds.anonymous)
      registeringApp = await startAppAt(grounds.registering)
    })

    test.afterAll(async () => {
      await anonymousApp?.stop()
      await registeringApp?.stop()
      await grounds?.close()
    })

    test('tabs without an account meet in a room and talk directly', async ({ context, browser }) => {
      const elsewhere = await browser.newContext()
      const tabs = await expectToMeet(anonymousApp, context, elsewhere)
      for (const tab of tabs) expect(await bareJid(tab)).toContain(`@${grounds.anonymous.domain}`)
      await elsewhere.close()
    })

    test('profiles with a made account each meet in a room and talk directly', async ({ context, browser }) => {
      const elsewhere = await browser.newContext()
      const tabs = await expectToMeet(registeringApp, context, elsewhere)
      for (const tab of tabs) expect(await bareJid(tab)).toContain(`@${grounds.registering.domain}`)
      expect(await bareJid(tabs[0])).not.toBe(await bareJid(tabs[1]))
      await elsewhere.close()
    })

    test('tabs of one profile share its made account and talk directly', async ({ context }) => {
      const [first, second] = await expectToMeet(registeringApp, context, context)
      expect(await bareJid(first)).toBe(await bareJid(second))
    })

    test('profiles that sign in with one given account meet and talk directly', async ({ context, browser }) => {
      const account = await makeAccount(grounds.registering)
      const elsewhere = await browser.newContext()
      const first = new Tab(await context.newPage())
      await useAccount(first, registeringApp.url, account)
      await first.page.getByTestId('space-name').locator('input').fill('Of one account')
      await first.page.getByTestId('create-space').click()
      await first.entered()
      const second = new Tab(await elsewhere.newPage())
      await useAccount(second, registeringApp.url, account)
      await second.page.goto(await first.link())
      await second.entered()
      for (const tab of [first, second]) expect(await bareJid(tab)).toBe(account.jid)
      await expectToTalk(first, second)
      await elsewhere.close()
    })

    test('where there are no rooms, tabs of one account meet by presence, and another account is not seen', async ({
      context,
    }) => {
      const [account, another] = [await makeAccount(grounds.registering), await makeAccount(grounds.registering)]
      const namespace = crypto.randomUUID()
      const join = async (who: Account) => {
        const options = { namespace, xmpp: { ...grounds.registering, rooms: 'nowhere.localhost', ...who } }
        const page = await context.newPage()
        await page.goto(`${registeringApp.url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify(options))}`)
        return { page, address: await page.evaluate(async () => (await window.ring).address) }
      }
      const stranger = await join(another)
      const [first, second] = [await join(account), await join(account)]
      for (const [one, other] of [
        [first, second],
        [second, first],
      ] as const) {
        const peers = () =>
          one.page.evaluate(async () =>
            [...(await window.ring).peers.values()].map(({ address, kind }) => [address, kind]),
          )
        await expect.poll(peers, FORMED).toEqual([[other.address, 'direct']])
      }
      expect(await stranger.page.evaluate(async () => (await window.ring).state)).toBe('alone')
    })

    test('a tab that is closed is gone for the others within a second', async ({ context }) => {
      const first = await Tab.nameSpace(await context.newPage(), anonymousApp.url, 'Three')
      const link = await first.link()
      const tabs = [first, await Tab.follow(await context.newPage(), link)]
      const third = await Tab.follow(await context.newPage(), link)
      await expectLinks([...tabs, third], 'direct')
      await expectAllListed([...tabs, third])
      const gone = await third.address()
      const tookMs = await untilUnlisted(gone, tabs, () => third.page.close({ runBeforeUnload: false }))
      expect(tookMs).toBeLessThanOrEqual(1_000)
      await expectClosedWithout(gone, tabs)
    })
  })
}

async function openEmbedded(): Promise<Grounds> {
  const open = createXmppService({ domain: 'anon.localhost' })
  const accounts = createXmppService({ domain: 'localhost', anonymous: false })
  const [anonymous, registering] = await Promise.all([open.listen(), accounts.listen()])
  return {
    anonymous: { service: anonymous.url, domain: open.domain },
    registering: { service: registering.url, domain: accounts.domain },
    close: () => Promise.all([open.close(), accounts.close()]),
  }
}

function groundsOf({ service, domain, anonymousDomain, stop }: XmppServer): Grounds {
  return { anonymous: { service, domain: anonymousDomain }, registering: { service, domain }, close: stop }
}

function startAppAt({ service, domain }: Door): Promise<AppServer> {
  return startAppServer({ xmppService: service, xmppDomain: domain })
}

async function expectToMeet(app: AppServer, here: BrowserContext, there: BrowserContext) {
  const first = await Tab.nameSpace(await here.newPage(), app.url, 'Met')
  const second = await Tab.follow(await there.newPage(), await first.link())
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

async function useAccount({ page }: Tab, url: string, { jid, password }: Account): Promise<void> {
  await page.goto(url)
  await page.getByText('Use my own account').click()
  await page.getByTestId('account-jid').locator('input').fill(jid)
  await page.getByTestId('account-password').locator('input').fill(password)
  await page.getByTestId('use-account').click()
  await expect(page.getByText(`Signing in as ${jid}`)).toBeVisible()
}

async function bareJid(tab: Tab): Promise<string | undefined> {
  return (await tab.jid()).split('/')[0]
}
