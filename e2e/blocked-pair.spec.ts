/**
 * What becomes of two who cannot reach each other, in a ring in which everybody else can? Each candidate that one of the
 * two has of the other is replaced by an address at which nobody is (RFC 5737), however it was signalled, so that ICE
 * really tries and really fails; all other pairs are let alone.
 */
import { type BrowserContext, expect, type Page } from '@playwright/test'
import { expectAllListed, expectOneRing, FORMED, openTabs, Tab, test } from './tabs.ts'

declare global {
  interface Window {
    /** Tells whose connection this ICE user name fragment belongs to. */
    claimFragment(fragment: string): Promise<void>
    isBlocked(fragment: string): Promise<boolean>
  }
}

/** ICE gives a pair up after about 15 s, and the tunnel is tried after it. */
const TUNNELLED = { timeout: 60_000, intervals: [100] }

/** Pages of which no two reach each other. */
class BlockedPages {
  rewritten = 0
  readonly #owners = new Map<string, Page>()

  async open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage()
    await page.exposeFunction('claimFragment', (fragment: string) => void this.#owners.set(fragment, page))
    await page.exposeFunction('isBlocked', (fragment: string) => {
      const owner = this.#owners.get(fragment)
      const isBlocked = owner !== undefined && owner !== page
      if (isBlocked) this.rewritten++
      return isBlocked
    })
    await page.addInitScript(() => {
      const nobodysAddress = '192.0.2.1'
      const fragmentOf = (description: RTCSessionDescription | null) =>
        /^a=ice-ufrag:(\S+)/m.exec(description?.sdp ?? '')?.[1] ?? ''
      const { setLocalDescription, addIceCandidate } = RTCPeerConnection.prototype as {
        setLocalDescription(description?: RTCLocalSessionDescriptionInit): Promise<void>
        addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void>
      }
      Object.assign(RTCPeerConnection.prototype, {
        // Claimed before anybody is told of the description.
        async setLocalDescription(this: RTCPeerConnection, description?: RTCLocalSessionDescriptionInit) {
          await setLocalDescription.call(this, description)
          await window.claimFragment(fragmentOf(this.localDescription))
        },
        async addIceCandidate(this: RTCPeerConnection, given?: RTCIceCandidateInit | null) {
          if (!given?.candidate || !(await window.isBlocked(fragmentOf(this.remoteDescription)))) {
            await addIceCandidate.call(this, given)
            return
          }
          const { candidate, sdpMid = null, sdpMLineIndex = null } = given
          const rewritten = candidate.split(' ').with(4, nobodysAddress).join(' ')
          await addIceCandidate.call(this, { candidate: rewritten, sdpMid, sdpMLineIndex })
        },
      })
    })
    return page
  }
}

test('a pair that cannot reach each other has a tunnel through the others, and all else is direct', async ({
  app,
  context,
}) => {
  test.setTimeout(180_000)
  const between = await openTabs(context, app.url, 'Pair', 2)
  const link = (await between[0]?.link()) ?? ''
  const blocked = new BlockedPages()
  const [pageA, pageB] = [await blocked.open(context), await blocked.open(context)]
  const [a, b] = [await Tab.follow(pageA, link), await Tab.follow(pageB, link)]
  const tabs = [a, b, ...between]
  await expectOneRing(tabs)
  await expectAllListed(tabs)

  const [addressA, addressB] = [await a.address(), await b.address()]
  const kindAt = async (tab: Tab, address: string) =>
    (await tab.snapshot()).peers.find((peer) => peer.address === address)?.kind
  await expect.poll(() => kindAt(a, addressB), { ...TUNNELLED, message: 'how a is linked to b' }).toBe('tunnel')
  await expect.poll(() => kindAt(b, addressA), { ...TUNNELLED, message: 'how b is linked to a' }).toBe('tunnel')
  expect(blocked.rewritten).toBeGreaterThan(0)
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
