/**
 * What becomes of two who cannot reach each other, in a ring in which everybody else can? Their pages' signalling runs
 * through a filter that replaces each address on the way between the two by one at which nobody is (RFC 5737), so that
 * ICE really tries and really fails; all other pairs are let alone.
 */
import { expect, type Page } from '@playwright/test'
import { expectAllListed, expectOneRing, FORMED, openTabs, Tab, test } from './tabs.ts'

const NOBODYS_ADDRESS = '192.0.2.1'
/** ICE gives a pair up after about 15 s, and the tunnel is tried after it. */
const TUNNELLED = { timeout: 60_000, intervals: [100] }

/** Signals of this page to any but `spared` name addresses at which nobody is. */
class SignalFilter {
  spared: Set<string> | undefined
  rewritten = 0

  static async of(page: Page): Promise<SignalFilter> {
    const filter = new SignalFilter()
    await page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer()
      socket.onMessage((message) => server.send(filter.#filtered(message)))
    })
    return filter
  }

  #filtered(message: string | Buffer): string | Buffer {
    if (typeof message !== 'string' || !this.spared || !message.includes('urn:xmpp:jingle:1')) return message
    const to = /\bto=(["'])(.*?)\1/.exec(message)?.[2]
    if (to === undefined || this.spared.has(to)) return message
    return message.replace(/\bip=(["']).*?\1/g, (_, quote: string) => {
      this.rewritten++
      return `ip=${quote}${NOBODYS_ADDRESS}${quote}`
    })
  }
}

test('a pair that cannot reach each other has a tunnel through the others, and all else is direct', async ({
  app,
  context,
}) => {
  test.setTimeout(180_000)
  const between = await openTabs(context, app.url, 'Pair', 2)
  const link = (await between[0]?.link()) ?? ''
  const [pageA, pageB] = [await context.newPage(), await context.newPage()]
  const [filterA, filterB] = [await SignalFilter.of(pageA), await SignalFilter.of(pageB)]
  const spared = new Set(await Promise.all(between.map((tab) => tab.jid())))
  filterA.spared = spared
  filterB.spared = spared
  const [a, b] = [await Tab.follow(pageA, link), await Tab.follow(pageB, link)]
  const tabs = [a, b, ...between]
  await expectOneRing(tabs)
  await expectAllListed(tabs)

  const [addressA, addressB] = [await a.address(), await b.address()]
  const kindAt = async (tab: Tab, address: string) =>
    (await tab.snapshot()).peers.find((peer) => peer.address === address)?.kind
  await expect.poll(() => kindAt(a, addressB), { ...TUNNELLED, message: 'how a is linked to b' }).toBe('tunnel')
  await expect.poll(() => kindAt(b, addressA), { ...TUNNELLED, message: 'how b is linked to a' }).toBe('tunnel')
  expect(filterA.rewritten + filterB.rewritten).toBeGreaterThan(0)
  for (const middle of between) {
    await expect.poll(async () => [...new Set(await middle.kinds())], FORMED).toEqual(['direct'])
  }
  await expect(a.person(addressB)).toHaveAttribute('data-kind', 'tunnel')
  await expect(a.person(addressB)).toContainText('via others')

  await a.sayTo(addressB, 'through the others')
  await expect(b.message('through the others')).toHaveCount(1)
  await expect(a.message('through the others')).toHaveAttribute('data-delivery', 'delivered')
  for (const middle of between) await expect(middle.message('through the others')).toHaveCount(0)
  await b.sayToAll('to everybody')
  for (const tab of tabs) await expect(tab.message('to everybody')).toHaveCount(1)
})
