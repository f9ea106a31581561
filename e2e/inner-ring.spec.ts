/**
 * Can rings live within a ring? Real tabs in a public ring form private ones that use no service and no connection of their
 * own; what is put into the ring outlives the tab that has put it; and the app opens spaces inside a public ring.
 */
import { type BrowserContext, expect, type Page } from '@playwright/test'
import type { Snapshot } from '../src/peer/ring.ts'
import { createXmppService, type ListeningService } from '../src/service/xmpp-service.ts'
import type {} from './bare-page/bare-page.ts'
import { expectAllListed, FORMED, Tab, test } from './tabs.ts'

const PEOPLE = 10
const RINGS = 5
/** So many on either side that all are linked to all. */
const ALL_LINKED = PEOPLE / 2
/** Ten pages are much for two processors. */
const MANY = { timeout: 60_000, intervals: [100] }
const SECRET = 'a secret that only our tests know of'

let service: ListeningService | undefined

test.afterEach(async () => {
  await service?.close()
  service = undefined
})

test('a private ring forms inside a public one whose service has stopped, over the connections that stand', async ({
  app,
  context,
}) => {
  test.setTimeout(120_000)
  const pages = await publicRing(app.url, context, 5)
  await service?.close()
  for (const page of pages) await expect.poll(async () => (await outerOf(page)).service.name, FORMED).toBe('offline')
  const before = await connectionsOf(pages)
  await Promise.all(pages.map((page) => joinInside(page, 'private/1')))
  for (const page of pages) {
    await expect.poll(() => kindsOf(page, 0), FORMED).toEqual(['direct', 'direct', 'direct', 'direct'])
    const { service: used, within, milestones } = await innerOf(page, 0)
    expect(used).toEqual({ name: 'unused' })
    expect(within).toBe((await outerOf(page)).namespace)
    expect(milestones.relayingMs).toBeDefined()
  }
  expect(await connectionsOf(pages)).toEqual(before)

  for (const page of pages) await listen(page)
  await pages[0]?.evaluate(() => window.insides[0]?.broadcast(new TextEncoder().encode('only for us')))
  for (const page of pages.slice(1)) {
    await expect.poll(() => page.evaluate(() => window.heard), FORMED).toEqual(['inside: only for us'])
  }
})

test('five rings of the same ten people need no more connections than one', async ({ app, context }) => {
  test.setTimeout(240_000)
  const pages = await publicRing(app.url, context, PEOPLE)
  const before = await connectionsOf(pages)
  for (let index = 0; index < RINGS; index++) {
    await Promise.all(pages.map((page) => joinInside(page, `private/${index}`)))
    for (const page of pages) await expect.poll(() => kindsOf(page, index), MANY).toEqual(allDirect(PEOPLE - 1))
  }
  expect(await connectionsOf(pages)).toEqual(before)

  // One of them ends for one of its people, and all else stands.
  const [leaver, other] = pages as [Page, Page]
  await leaver.evaluate(() => window.insides[0]?.leave())
  await expect.poll(() => kindsOf(other, 0), FORMED).toEqual(allDirect(PEOPLE - 2))
  for (let index = 1; index < RINGS; index++) expect(await kindsOf(other, index)).toEqual(allDirect(PEOPLE - 1))
  expect((await outerOf(other)).peers).toHaveLength(PEOPLE - 1)
})

test('who knows the public ring and not the secret stays outside', async ({ app, context }) => {
  const pages = await publicRing(app.url, context, 3)
  const [a, b, stranger] = pages as [Page, Page, Page]
  await Promise.all([joinInside(a, 'private/1'), joinInside(b, 'private/1')])
  await joinInside(stranger, 'private/1', 'a guess that is as long as it is wrong')
  for (const page of [a, b]) await expect.poll(() => kindsOf(page, 0), FORMED).toEqual(['direct'])
  expect(await kindsOf(stranger, 0)).toEqual([])
})

test('a value outlives the tab of its author', async ({ app, context }) => {
  const [author, ...others] = (await publicRing(app.url, context, 3)) as [Page, Page, Page]
  await author.evaluate(async () => {
    const ring = await window.ring
    await ring.put('will', new TextEncoder().encode('all to the cat'))
  })
  await author.close()
  for (const page of others) {
    const found = await page.evaluate(async () => {
      const values = await (await window.ring).get('will')
      return values.map(({ value }) => new TextDecoder().decode(value))
    })
    expect(found).toEqual(['all to the cat'])
  }
})

