import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endpointOf } from '../overlay/endpoint.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { AttemptBudget, MAX_DIALS_PER_MINUTE, MAX_OFFERS_PER_MINUTE, MAX_OFFERS_PER_SENDER } from './attempt-budget.ts'

const from = (jid: string) => endpointOf('webrtc', jid)

function setUp() {
  const clock = new VirtualClock()
  return { clock, budget: new AttemptBudget(clock) }
}

describe('the attempt budget', () => {
  it('grants so many dials a minute, and again as the minute moves on', () => {
    const { clock, budget } = setUp()
    for (let i = 0; i < MAX_DIALS_PER_MINUTE; i += 1) expect(budget.takeDial()).toBeUndefined()
    expect(budget.takeDial()).toBe('too many attempts')
    clock.run(59_999)
    expect(budget.takeDial()).toBe('too many attempts')
    clock.run(1)
    expect(budget.takeDial()).toBeUndefined()
  })

  it('grants one sender a few offers', () => {
    const { budget } = setUp()
    for (let i = 0; i < MAX_OFFERS_PER_SENDER; i += 1) expect(budget.takeOffer(from('a@x/1'))).toBeUndefined()
    expect(budget.takeOffer(from('a@x/1'))).toBe('too many offers of one sender')
    expect(budget.takeOffer(from('a@x/2'))).toBeUndefined()
  })

  it('keeps half of the offers for others, however many resources a stranger has', () => {
    const { budget } = setUp()
    let granted = 0
    for (let i = 0; i < 1_000; i += 1) if (budget.takeOffer(from(`mallory@x/${i}`)) === undefined) granted += 1
    expect(granted).toBe(MAX_OFFERS_PER_MINUTE / 2)
    expect(budget.takeOffer(from('juliet@x/1'))).toBeUndefined()
  })

  it('keeps our own dials whole, however many offer to us', () => {
    const { budget } = setUp()
    for (let i = 0; i < 1_000; i += 1) budget.takeOffer(from(`${i}@x/1`))
    expect(budget.takeOffer(from('last@x/1'))).toBe('too many offers')
    expect(budget.takeDial()).toBeUndefined()
  })

  it('is never overdrawn in any minute, whatever is asked and when', () => {
    const ask = fc.record({ waitMs: fc.nat(3_000), who: fc.option(fc.nat(40), { nil: undefined }) })
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 400, size: 'max' }), (asks) => {
        const { clock, budget } = setUp()
        const grantedAtMs: number[] = []
        for (const { waitMs, who } of asks) {
          clock.run(waitMs % 7 === 0 ? waitMs : 0)
          const refusal = who === undefined ? budget.takeDial() : budget.takeOffer(from(`${who}@x/1`))
          if (refusal === undefined) grantedAtMs.push(clock.now())
        }
        for (const startMs of grantedAtMs) {
          const within = grantedAtMs.filter((atMs) => atMs >= startMs && atMs < startMs + 60_000)
          expect(within.length).toBeLessThanOrEqual(MAX_DIALS_PER_MINUTE + MAX_OFFERS_PER_MINUTE)
        }
      }),
      { numRuns: 30 },
    )
  })
})
