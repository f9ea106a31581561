/** Do two come to know each other over a ring that loses what they say, and nobody else in their names? */
import { describe, expect, test, vi } from 'vitest'
import type { Address } from '../overlay/address.ts'
import type { Clock } from '../ports.ts'
import { identityOf, SEED_BYTES } from '../security/identity.ts'
import { timerClock } from '../xmpp/stanza-exchange.ts'
import { Introductions, MAX_ANSWERED } from './introductions.ts'

const PATIENCE = { timeout: 10_000 }
const NAMESPACE = 'd'.repeat(40)
const filled = (value: number) => new Uint8Array(32).fill(value)
const HELLO = Uint8Array.of(1, 2, 3)
const FIRST = 0xe0

type One = { address: Address; introductions: Introductions; introduced: Address[]; said: Uint8Array[] }
/** What becomes of a signal. */
type Carrying = (signal: Uint8Array, from: One, to: One) => Uint8Array[]

class Carrier {
  readonly all = new Map<Address, One>()
  carrying: Carrying = (signal) => [signal]

  /** `claimed`: the address that it goes by, where that is not its own. */
  async add(
    seed: number,
    { psk = filled(9), claimed, clock = timerClock }: { psk?: Uint8Array; claimed?: Address; clock?: Clock } = {},
  ): Promise<One> {
    const { address: own, keyPair } = await identityOf(new Uint8Array(SEED_BYTES).fill(seed))
    const address = claimed ?? own
    const introductions = new Introductions({ address, keyPair, psk, namespaceHash: NAMESPACE, clock })
    const one: One = { address, introductions, introduced: [], said: [] }
    introductions.carryBy({
      introduced: (to) => one.introduced.push(to),
      signal: (to, signal) => {
        one.said.push(signal)
        const far = this.all.get(to)
        if (!far) return
        for (const each of this.carrying(signal, one, far)) {
          queueMicrotask(() => far.introductions.receive(address, each.slice()))
        }
      },
    })
    this.all.set(address, one)
    return one
  }
}

async function two(): Promise<{ carrier: Carrier; low: One; high: One }> {
  const carrier = new Carrier()
  const ends = [await carrier.add(1), await carrier.add(2)]
  const [low, high] = ends.sort((a, b) => (a.address < b.address ? -1 : 1)) as [One, One]
  return { carrier, low, high }
}

async function expectIntroduced(one: One, other: One): Promise<void> {
  await vi.waitFor(() => {
    expect([one.introduced.length, other.introduced.length].every((count) => count > 0)).toBe(true)
  }, PATIENCE)
  for (const [from, to] of [[one, other] as const, [other, one] as const]) {
    const sealed = from.introductions.sealer.seal(to.address, HELLO) as Uint8Array
    expect(to.introductions.sealer.open(from.address, sealed)).toEqual(HELLO)
  }
}

const droppedBy = ({ introductions }: One) => Object.fromEntries(introductions.dropped)

describe('two nodes', () => {
  test('come to know each other, and each can open what the other seals', async () => {
    const { low, high } = await two()
    low.introductions.introduce(high.address, 'to-send')
    await expectIntroduced(low, high)
    expect([low.said.length, high.said.length]).toEqual([2, 2])
    expect([low.introduced, high.introduced]).toEqual([[high.address], [low.address]])
  })

  test('that ask at once come to know each other once: the lower address stands', async () => {
    const { low, high } = await two()
    for (const [one, other] of [[low, high] as const, [high, low] as const]) {
      one.introductions.introduce(other.address, 'to-send')
    }
    await expectIntroduced(low, high)
    expect([low.introduced, high.introduced]).toEqual([[high.address], [low.address]])
    expect(droppedBy(low)).toEqual({ 'tie-break': 1 })
  })

  test.each([0, 1, 2, 3])('come to know each other though signal %i of four is lost', async (lost) => {
    const { carrier, low, high } = await two()
    let losses = 0
    carrier.carrying = (signal) => (signal[0] === FIRST + lost && losses++ === 0 ? [] : [signal])
    low.introductions.introduce(high.address, 'to-send')
    await expectIntroduced(low, high)
    expect(losses).toBeGreaterThan(0)
  })

  test('come to know each other once though each signal comes thrice', async () => {
    const { carrier, low, high } = await two()
    carrier.carrying = (signal) => [signal, signal, signal]
    low.introductions.introduce(high.address, 'to-send')
    await expectIntroduced(low, high)
    expect([low.introduced.length, high.introduced.length]).toEqual([1, 1])
  })

  test('do not, if they do not know the same secret', async () => {
    const carrier = new Carrier()
    const [insider, outsider] = [await carrier.add(1), await carrier.add(2, { psk: filled(8) })]
    outsider.introductions.introduce(insider.address, 'to-send')
    await vi.waitFor(() => expect(droppedBy(insider)).toEqual({ 'wrong-secret': 1 }), PATIENCE)
    expect([insider.introduced, outsider.introduced]).toEqual([[], []])
    expect(insider.introductions.sealer.knows(outsider.address)).toBe(false)
  })
})

