/** Do twelve tabs, enough for a ring to have shortcuts, use what a large ring is made of, over real channels? */
import { expect } from '@playwright/test'
import type { Snapshot } from '../src/peer/ring.ts'
import { expectAllListed, expectOneRing, FORMED, openTabs, type Tab, test } from './tabs.ts'

/** A guess: twelve tabs on two busy cores. */
const SETTLED = { timeout: 90_000, intervals: [250] }
/** More messages than go by way of others before a link is made for them. */
const TALKATIVE = 16

test('twelve tabs have shortcuts, hear each broadcast once, and are linked for traffic to whom they were not', async ({
  app,
  context,
}) => {
  test.setTimeout(240_000)
  const tabs = await openTabs(context, app.url, 'Twelve', 12)
  await expectOneRing(tabs)
  await expectAllListed(tabs)
  const snapshots = () => Promise.all(tabs.map((tab) => tab.snapshot()))
  const shortcuts = async () => (await snapshots()).reduce((sum, snapshot) => sum + snapshot.shortcuts.length, 0)
  await expect.poll(shortcuts, { ...SETTLED, message: 'shortcuts of all tabs' }).toBeGreaterThan(0)

  for (const tab of tabs) expect(asymmetries(await tab.snapshot(), await snapshots())).toEqual([])
  for (const [index, tab] of tabs.entries()) await tab.sayToAll(`from ${index} to all`)
  for (const [index] of tabs.entries()) {
    for (const tab of tabs) await expect(tab.message(`from ${index} to all`)).toHaveCount(1)
  }

  const pair = await expectUnlinkedPair(tabs)
  const rolesBetween = async () =>
    (await pair.from.snapshot()).peers.find(({ address }) => address === pair.address)?.roles ?? []
  for (let count = 0; count < TALKATIVE; count++) await pair.from.sayTo(pair.address, `number ${count}`)
  for (let count = 0; count < TALKATIVE; count++)
    await expect(pair.to.message(`number ${count}`)).toHaveCount(1, FORMED)
  // Where a probe has linked the two meanwhile, it is the traffic for which that link stays: so they go on talking.
  const rolesAfterOneMore = async () => {
    await pair.from.sayTo(pair.address, 'one more')
    return await rolesBetween()
  }
  await expect
    .poll(rolesAfterOneMore, {
      timeout: FORMED.timeout,
      intervals: [500],
      message: 'roles of the link made for traffic',
    })
    .toContain('on-demand')
})

/** Shortcuts of this tab at whose other end there is no such link. */
function asymmetries(own: Snapshot, all: Snapshot[]): string[] {
  return own.shortcuts.filter((address) => {
    const far = all.find((snapshot) => snapshot.address === address)
    return !far?.peers.some((peer) => peer.address === own.address)
  })
}

/** Two that have no link, which takes until surplus links are trimmed. */
async function expectUnlinkedPair(tabs: Tab[]): Promise<{ from: Tab; to: Tab; address: Snapshot['address'] }> {
  let found: { from: Tab; to: Tab; address: Snapshot['address'] } | undefined
  const look = async () => {
    for (const from of tabs) {
      const { address: self, peers } = await from.snapshot()
      const linked = new Set([self, ...peers.map(({ address }) => address)])
      for (const to of tabs) {
        const address = await to.address()
        if (!linked.has(address)) found = { from, to, address }
      }
      if (found) return true
    }
    return false
  }
  await expect.poll(look, { ...SETTLED, message: 'two without a link' }).toBe(true)
  if (!found) throw new Error('The poll has found a pair.')
  return found
}
