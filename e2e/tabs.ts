/**
 * Tabs: what a person sees and does in the app, and what a debugger reads of it. The `app` fixture is one server of the
 * app for all tests of a file, with the embedded XMPP service. Tabs of its `context` meet as those of different browsers do.
 */

import { type BrowserContext, test as base, expect, type Locator, type Page } from '@playwright/test'
import { encodeSpaceLink, newSecret } from '../src/app/space-link.ts'
import type { Address } from '../src/overlay/address.ts'
import type { Snapshot } from '../src/peer/ring.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import { faultsOfRing } from './ring-faults.ts'

/** A guess: ten tabs on two busy cores take 3 s. */
export const FORMED = { timeout: 30_000, intervals: [50] }

type TestFixtures = {
  /** Whether tabs of one context find each other without a server, and so never use XMPP or WebRTC between them. */
  localTabs: boolean
}
type WorkerFixtures = { app: AppServer }

export const test = base.extend<TestFixtures, WorkerFixtures>({
  localTabs: [false, { option: true }],
  context: async ({ context, localTabs }, use) => {
    if (!localTabs) {
      await context.addInitScript(() => {
        delete (window as { BroadcastChannel?: unknown }).BroadcastChannel
      })
    }
    await use(context)
  },
  app: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the wanted fixtures from the pattern.
    async ({}, use) => {
      const app = await startAppServer()
      await use(app)
      await app.stop()
    },
    { scope: 'worker' },
  ],
})

export class Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  /** Names a new space, as somebody who opens the app for the first time. */
  static async nameSpace(page: Page, url: string, name: string): Promise<Tab> {
    await page.goto(url)
    await page.getByTestId('space-name').locator('input').fill(name)
    await page.getByTestId('create-space').click()
    const tab = new Tab(page)
    await tab.entered()
    return tab
  }

  static async follow(page: Page, link: string): Promise<Tab> {
    await page.goto(link)
    const tab = new Tab(page)
    await tab.entered()
    return tab
  }

  async entered(): Promise<void> {
    await expect(this.state).toBeVisible(FORMED)
  }

  // ------------------------------------------------------------------------------------------ what is seen

  get state(): Locator {
    return this.page.getByTestId('state')
  }

  get others(): Locator {
    return this.page.locator('[data-testid="person"]:not([data-self])')
  }

  get errorSentence(): Locator {
    return this.page.getByTestId('error-sentence')
  }

  person(address: Address): Locator {
    return this.page.locator(`[data-testid="person"][data-address="${address}"]`)
  }

  /** Our own links in the picture. */
  get ownLinks(): Locator {
    return this.page.locator('[data-testid="ring-link"][data-own="true"]')
  }

  ringNode(address: Address): Locator {
    return this.page.locator(`[data-testid="ring-node"][data-address="${address}"]`)
  }

  drawnLinksOf(address: Address): Locator {
    const link = '[data-testid="ring-link"]'
    return this.page.locator(`${link}[data-from="${address}"], ${link}[data-to="${address}"]`)
  }

  message(text: string): Locator {
    return this.page.getByTestId('message').filter({ has: this.page.getByText(text, { exact: true }) })
  }

  async link(): Promise<string> {
    return (await this.page.getByTestId('link').getAttribute('href')) ?? ''
  }

  // ------------------------------------------------------------------------------------------ what is done

  async sayToAll(text: string): Promise<void> {
    if (await this.page.getByTestId('to-all').isVisible()) await this.page.getByTestId('to-all').click()
    await this.#say(text)
  }

  async sayTo(address: Address, text: string): Promise<void> {
    const button = this.person(address).getByRole('button')
    if ((await button.getAttribute('aria-pressed')) !== 'true') await button.press('Enter')
    await expect(this.page.getByTestId('to-all')).toBeVisible()
    await this.#say(text)
  }

  async #say(text: string): Promise<void> {
    const input = this.page.getByTestId('talk-input').locator('input')
    await input.fill(text)
    await input.press('Enter')
    // The control submits in a later turn; who types the next line before it would change this one.
    await expect(input).toHaveValue('')
  }

  // ------------------------------------------------------------------------------------------ what a debugger reads

  snapshot(): Promise<Snapshot> {
    return this.page.evaluate(() => {
      if (window.__overture === undefined) throw new Error('This tab is in no space.')
      return window.__overture.snapshot()
    })
  }

  async address(): Promise<Address> {
    return (await this.snapshot()).address
  }

  async jid(): Promise<string> {
    const { service } = await this.snapshot()
    return service.name === 'online' ? service.jid : ''
  }

  async kinds(): Promise<string[]> {
    return (await this.snapshot()).peers.map(({ kind }) => kind)
  }
}

