/**
 * Can two who let each other's packets through nowhere talk by a TURN server that their XMPP service names? Over UDP,
 * TCP and TLS, each alone, with a real Prosody and a real coturn; pages that take relayed candidates only stand for the
 * networks.
 */
import { type BrowserContext, expect } from '@playwright/test'
import { type AppServer, startAppServer } from './app-server.ts'
import { type Coturn, startCoturn } from './coturn.ts'
import { CHROMIUM } from './install.ts'
import { startProsody } from './prosody.ts'
import { expectAllListed, expectLinks, FORMED, openTabs, type Tab, test } from './tabs.ts'
import type { XmppServer } from './xmpp-server.ts'

/** Chromium asks a TURN server over TLS for a certificate that it trusts; that of the test's server is its own. */
test.use({ launchOptions: { executablePath: CHROMIUM, args: ['--ignore-certificate-errors'] } })

let coturn: Coturn
let prosody: XmppServer
let app: AppServer

test.beforeAll(async () => {
  coturn = await startCoturn()
  prosody = await startProsody({ turn: coturn })
  app = await startAppServer({ xmppService: prosody.service, xmppDomain: prosody.anonymousDomain })
})

test.afterAll(async () => {
  await app?.stop()
  await prosody?.stop()
  await coturn?.stop()
})

for (const { over, url } of [
  { over: 'udp', url: /^turn:.*=udp$/ },
  { over: 'tcp', url: /^turn:.*=tcp$/ },
  { over: 'tls', url: /^turns:/ },
]) {
  test(`two tabs that reach nothing but a TURN server over ${over} are linked through it and talk`, async ({
    context,
  }) => {
    await allowOnly(context, url)
    const tabs = await openTabs(context, app.url, `By ${over}`, 2)
    await expectLinks(tabs, 'turn')
    await expectAllListed(tabs)
    for (const tab of tabs) {
      await expect
        .poll(() => ownEndOfPath(tab), FORMED)
        .toEqual({ type: 'relay', protocol: 'udp', family: 'ipv4', relayProtocol: over })
    }
    const [first, second] = tabs as [Tab, Tab]
    await first.sayToAll('through the server')
    await expect(second.message('through the server')).toHaveCount(1)
    await second.sayTo(await first.address(), 'and back')
    await expect(first.message('and back')).toHaveCount(1)
    await expect(first.person(await second.address())).toHaveAttribute('data-kind', 'turn')
  })
}

/** No address that a candidate holds is told to anybody who reads the snapshot. */
async function ownEndOfPath(tab: Tab): Promise<unknown> {
  return (await tab.snapshot()).peers[0]?.candidatePair?.local
}

/** Of the servers that the page knows it gets those with such a URL, and of all paths those through them. */
async function allowOnly(context: BrowserContext, url: RegExp): Promise<void> {
  await context.addInitScript((pattern) => {
    const wanted = new RegExp(pattern)
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor({ iceServers = [] }: RTCConfiguration = {}) {
        super({ iceTransportPolicy: 'relay', iceServers: iceServers.filter(({ urls }) => wanted.test(String(urls))) })
      }
    }
  }, url.source)
}
