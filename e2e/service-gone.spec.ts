/**
 * What can a ring do whose XMPP service has stopped for good? Go on, make new direct links, and close itself when a tab
 * goes: what two must tell each other for a link travels through the others. And when there is a service again,
 * newcomers enter, and no link that stands is touched.
 */
import { type BrowserContext, expect, type Page } from '@playwright/test'
import type { Address } from '../src/overlay/address.ts'
import type { Snapshot } from '../src/peer/ring.ts'
import { createXmppService, type ListeningService } from '../src/service/xmpp-service.ts'
import type {} from './bare-page/bare-page.ts'
import { FORMED, test } from './tabs.ts'

declare global {
  interface Window {
    /** In the order in which they were made. */
    connections?: RTCPeerConnection[]
    /** What became of links since the page began to listen, such as `left 3f2a…`. */
    changes: string[]
  }
}

const TABS = 6
/** Links that were only passed through are given up after some ten seconds. */
const SETTLED = { timeout: 60_000, intervals: [100] }
/** More than makes a conversation, which is worth a link. */
const ENOUGH_MESSAGES = 20

let service: ListeningService | undefined

test.afterEach(async () => {
  await service?.close()
  service = undefined
})

test('without its service a ring makes new direct links and closes itself; newcomers enter when it is back', async ({
  app,
  context,
}) => {
  test.setTimeout(180_000)
  await countConnections(context)
  service = await createXmppService().listen()
  const port = Number(new URL(service.url).port)
  const xmpp = { service: service.url, domain: 'localhost' }
  // One neighbour on either side, so that not everybody is linked to everybody beforehand.
  const options = { namespace: crypto.randomUUID(), neighboursPerSide: 1, xmpp }
  const url = `${app.url}e2e/bare-page/index.html#${encodeURIComponent(JSON.stringify(options))}`
  let pages = await Promise.all(Array.from({ length: TABS }, () => openPage(context, url)))
  await expect.poll(async () => (await Promise.all(pages.map(unlinkedBy))).every((who) => who >= 2), SETTLED).toBe(true)
  await expectRing(pages)

  await service.close()
  for (const page of pages) await expect.poll(async () => (await snapshotOf(page)).service.name, FORMED).toBe('offline')
  await expectRing(pages)

  const [from, to] = await strangersAmong(pages)
  const { address } = await snapshotOf(to)
  await talk(from, address)
  await expect.poll(() => kindOfLink(from, address), { ...FORMED, message: 'the new link' }).toBe('direct')
  await expect.poll(() => kindOfLink(to, addressOf(from)), { ...FORMED, message: 'its other end' }).toBe('direct')

  // With both its neighbours on one side, whoever is left must find out who comes next.
  const leaver = await withUnlinkedNeighbours(pages)
  pages = pages.filter((page) => page !== leaver)
  await leaver.close()
  await expectRing(pages)
  const [a, b] = pages as [Page, Page]
  await talk(a, (await snapshotOf(b)).address)

  // While the ring heals, two dial each other at once, or make links that nobody needs, and give them up, service or not.
  await expect.poll(async () => (await Promise.all(pages.map(isSettled))).includes(false), SETTLED).toBe(false)
  for (const page of pages) await listen(page)
  service = await createXmppService().listen(port)
  for (const page of pages) await expect.poll(async () => (await snapshotOf(page)).service.name, SETTLED).toBe('online')
  for (const page of pages) expect(await changesOf(page)).toEqual([])
  const newcomer = await openPage(context, url)
  await expectRing([...pages, newcomer])
  for (const page of pages) {
    // Only those whom the newcomer has pushed from our side may have been let go, each with its one connection.
    const { near } = await snapshotOf(page)
    const changes = (await changesOf(page)).toSorted()
    const letGo = changes.filter((change) => change.startsWith('unlinked '))
    for (const beside of [near.left[0], near.right[0]]) expect(letGo).not.toContain(`unlinked ${beside}`)
    expect(changes).toEqual([...letGo.map(() => 'closed'), ...letGo])
  }
})

async function countConnections(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const connections: RTCPeerConnection[] = []
    window.connections = connections
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        connections.push(this)
      }
    }
  })
}

async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  return page
}

function snapshotOf(page: Page): Promise<Snapshot> {
  return page.evaluate(async () => (await window.ring).snapshot())
}

async function addressOf(page: Page): Promise<Address> {
  return (await snapshotOf(page)).address
}