describe('a member that says it is another', () => {
  const ADDRESS = '0000000000000000000000000000000000000002' as Address

  test('is not taken for it when it asks', async () => {
    const carrier = new Carrier()
    const [honest, liar] = [await carrier.add(1), await carrier.add(2, { claimed: ADDRESS })]
    liar.introductions.introduce(honest.address, 'to-send')
    await vi.waitFor(() => expect(droppedBy(honest)).toEqual({ 'another’s address': 1 }), PATIENCE)
    expect(honest.introductions.sealer.knows(ADDRESS)).toBe(false)
  })

  test('is not taken for it when it answers', async () => {
    const carrier = new Carrier()
    const [honest] = [await carrier.add(1), await carrier.add(2, { claimed: ADDRESS })]
    honest.introductions.introduce(ADDRESS, 'to-send')
    await vi.waitFor(() => expect(droppedBy(honest)).toEqual({ 'another’s address': 1 }), PATIENCE)
    expect(honest.introductions.sealer.knows(ADDRESS)).toBe(false)
  })
})

describe('whoever carries signals', () => {
  test.each([0, 1, 2, 3])('cannot change signal %i of four unseen', async (which) => {
    const { carrier, low, high } = await two()
    carrier.carrying = (signal) => [
      signal[0] === FIRST + which ? signal.map((byte, at) => (at === signal.length - 1 ? byte ^ 1 : byte)) : signal,
    ]
    low.introductions.introduce(high.address, 'to-send')
    const refusals = () => ({ ...droppedBy(low), ...droppedBy(high) })
    await vi.waitFor(() => expect(Object.keys(refusals()).length).toBeGreaterThan(0), PATIENCE)
    expect(low.introductions.sealer.knows(high.address)).toBe(false)
    for (const { introductions } of [low, high]) introductions.close()
  })

  test('makes us answer no more than so often, however many names there are', async () => {
    const { low, high } = await two()
    low.introductions.introduce(high.address, 'to-send')
    await vi.waitFor(() => expect(low.said).toHaveLength(2), PATIENCE)
    const [first] = low.said as [Uint8Array]
    for (let number = 0; number < 4 * MAX_ANSWERED; number++) {
      const name = (2 * number + 2).toString(16).padStart(40, '0') as Address
      high.introductions.receive(name, first.slice())
    }
    expect(droppedBy(high)['too many at once']).toBeGreaterThan(2 * MAX_ANSWERED)
    for (const { introductions } of [low, high]) introductions.close()
  })

  test('makes us keep no more than so many, and does not keep others from coming to know us', async () => {
    let nowMs = 0
    const clock = { now: () => nowMs, wakeAt: () => () => {} }
    const carrier = new Carrier()
    const [asked, asking] = [await carrier.add(1, { clock }), await carrier.add(2)]
    const first = Uint8Array.of(FIRST, ...new Uint8Array(8), ...new Uint8Array(48).fill(9))
    const flood = (count: number) => {
      for (let number = 0; number < count; number++, nowMs += 50) {
        const name = (2 * nowMs + 2).toString(16).padStart(40, '0') as Address
        asked.introductions.receive(name, first.slice())
        expect(asked.introductions.underWay).toBeLessThanOrEqual(MAX_ANSWERED)
      }
    }
    flood(3 * MAX_ANSWERED)
    carrier.carrying = (signal) => {
      flood(10)
      return [signal]
    }
    asking.introductions.introduce(asked.address, 'to-send')
    await expectIntroduced(asking, asked)
    asking.introductions.close()
  })

  test('makes us ask back about names that it makes up no more than so often', () => {
    return two().then(({ low }) => {
      for (let number = 1; number < 100; number++) {
        const name = (2 * number).toString(16).padStart(40, '0') as Address
        low.introductions.introduce(name, 'unknown-session')
        low.introductions.introduce(name, 'unknown-session')
      }
      expect(droppedBy(low)['asked back too often']).toBeGreaterThan(80)
      low.introductions.close()
    })
  })

  test('never makes us throw', async () => {
    const { low, high } = await two()
    for (let what = 0; what < 256; what++) {
      for (const length of [0, 1, 8, 9, 60, 200]) {
        const signal = Uint8Array.of(what, ...new Uint8Array(length))
        expect(low.introductions.receive(high.address, signal)).toBe(what >= 0xe0 && what <= 0xe3)
      }
    }
    low.introductions.close()
  })
})