test('the app opens a space inside the public ring, and its link leads others there', async ({ app, context }) => {
  const page = await context.newPage()
  await page.goto(app.url)
  await page.getByTestId('space-name').locator('input').fill('Chess club')
  await page.getByText('Where its people meet').click()
  // Its middle is the text beneath it.
  await page.getByTestId('inside').click({ position: { x: 10, y: 10 } })
  await page.getByTestId('create-space').click()
  const first = new Tab(page)
  await first.entered()
  expect(await first.link()).toContain('r=overture')
  const second = await Tab.follow(await context.newPage(), await first.link())
  await expectAllListed([first, second])
  await first.sayToAll('Hello, inside')
  await expect(second.message('Hello, inside')).toHaveAttribute('data-from', await first.address())
  for (const tab of [first, second]) {
    await expect(tab.page.getByTestId('milestones')).toContainText('Met inside the public ring “overture/1”')
    await expect(tab.page.getByTestId('service-banner')).toHaveCount(0)
  }

  // When all its tabs were closed, the space is found again by who was there.
  await second.page.goto(app.url)
  await second.page.getByTestId('known-spaces').getByText('Chess club').click()
  await second.entered()
  await expectAllListed([first, second])
  await second.page.close({ runBeforeUnload: true })
  await expectAllListed([first])
})

test('a page that joins no public ring says so to who follows a link into one', async ({ app, context }) => {
  const page = await context.newPage()
  await page.route('**/config.json', (route) => route.fulfill({ json: { publicRing: false } }))
  await page.goto(`${app.url}#n=Chess&k=0123456789abcdefghijklm&r=elsewhere`)
  await expect(page.getByTestId('error-sentence')).toContainText('this page joins no public ring')
  await page.goto(app.url)
  await page.getByTestId('create-space').waitFor()
  await expect(page.getByTestId('inside')).toHaveCount(0)
})

async function publicRing(url: string, context: BrowserContext, count: number): Promise<Page[]> {
  await context.addInitScript(() => {
    const connections: RTCPeerConnection[] = []
    Object.assign(window, { connections })
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        connections.push(this)
      }
    }
  })
  service = await createXmppService().listen()
  const options = {
    namespace: crypto.randomUUID(),
    neighboursPerSide: ALL_LINKED,
    xmpp: { service: service.url, domain: 'localhost' },
  }
  const page = `${url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify(options))}`
  const pages = await Promise.all(Array.from({ length: count }, () => openPage(context, page)))
  for (const each of pages) {
    await expect
      .poll(async () => (await outerOf(each)).peers.map(({ kind }) => kind), FORMED)
      .toEqual(allDirect(count - 1))
  }
  return pages
}

async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  await page.evaluate(() => window.ring.then(() => undefined))
  return page
}

async function joinInside(page: Page, namespace: string, secret = SECRET): Promise<void> {
  const options = { namespace, secret, neighboursPerSide: ALL_LINKED }
  await page.evaluate((each) => window.joinInside(each).then(() => undefined), options)
}

function allDirect(count: number): string[] {
  return Array.from({ length: count }, () => 'direct')
}

function outerOf(page: Page): Promise<Snapshot> {
  return page.evaluate(async () => (await window.ring).snapshot())
}

function innerOf(page: Page, index: number): Promise<Snapshot> {
  return page.evaluate((at) => window.insides[at]?.snapshot() as Snapshot, index)
}

async function kindsOf(page: Page, index: number): Promise<string[]> {
  return (await innerOf(page, index)).peers.map(({ kind }) => kind)
}

/** How many each page has made so far. */
function connectionsOf(pages: readonly Page[]): Promise<number[]> {
  return Promise.all(pages.map((page) => page.evaluate(() => window.connections?.length ?? 0)))
}

/** What is said in either ring is kept. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const heard: string[] = []
    window.heard = heard
    const text = (data: Uint8Array) => new TextDecoder().decode(data)
    ;(await window.ring).on('message', ({ data }) => heard.push(`outside: ${text(data)}`))
    window.insides[0]?.on('message', ({ data }) => heard.push(`inside: ${text(data)}`))
  })
}

declare global {
  interface Window {
    connections?: RTCPeerConnection[]
    heard: string[]
  }
}
