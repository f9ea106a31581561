/** Is `dist/lib` what the README says it is? Its example really runs, and its types stand on their own. */
import { expect, type Page, test } from '@playwright/test'
import { compileAgainstLibrary } from './library-page/consumer.ts'
import { readmeExample, startLibraryPage } from './library-page/library-page.ts'

const MAX_EXAMPLE_LINES = 10
const TOGETHER = { timeout: 20_000 } // A guess: two tabs take less than a second.

test("two tabs of the README's example see each other and talk", async ({ browser }) => {
  const server = await startLibraryPage()
  const contexts = [await browser.newContext(), await browser.newContext()] as const
  try {
    const first = await open(await contexts[0].newPage(), server.url)
    const second = await open(await contexts[1].newPage(), server.url)

    const secondAddress = await theOnePeerSeenBy(first)
    const firstAddress = await theOnePeerSeenBy(second)
    expect(firstAddress).not.toBe(secondAddress)

    await say(first, 'Is there tea?')
    await expect(logOf(second)).toContainText(`${firstAddress}: Is there tea?`)
    await say(second, 'And cake.')
    await expect(logOf(first)).toContainText(`${secondAddress}: And cake.`)

    await first.close({ runBeforeUnload: true })
    await expect(logOf(second)).toContainText(`${firstAddress} left`)
  } finally {
    for (const context of contexts) await context.close()
    await server.stop()
  }
})

test("the README's example is a page of ten lines", async () => {
  expect((await readmeExample()).trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_EXAMPLE_LINES)
})

test('a strict program compiles against the library alone', async () => {
  const complaints = await compileAgainstLibrary(`
    import { type Address, join, OvertureError, type Ring } from 'overture'

    const ring: Ring = await join({ namespace: 'tea-room/1', xmpp: { service: 'wss://example.org/xmpp-websocket' } })
    const addresses: Address[] = [...ring.peers.values()].map(({ address }) => address)
    const stop: () => void = ring.on('message', ({ from, data }) => void ring.send(from, data).catch(failed))
    const kind: 'direct' | 'turn' | 'tunnel' | 'subring' | 'relay' | undefined = ring.snapshot().peers[0]?.kind
    function failed(error: unknown) {
      if (error instanceof OvertureError) console.log(error.code, addresses.length, kind, stop)
    }
  `)
  expect(complaints).toBe('')
})

test('the library has types that tell right from wrong', async () => {
  const complaints = await compileAgainstLibrary(`
    import { join } from 'overture'

    const ring = await join({ namespace: 1, xmpp: { service: 'wss://example.org/xmpp-websocket' } })
    ring.on('mesage', () => {})
    ring.snapshot().peers[0].rttMs.toFixed()
    await ring.send('juliet', new Uint8Array())
  `)
  const places = [...complaints.matchAll(/program\.ts\((\d+),/g)].map(([, line]) => Number(line))
  expect([...new Set(places)]).toEqual([4, 5, 6, 7])
})

async function open(page: Page, url: string): Promise<Page> {
  await page.goto(url)
  return page
}

function logOf(page: Page) {
  return page.locator('#log')
}

/** Fails where it sees nobody, or somebody else. */
async function theOnePeerSeenBy(page: Page): Promise<string> {
  await expect(logOf(page)).toContainText(/[0-9a-f]{40} joined/, TOGETHER)
  const text = (await logOf(page).textContent()) ?? ''
  const seen = [...text.matchAll(/([0-9a-f]{40}) joined/g)].map(([, address]) => address)
  expect(seen).toHaveLength(1)
  return seen[0] as string
}

async function say(page: Page, text: string): Promise<void> {
  await page.locator('#say').fill(text)
  await page.locator('#say').press('Enter')
}
