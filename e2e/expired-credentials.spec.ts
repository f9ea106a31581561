/**
 * What if the credentials have expired that an XMPP service gives for its TURN server? A real coturn refuses them to
 * pages that can reach nothing else: the relay carries the ring, what is wrong can be read, and new ones are used when
 * there are any.
 */
import { expect } from '@playwright/test'
import { createXmppService, type ListeningService } from '../src/service/xmpp-service.ts'
import { type AppServer, startAppServer } from './app-server.ts'
import { type Coturn, startCoturn, turnCredentials } from './coturn.ts'
import { expectAllListed, expectLinks, expectOneRing, openTabs, type Tab, test } from './tabs.ts'

const HOUR_MS = 3_600_000
/** A service is asked anew no earlier than after half a minute, and a link tried again some time after. */
const RENEWED = { timeout: 150_000, intervals: [250] }

let coturn: Coturn
let service: ListeningService
let app: AppServer
let lifeMs: number

test.beforeAll(async () => {
  coturn = await startCoturn()
  const { host, port, secret } = coturn
  // It does not say when they end, so that nobody but the TURN server knows that they have.
  const turn = () =>
    ({ type: 'turn', host, port, transport: 'udp', ...turnCredentials(secret, Date.now() + lifeMs) }) as const
  service = await createXmppService({ externalServices: () => [turn()] }).listen()
  app = await startAppServer({ xmppService: service.url, xmppDomain: 'localhost' })
})

test.afterAll(async () => {
  await app?.stop()
  await service?.close()
  await coturn?.stop()
})

test('with expired credentials the relay carries the ring, the cause is told, and new ones are asked for and used', async ({
  context,
}) => {
  test.setTimeout(240_000)
  await context.addInitScript(() => {
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: 'relay' })
      }
    }
  })
  lifeMs = -HOUR_MS
  const tabs = await openTabs(context, app.url, 'Expired', 2)
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  for (const tab of tabs) {
    await expect.poll(() => countOf(tab, 'reflection: refused by a TURN server'), RENEWED).toBeGreaterThan(0)
    expect(await tab.kinds()).toEqual(['relay'])
  }
  // The end that offered knows what came of it.
  await expect
    .poll(async () => (await Promise.all(tabs.map(whyFailed))).flat(), RENEWED)
    .toContainEqual(expect.stringMatching(/^link failed: (ice failed|timeout, ice \w+)$/))
  for (const tab of tabs) {
    await expect.poll(() => countOf(tab, 'webrtc: credentials refused')).toBeGreaterThan(0)
  }
  const [first, second] = tabs as [Tab, Tab]
  await first.sayToAll('by the relay')
  await expect(second.message('by the relay')).toHaveCount(1)

  lifeMs = HOUR_MS
  for (const tab of tabs) await expect.poll(() => tab.kinds(), RENEWED).toEqual(['turn'])
  await expectLinks(tabs, 'turn')
  await second.sayToAll('through the server')
  await expect(first.message('through the server')).toHaveCount(1)
})

async function countOf(tab: Tab, what: string): Promise<number> {
  return (await tab.snapshot()).counters[what] ?? 0
}

async function whyFailed(tab: Tab): Promise<string[]> {
  return Object.keys((await tab.snapshot()).counters).filter((what) => what.startsWith('link failed'))
}
