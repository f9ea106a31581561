/** Does a page find the service of a domain, and does it sign in there without showing the password? On a real Prosody. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, type Page } from '@playwright/test'
import { type Account, makeAccount } from './account.ts'
import { startProsody } from './prosody.ts'
import { Tab, test } from './tabs.ts'
import type { XmppServer } from './xmpp-server.ts'

let prosody: XmppServer
let account: Account
let web: Server
let host: string

test.beforeAll(async () => {
  prosody = await startProsody({ passwordHash: 'SHA-256' })
  account = await makeAccount(prosody)
  web = createServer(({ url }, response) => {
    const links = [{ rel: 'urn:xmpp:alt-connections:websocket', href: prosody.service }]
    response.setHeader('access-control-allow-origin', '*')
    response.writeHead(url === '/.well-known/host-meta.json' ? 200 : 404).end(JSON.stringify({ links }))
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(web.address() as AddressInfo).port}`
})

test.afterAll(async () => {
  await prosody?.stop()
  await new Promise((resolve) => web?.close(resolve))
})

test('a domain and an account lead in, and the password is not sent', async ({ app, page }) => {
  const sent = framesOf(page)
  await page.goto(app.url)
  await useAccount(page, account)
  await page.getByTestId('space-name').locator('input').fill('Balcony')
  await page.getByTestId('create-space').click()
  const tab = new Tab(page)
  await tab.entered()
  expect(await tab.jid()).toContain(account.jid)
  // Whoever follows the link looks for the service in the same way.
  expect(await tab.link()).toContain(`s=${encodeURIComponent(host)}`)
  const [username] = account.jid.split('@')
  expect(sent.join('\n')).toContain('mechanism="SCRAM-SHA-256"')
  expect(sent.join('\n')).not.toContain(btoa(`\0${username}\0${account.password}`))
})

test('a password is kept in the page alone, which says so, and a reload has forgotten it', async ({
  app,
  page,
  context,
}) => {
  await page.goto(app.url)
  await page.getByText('Use my own account').click()
  await expect(page.getByTestId('account-password')).toContainText('Kept in this page only; a reload asks again.')
  await page.reload()
  await useAccount(page, account)
  await page.getByTestId('space-name').locator('input').fill('Balcony')
  await page.getByTestId('create-space').click()
  await new Tab(page).entered()
  // The link names us, and the token for it is kept.
  await expect.poll(() => new Tab(page).link()).toContain('i=')
  const kept = `${JSON.stringify(await context.cookies())}${await page.evaluate(everythingStored)}`
  expect(kept).toContain('invitation-token')
  expect(kept).not.toContain(account.password)
  await page.goto('about:blank')
  await page.goto(app.url)
  await expect(page.getByText('Use my own account')).toBeVisible()
  expect(await page.evaluate(everythingStored)).not.toContain(account.password)
})

test('a wrong password is named', async ({ app, page }) => {
  await page.goto(app.url)
  await useAccount(page, { ...account, password: 'thorn' })
  await page.getByTestId('space-name').locator('input').fill('Balcony')
  await page.getByTestId('create-space').click()
  await expect(new Tab(page).errorSentence).toContainText(`does not accept this password for ${account.jid}`)
})

async function useAccount(page: Page, { jid, password }: Account): Promise<void> {
  await page.getByText('Use my own account').click()
  await page.getByTestId('account-service').locator('input').fill(host)
  await page.getByTestId('account-jid').locator('input').fill(jid)
  await page.getByTestId('account-password').locator('input').fill(password)
  await page.getByTestId('use-account').click()
  await expect(page.getByText(`Signing in as ${jid}`)).toBeVisible()
}

/** Runs in the page: all that outlives it, as one text. */
async function everythingStored(): Promise<string> {
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const values: unknown[] = [{ ...localStorage }, { ...sessionStorage }, history.state, await caches.keys()]
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name ?? ''))
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store)
      values.push(await done(objects.getAllKeys()), await done(objects.getAll()))
    }
    database.close()
  }
  return JSON.stringify(values)
}

/** What the page says over its WebSockets. */
function framesOf(page: Page): string[] {
  const sent: string[] = []
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(String(payload))))
  return sent
}
