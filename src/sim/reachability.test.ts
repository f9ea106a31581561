import { describe, expect, test } from 'vitest'
import { canConnectDirectly } from './nat.ts'
import { Reachability } from './reachability.ts'

const NAMES = Array.from({ length: 100 }, (_, index) => `n${index}`)
const PAIRS = NAMES.flatMap((a, index) => NAMES.slice(index + 1).map((b): [string, string] => [a, b]))

function unreachableShare(seed: number, unreachable: number): number {
  const reachability = new Reachability({ seed, unreachable, nats: [] })
  return PAIRS.filter(([a, b]) => !reachability.any(a, b)).length / PAIRS.length
}

describe('pairs that cannot connect', () => {
  test('are as many as was asked for', () => {
    for (const share of [0.1, 0.3, 0.7]) expect(Math.abs(unreachableShare(1, share) - share)).toBeLessThan(0.03)
    expect(unreachableShare(1, 0)).toBe(0)
    expect(unreachableShare(1, 1)).toBe(1)
  })

  test('are the same both ways, and other ones for another seed', () => {
    const one = new Reachability({ seed: 1, unreachable: 0.3, nats: [] })
    const two = new Reachability({ seed: 2, unreachable: 0.3, nats: [] })
    for (const [a, b] of PAIRS) expect(one.any(a, b)).toBe(one.any(b, a))
    const differing = PAIRS.filter(([a, b]) => one.any(a, b) !== two.any(a, b)).length / PAIRS.length
    expect(Math.abs(differing - 2 * 0.3 * 0.7)).toBeLessThan(0.04)
  })

  test('have neither a relay nor a direct channel', () => {
    const reachability = new Reachability({ seed: 1, unreachable: 0.3, nats: [] })
    for (const [a, b] of PAIRS) expect(reachability.direct(a, b)).toBe(reachability.any(a, b))
  })
})

test('a pair has a direct channel when its NATs allow it, and a relay in any case', () => {
  const hard = { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' } as const
  const reachability = new Reachability({ seed: 3, unreachable: 0, nats: ['none', hard, 'udp-blocked'] })
  const met = new Set<boolean>()
  for (const [a, b] of PAIRS) {
    expect(reachability.any(a, b)).toBe(true)
    expect(reachability.direct(a, b)).toBe(canConnectDirectly(reachability.natOf(a), reachability.natOf(b)))
    met.add(reachability.direct(a, b))
  }
  expect(met).toEqual(new Set([true, false]))
})