async function kindOfLink(page: Page, address: Address | Promise<Address>): Promise<string | undefined> {
  const wanted = await address
  return (await snapshotOf(page)).peers.find((peer) => peer.address === wanted)?.kind
}

/** How many of the others this page has no direct link to. */
async function unlinkedBy(page: Page): Promise<number> {
  return TABS - 1 - (await snapshotOf(page)).peers.filter(({ kind }) => kind === 'direct').length
}

/** Each link has a purpose that lasts, which leading into the ring is not, and one connection. */
async function isSettled(page: Page): Promise<boolean> {
  const { peers } = await snapshotOf(page)
  const connected = await page.evaluate(
    () => window.connections?.filter(({ connectionState }) => connectionState === 'connected').length,
  )
  return (
    peers.every(({ roles }) => roles.some((role) => role !== 'leaf')) &&
    connected === peers.filter(({ kind }) => kind === 'direct').length
  )
}

function changesOf(page: Page): Promise<string[]> {
  return page.evaluate(() => window.changes)
}

/** Each page is linked directly to those who are next to it. */
async function expectRing(pages: Page[]): Promise<void> {
  await expect.poll(() => faultsOfRing(pages), { ...SETTLED, message: 'what is wrong with the ring' }).toEqual([])
}

async function faultsOfRing(pages: Page[]): Promise<string[]> {
  const snapshots = await inRingOrder(pages)
  return snapshots.flatMap(({ snapshot: { address, state, near, peers } }, place) => {
    const next = [near.left[0], near.right[0]]
    const wanted = [snapshots.at((place + 1) % snapshots.length), snapshots.at(place - 1)]
    const kinds = next.map((neighbour) => peers.find((peer) => peer.address === neighbour)?.kind)
    const faults: string[] = []
    if (state !== 'connected') faults.push(`${address} is ${state}`)
    if (wanted.some((each, side) => each?.snapshot.address !== next[side])) faults.push(`${address} is next to ${next}`)
    if (kinds.some((kind) => kind !== 'direct')) faults.push(`${address} is linked by ${kinds}`)
    return faults
  })
}

async function inRingOrder(pages: Page[]): Promise<{ page: Page; snapshot: Snapshot }[]> {
  const all = await Promise.all(pages.map(async (page) => ({ page, snapshot: await snapshotOf(page) })))
  return all.sort((a, b) => (a.snapshot.address < b.snapshot.address ? -1 : 1))
}

/** Two that have no link. */
async function strangersAmong(pages: Page[]): Promise<[Page, Page]> {
  const all = await inRingOrder(pages)
  for (const a of all) {
    const b = all.find((each) => each !== a && !isLinked(a.snapshot, each.snapshot))
    if (b) return [a.page, b.page]
  }
  throw new Error('Everybody is linked to everybody.')
}

/** One whose neighbours have no link to each other. */
async function withUnlinkedNeighbours(pages: Page[]): Promise<Page> {
  const all = await inRingOrder(pages)
  const found = all.find((_, place) => {
    const [left, right] = [all.at((place + 1) % all.length), all.at(place - 1)]
    return left && right && !isLinked(left.snapshot, right.snapshot)
  })
  if (!found) throw new Error('All neighbours of neighbours are linked.')
  return found.page
}

function isLinked(a: Snapshot, b: Snapshot): boolean {
  return a.peers.some(({ address }) => address === b.address)
}

/** All of it arrives. */
async function talk(from: Page, to: Address): Promise<void> {
  await from.evaluate(
    async ({ to, count }) => {
      const ring = await window.ring
      for (let sent = 0; sent < count; sent++) await ring.send(to, Uint8Array.of(1))
    },
    { to, count: ENOUGH_MESSAGES },
  )
}

/** From now on the page notes what becomes of the links that it has, and of the connections below them. */
async function listen(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const changes: string[] = []
    window.changes = changes
    const ring = await window.ring
    const linked = new Set(ring.peers.keys())
    ring.on('peer', ({ type, peer }) => {
      if ((type === 'left' || type === 'unlinked') && linked.has(peer.address)) changes.push(`${type} ${peer.address}`)
    })
    for (const connection of window.connections ?? []) {
      if (connection.connectionState !== 'connected') continue
      connection.addEventListener('connectionstatechange', () => changes.push(connection.connectionState))
      // A connection that its own page closes says nothing.
      const { close } = connection
      connection.close = () => {
        changes.push('closed')
        close.call(connection)
      }
    }
  })
}
