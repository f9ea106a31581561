import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

/** Around the wheel's span, and fractions of a millisecond. */
const delays = fc.oneof(fc.nat(20), fc.nat(10_000), fc.double({ min: 0, max: 5, noNaN: true }))

describe('a virtual clock', () => {
  test('runs events by time, and those of one instant in the order they were set in', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(delays, fc.array(delays, { maxLength: 3 })), { maxLength: 30 }), (plan) => {
        const clock = new VirtualClock()
        const ran: { at: number; order: number }[] = []
        let orders = 0
        const set = (delay: number, more: number[]) => {
          const at = clock.now() + delay
          const order = orders++
          clock.callAt(at, () => {
            expect(clock.now()).toBe(at)
            ran.push({ at, order })
            for (const later of more) set(later, [])
          })
        }
        for (const [delay, more] of plan) set(delay, more)
        for (let step = 0; step < 50; step++) clock.run(step % 3 === 0 ? 7.5 : 800)
        expect(ran.length).toBe(orders)
        expect(ran).toEqual([...ran].sort((a, b) => a.at - b.at || a.order - b.order))
      }),
    )
  })

  test('never runs what was cancelled, however many were', () => {
    const clock = new VirtualClock()
    const ran: number[] = []
    const cancels = Array.from({ length: 5_000 }, (_, index) => clock.wakeAt(index * 10, () => ran.push(index)))
    for (const [index, cancel] of cancels.entries()) if (index % 5 !== 0) cancel()
    clock.run(60_000)
    expect(ran).toEqual(Array.from({ length: 1_000 }, (_, index) => 5 * index))
    expect(clock.events).toBe(1_000)
  })

  test('lets one event cancel another of the same instant', () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    clock.callAt(5, () => {
      ran.push('first')
      cancel()
    })
    const cancel = clock.wakeAt(5, () => ran.push('second'))
    clock.run(10)
    expect(ran).toEqual(['first'])
  })

  test('stands at the end of a run although nothing was due there', () => {
    const clock = new VirtualClock()
    clock.run(12_345.5)
    expect(clock.now()).toBe(12_345.5)
    const ran: number[] = []
    clock.callAt(12_345, () => ran.push(clock.now()))
    clock.run(0)
    expect(ran).toEqual([12_345.5])
  })
})
