import { describe, expect, test } from 'vitest'
import type { Address } from './address.ts'
import { FairShare, type FloodKind, type Sharer, unitsOf } from './fair-share.ts'
import { seededRandom } from './seeded-random.ts'
import { randomAddresses } from './test-ring.ts'

const addresses = randomAddresses(64, seededRandom(1))
const at = (index: number) => addresses[index] as Address

function setup() {
  const counters = new Map<string, number>()
  const core = { nowMs: 1_000, count: (what: string) => counters.set(what, (counters.get(what) ?? 0) + 1) }
  const dropped: Address[] = []
  const shares = new FairShare(core, (address) => dropped.push(address))
  const link = (index: number): Sharer => ({ address: at(index), share: undefined })
  /** How many of so many a second are let through within a while, a thousandth of a second at a time. */
  const ask = (sharer: Sharer, kind: FloodKind, perSecond: number, seconds: number, origin?: Address) => {
    let through = 0
    for (let ms = 0, asked = 0; ms < 1_000 * seconds; ms++) {
      core.nowMs++
      for (; asked < (perSecond * ms) / 1_000; asked++) if (shares.admits(sharer, kind, 1, origin)) through++
    }
    return through
  }
  return { core, shares, counters, dropped, link, ask }
}

describe('a link', () => {
  test('that asks for no more than its allowance is never refused', () => {
    const { link, ask, counters } = setup()
    const far = link(1)
    ask(far, 'report', 20, 60)
    ask(far, 'request', 100, 60, far.address)
    expect([...counters]).toEqual([])
  })

  test('that asks for more gets its allowance and its burst, and the rest is counted', () => {
    const { link, ask, counters, dropped } = setup()
    const through = ask(link(1), 'report', 100, 20)
    expect(through).toBeGreaterThan(200 + 20 * 19)
    expect(through).toBeLessThan(200 + 20 * 21)
    expect(counters.get('flood: report')).toBe(2_000 - through)
    expect(dropped).toEqual([])
  })

  test('does not pay for what another asks, nor for what it asks of another kind', () => {
    const { link, ask } = setup()
    const [flooder, far] = [link(1), link(2)]
    ask(flooder, 'report', 100, 20)
    expect(ask(far, 'report', 20, 10)).toBe(200)
    expect(ask(flooder, 'request', 50, 1)).toBe(50)
  })

  test('has its burst again after a while', () => {
    const { core, shares, link, ask } = setup()
    const far = link(1)
    ask(far, 'report', 100, 20)
    core.nowMs += 10_000
    for (let asked = 0; asked < 200; asked++) expect(shares.admits(far, 'report')).toBe(true)
    expect(shares.admits(far, 'report')).toBe(false)
  })

  test('that was refused something does not get a new allowance by coming back', () => {
    const { shares, link, ask } = setup()
    const far = link(1)
    ask(far, 'report', 100, 20)
    shares.forget(far)
    expect(shares.admits(link(1), 'report')).toBe(false)
    expect(shares.admits(link(2), 'report')).toBe(true)
  })

  test('is charged for the bytes that are passed on for it', () => {
    const { shares, link } = setup()
    const far = link(1)
    let passed = 0
    while (shares.admits(far, 'packet', unitsOf(65_536), far.address)) passed++
    // Alone it has the free half, and its lane of the other one.
    expect(passed).toBe(Math.floor(4_000 / 65) + Math.floor(2_000 / 65))
  })
})

describe('a flood that comes by way of an honest link', () => {
  test('leaves room for what others send that way', () => {
    const { shares, link, core } = setup()
    const between = link(1)
    const lost = new Map<Address, number>()
    const flooder = at(2)
    for (let ms = 0; ms < 20_000; ms++) {
      core.nowMs++
      for (let burst = 0; burst < 40; burst++) shares.admits(between, 'packet', 1, flooder, false)
      const honest = at(3 + (ms % 60))
      if (!shares.admits(between, 'packet', 1, honest, false)) lost.set(honest, (lost.get(honest) ?? 0) + 1)
    }
    // The few that share the flooder's lane.
    expect(lost.size).toBeLessThan(8)
  })

  test('never costs it the link', () => {
    const { link, core, shares, dropped } = setup()
    const between = link(1)
    for (let ms = 0; ms < 20_000; ms++) {
      core.nowMs++
      for (let burst = 0; burst < 100; burst++) shares.admits(between, 'packet', 1, at(2), false)
    }
    expect(dropped).toEqual([])
  })
})

describe('a link whose far end itself floods ten times over', () => {
  test('for three seconds in a row is dropped, and none is made with that node for a minute', () => {
    const { core, shares, counters, link, ask, dropped } = setup()
    const far = link(1)
    ask(far, 'report', 2_000, 2.9)
    expect(dropped).toEqual([])
    ask(far, 'report', 2_000, 2)
    expect(dropped[0]).toBe(far.address)
    expect(counters.get('flood: link dropped')).toBeGreaterThan(0)
    const last = core.nowMs
    expect(shares.bars(far.address)).toBe(true)
    expect(shares.bars(at(2))).toBe(false)
    core.nowMs = last + 60_000
    expect(shares.bars(far.address)).toBe(false)
  })

  test('for a moment now and then is kept', () => {
    const { core, link, ask, dropped } = setup()
    const far = link(1)
    for (let turn = 0; turn < 10; turn++) {
      ask(far, 'report', 2_000, 2)
      core.nowMs += 5_000
    }
    expect(dropped).toEqual([])
  })
})

test('no more than so many who flooded are kept in mind', () => {
  const { core, shares } = setup()
  const many = randomAddresses(300, seededRandom(2))
  for (const address of many) {
    shares.bar(address)
    shares.forget({
      address,
      share: { buckets: {}, hasOverdrawn: true, secondEndsMs: 0, overdrawn: 0, secondsBeyond: 0 },
    })
  }
  core.nowMs++
  expect(many.filter((address) => shares.bars(address))).toHaveLength(256)
  expect(shares.owingCount).toBe(256)
})