/** A space with so many tabs of one context, the first of which has named it. Opened all at once, as by a crowd. */
export async function openTabs(context: BrowserContext, url: string, name: string, count: number): Promise<Tab[]> {
  const first = await Tab.nameSpace(await context.newPage(), url, name)
  const link = await first.link()
  const pages = await Promise.all(Array.from({ length: count - 1 }, () => context.newPage()))
  return [first, ...(await Promise.all(pages.map((page) => Tab.follow(page, link))))]
}

/** Each tab lists every other one, and nobody else. */
export async function expectAllListed(tabs: Tab[]): Promise<void> {
  const addresses = await Promise.all(tabs.map((tab) => tab.address()))
  for (const [index, tab] of tabs.entries()) {
    const others = addresses.filter((_, other) => other !== index).sort()
    await expect.poll(() => listed(tab), { ...FORMED, message: `whom tab ${index} lists` }).toEqual(others)
  }
}

async function listed(tab: Tab): Promise<(string | null)[]> {
  return (await tab.others.evaluateAll((items) => items.map((item) => item.getAttribute('data-address')))).sort()
}

/** One ring: each tab is connected and has those as nearest neighbours who are nearest among all. */
export async function expectOneRing(tabs: Tab[]): Promise<void> {
  const faults = async () => faultsOfRing(await Promise.all(tabs.map((tab) => tab.snapshot())))
  await expect.poll(faults, { ...FORMED, message: 'what is wrong with the ring' }).toEqual([])
}

/** The tabs that remain have closed the ring: who is gone is neither listed nor drawn, and the others go on. */
export async function expectClosedWithout(gone: Address, tabs: Tab[]): Promise<void> {
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  for (const tab of tabs) {
    await expect(tab.ringNode(gone)).toHaveCount(0)
    await expect(tab.drawnLinksOf(gone)).toHaveCount(0)
    await expect(tab.ownLinks).toHaveCount(tabs.length - 1)
  }
}

/** How long after `event` began until none of the tabs lists this address any more. */
export async function untilUnlisted(gone: Address, tabs: Tab[], event: () => Promise<unknown>): Promise<number> {
  for (const tab of tabs) await expect(tab.person(gone)).toBeVisible()
  const startedMs = Date.now()
  const done = event()
  await Promise.all(tabs.map((tab) => tab.person(gone).waitFor({ state: 'detached', timeout: FORMED.timeout })))
  const tookMs = Date.now() - startedMs
  test.info().annotations.push({ type: 'unlisted', description: `after ${tookMs} ms` })
  await done
  return tookMs
}

/** A link to a new space on this service. */
export function linkTo(service: string): string {
  return encodeSpaceLink({ namespace: 'Elsewhere', secret: newSecret(), service, domain: 'localhost' })
}

/** Every tab has a link of this kind to every other tab. */
export async function expectLinks(tabs: Tab[], kind: string): Promise<void> {
  const wanted = tabs.map(() => Array.from({ length: tabs.length - 1 }, () => kind))
  await expect
    .poll(() => Promise.all(tabs.map((tab) => tab.kinds())), { ...FORMED, message: 'kinds of links' })
    .toEqual(wanted)
}
