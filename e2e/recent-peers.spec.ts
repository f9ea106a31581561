/** Does a page that is opened again find those whom it was linked to, where the service shows nobody's presence? */
import { expect, type Page } from '@playwright/test'
import { expectAllListed, expectLinks, expectOneRing, FORMED, Tab, test } from './tabs.ts'

/** The service of this page shows and takes no presence while it is `cut`: nobody learns of anybody by it. */
class PresenceCut {
  cut = false
  hidden = 0

  static async of(page: Page): Promise<PresenceCut> {
    const presence = new PresenceCut()
    await page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer()
      socket.onMessage((message) => presence.#pass(message, (text) => server.send(text)))
      server.onMessage((message) => presence.#pass(message, (text) => socket.send(text)))
    })
    return presence
  }

  #pass(message: string | Buffer, send: (message: string | Buffer) => void): void {
    if (this.cut && typeof message === 'string' && message.startsWith('<presence')) this.hidden++
    else send(message)
  }
}

test('a page that is reloaded while all presence is hidden is in the ring again', async ({ app, context, browser }) => {
  const elsewhere = await browser.newContext()
  const page = await context.newPage()
  const presence = await PresenceCut.of(page)
  const stays = await Tab.nameSpace(await elsewhere.newPage(), app.url, 'Recent')
  const reloaded = await Tab.follow(page, await stays.link())
  await expectLinks([stays, reloaded], 'direct')
  await expectAllListed([stays, reloaded])
  await expect.poll(() => rememberedBy(page), FORMED).toContain(await stays.jid())

  presence.cut = true
  await page.reload()
  await reloaded.entered()
  await expectOneRing([stays, reloaded])
  await expectAllListed([stays, reloaded])
  await expectLinks([stays, reloaded], 'direct')
  expect(presence.hidden).toBeGreaterThan(0)
  await elsewhere.close()
})

test('while all presence is hidden, a page that has met nobody before stays alone', async ({
  app,
  context,
  browser,
}) => {
  const elsewhere = await browser.newContext()
  const page = await context.newPage()
  const presence = await PresenceCut.of(page)
  presence.cut = true
  const stays = await Tab.nameSpace(await elsewhere.newPage(), app.url, 'Hidden')
  const stranger = await Tab.follow(page, await stays.link())
  // Had there been anybody to ask, it would have been by the time at which a third is linked to the first.
  const third = await Tab.follow(await elsewhere.newPage(), await stays.link())
  await expectLinks([stays, third], 'direct')
  await expect(stranger.state).toHaveText('alone')
  expect(presence.hidden).toBeGreaterThan(0)
  await elsewhere.close()
})

/** The JIDs that lie in the page's storage. */
function rememberedBy(page: Page): Promise<string[]> {
  return page.evaluate(
    () =>
      new Promise<string[]>((resolve, reject) => {
        const opening = indexedDB.open('overture')
        opening.onerror = () => reject(opening.error)
        opening.onsuccess = () => {
          const all = opening.result.transaction('values').objectStore('values').getAll()
          all.onerror = () => reject(all.error)
          all.onsuccess = () => {
            opening.result.close()
            const lists: unknown[] = all.result.filter(Array.isArray).flat()
            resolve(lists.map((each) => (each as { endpoint: string }).endpoint.replace('xmpp:', '')))
          }
        }
      }),
  )
}
