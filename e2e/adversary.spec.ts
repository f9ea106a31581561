/**
 * What can an XMPP service do that is hostile to two pages in Chromium? Where they agree on a direct link through it, it
 * may change what they say: then there must be no such link, only a counted cause, until it lets them be.
 */
import { type BrowserContext, expect, type Page } from '@playwright/test'
import type { Meddle } from '../src/service/router.ts'
import { createXmppService } from '../src/service/xmpp-service.ts'
import type { Element } from '../src/xmpp/stanza.ts'
import type { AppServer } from './app-server.ts'
import type {} from './bare-page/bare-page.ts'
import { FORMED, test } from './tabs.ts'

const JINGLE_XMLNS = 'urn:xmpp:jingle:1'
const SECRET = 'k3Vd0tBzTq9yWm2HxLrE5g'
const OWN_FINGERPRINT = Array(32).fill('AA').join(':')

/** What a service does that wants to be in the middle, or have packets sent to a third. */
const CHANGES: { name: string; change: (element: Element) => void }[] = [
  {
    name: 'puts in fingerprints of its own',
    change: (element) => {
      if (element.getName() === 'fingerprint') element.children = [OWN_FINGERPRINT]
    },
  },
  {
    name: 'rewrites candidates',
    change: (element) => {
      if (element.getName() === 'candidate') element.attrs.ip = '127.0.0.9'
    },
  },
]

for (const { name, change } of CHANGES) {
  test(`where the service ${name} no direct link comes of it, people are told, and one does when it stops`, async ({
    app,
    context,
  }) => {
    let hostile = true
    let changed = 0
    const meddle: Meddle = (stanza) => {
      const jingle = stanza.getChild('jingle', JINGLE_XMLNS)
      if (!hostile || !jingle) return stanza
      changed++
      forEach(jingle, change)
      return stanza
    }
    const service = await createXmppService({ meddle }).listen()
    const pages = [await open(app, context, service.url), await open(app, context, service.url)]
    await expectKinds(pages, 'relay')
    await expect.poll(() => forgedAt(pages), FORMED).toBeGreaterThan(0)
    await expectKinds(pages, 'relay')
    expect(changed).toBeGreaterThan(0)
    expect(await warningsAt(pages)).toContain('was changed on the way')
    hostile = false
    await expectKinds(pages, 'direct')
    await service.close()
  })
}

async function open(app: AppServer, context: BrowserContext, service: string): Promise<Page> {
  const page = await context.newPage()
  // What goes through the ring the service cannot change.
  const options = { namespace: 'hostile/1', secret: SECRET, xmpp: { service }, ringSignalling: false }
  await page.goto(`${app.url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify(options))}`)
  await page.evaluate(async () => void (await window.ring))
  return page
}

async function expectKinds(pages: Page[], kind: string): Promise<void> {
  const kinds = (page: Page) =>
    page.evaluate(async () => [...(await window.ring).peers.values()].map((peer) => peer.kind))
  await expect.poll(() => Promise.all(pages.map(kinds)), FORMED).toEqual(pages.map(() => [kind]))
}

/** What the pages tell their people. */
async function warningsAt(pages: Page[]): Promise<string> {
  const told = pages.map((page) => page.evaluate(async () => (await window.ring).snapshot().warnings.join(' ')))
  return (await Promise.all(told)).join(' ')
}

async function forgedAt(pages: Page[]): Promise<number> {
  const counts = pages.map((page) =>
    page.evaluate(async () => (await window.ring).snapshot().counters['signalling: forged stanza'] ?? 0),
  )
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

function forEach(element: Element, change: (element: Element) => void): void {
  change(element)
  for (const child of element.getChildElements()) forEach(child, change)
}
