import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, apart, fractionOf, nodeAddress } from './address.ts'
import type { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import type { Effect } from './effects.ts'
import { GREETERS, Greeters, hasGreetersPlace } from './greeters.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { seededRandom } from './seeded-random.ts'
import { connect, randomAddresses } from './test-ring.ts'

const addresses = fc.uniqueArray(fc.uint8Array({ minLength: 20, maxLength: 20 }).map(nodeAddress), {
  minLength: 3,
  maxLength: 200,
})

describe('a greeter', () => {
  test('is, of any ring, who lives nearest to one of the places, as far as doubles tell, and nobody else', () => {
    fc.assert(
      fc.property(addresses, (nodes) => {
        const ring = [...nodes].sort()
        const at = (index: number) => ring[(index + ring.length) % ring.length] as Address
        const elected = ring.filter((self, index) => hasGreetersPlace(self, at(index + 1), at(index - 1)))
        const wayTo = (place: number) => (node: Address) => apart(fractionOf(node), place)
        const nearest = new Set<Address>()
        for (let index = 0; index < GREETERS; index++) {
          const ways = ring.map(wayTo(index / GREETERS))
          nearest.add(ring[ways.indexOf(Math.min(...ways))] as Address)
        }
        expect(elected).toEqual(ring.filter((node) => nearest.has(node)))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a node', () => {
  /** Of a ring of so many; it knows those next to it, and what they name. */
  function setup(count: number) {
    const ring = randomAddresses(count, seededRandom(7)).sort()
    // In the middle between two places: no greeter.
    const self = `08${'0'.repeat(38)}` as Address
    const table = new ConnectionTable(self)
    const [left, right] = [ring.find((each) => each > self), ring.findLast((each) => each < self) ?? ring.at(-1)]
    for (const address of ring) connect(table, address)
    const effects: Effect[] = []
    const config = nodeConfig({ address: self, incarnation: 1, namespace: 'a'.repeat(40), transports: [] })
    const core = { config, table, nowMs: 0, random: () => 0.5, emit: (effect: Effect) => effects.push(effect) }
    const asking = { until: 0 }
    const hosts = {
      known: 3,
      get unanswered() {
        return core.nowMs < asking.until ? 1 : 0
      },
    }
    const greeters = new Greeters(core as unknown as NodeCore, () => [left, right], hosts)
    const pass = () => {
      // Who seeks goes on saying so.
      const endMs = core.nowMs + 20_000
      while (greeters.deadlineMs !== undefined && greeters.deadlineMs < endMs) {
        core.nowMs = greeters.deadlineMs
        greeters.wake()
      }
    }
    const become = (connected: boolean) => {
      effects.length = 0
      greeters.review(connected)
      pass()
      return effects.flatMap((effect) => (effect.type === 'visibility' ? [effect.visibility] : []))
    }
    return { greeters, become, core, asking }
  }

  test('that is not let in seeks', () => {
    expect(new Set(setup(5).become(false))).toEqual(new Set(['seeking']))
  })

  test('that may yet be let in by somebody it has asked waits for that, and not for ever', () => {
    const shownAtMs = (untilMs: number) => {
      const it = setup(5)
      it.asking.until = untilMs
      it.greeters.review(false)
      while (it.greeters.visibility === 'newcomer') {
        it.core.nowMs = it.greeters.deadlineMs as number
        it.greeters.wake()
      }
      return it.core.nowMs
    }
    expect(shownAtMs(0)).toBeLessThan(8_000)
    expect(shownAtMs(8_000)).toBeGreaterThanOrEqual(8_000)
    expect(shownAtMs(60_000)).toBeLessThan(20_000)
  })

  test('that seeks says so again and again, and no more once it is let in', () => {
    const { become } = setup(5)
    expect(become(false).length).toBeGreaterThan(1)
    expect(become(true)).toEqual(['shown'])
  })

  test('of a small ring shows itself', () => {
    expect(setup(15).become(true)).toEqual(['shown'])
  })

  test('of a crowd is quiet where others live nearer to the places', () => {
    expect(setup(200).become(true)).toEqual(['quiet'])
  })

  test('that takes a crowd for less believes those it is linked to, if most of them say so', () => {
    const become = (howMany: number) => {
      const it = setup(15)
      for (const address of it.core.table.structured().slice(0, howMany)) {
        const connection = it.core.table.get(address) as Connection
        connection.status = { ...connection.status, size: 40 }
      }
      return it.become(true)
    }
    expect(become(8)).toEqual(['greeter'])
    expect(become(7)).toEqual(['shown'])
  })

  test('that was quiet and has lost its ring asks like a newcomer before it shows itself', () => {
    const { become } = setup(200)
    become(true)
    expect(become(false).slice(0, 2)).toEqual(['newcomer', 'seeking'])
  })

  test('that is in its ring again before long changes nothing', () => {
    const { greeters, become } = setup(200)
    become(true)
    greeters.review(false)
    expect(greeters.deadlineMs).toBeDefined()
    expect(become(true)).toEqual([])
  })
})
