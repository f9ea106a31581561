import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import type { Connector, SeekAnswer } from './connector.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { MAX_ON_DEMAND, OnDemandOverlord } from './on-demand-overlord.ts'
import { hasRole, NO_ROLES, ON_DEMAND } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { connect, randomAddresses } from './test-ring.ts'

const self = nodeAddress(new Uint8Array(20).fill(100))
const others = randomAddresses(400, seededRandom(1))
const [other] = others as [Address]

function setup() {
  const table = new ConnectionTable(self)
  const core = {
    config: nodeConfig({ address: self, incarnation: 1, namespace: 'a'.repeat(40), transports: [] }),
    table,
    nowMs: 0,
    count: () => undefined,
  }
  const asked: { to: Address; answer: (answer: SeekAnswer | undefined) => void }[] = []
  const connector = {
    seek: (to: Address, _mode: string, _role: number, answer: (answer: SeekAnswer | undefined) => void) =>
      asked.push({ to, answer }),
  }
  const overlord = new OnDemandOverlord(core as unknown as NodeCore, connector as unknown as Connector)
  const talk = (to: Address, messages = 8) => {
    for (let count = 0; count < messages; count++) overlord.sent(to, 100)
  }
  return { table, core, asked, overlord, talk }
}

describe('a link for traffic is asked for', () => {
  test('once, when enough was sent within some seconds', () => {
    const { asked, talk, core } = setup()
    talk(other, 7)
    expect(asked).toHaveLength(0)
    core.nowMs = 10_000
    talk(other, 7)
    expect(asked).toHaveLength(0)
    talk(other, 50)
    expect(asked.map(({ to }) => to)).toEqual([other])
  })

  test('with a limited number of nodes at once', () => {
    const { asked, talk, table, overlord } = setup()
    for (const to of others) talk(to)
    expect(asked).toHaveLength(MAX_ON_DEMAND)
    for (const { to } of asked) connect(table, to, NO_ROLES)
    overlord.review()
    expect([...table.all()].every(({ roles }) => hasRole(roles, ON_DEMAND))).toBe(true)
    const [stranger, held] = others.slice(-2) as [Address, Address]
    overlord.hold(held, true)
    // Two overlays within this one have both ends hold it: whoever asks first would be refused by the other.
    expect([overlord.admits(stranger), overlord.admits(held)]).toEqual([false, true])
  })

  test('again after a while, when nobody answered, or no link came of it', () => {
    for (const fails of ['answer', 'time'] as const) {
      const { asked, talk, core, overlord } = setup()
      talk(other)
      if (fails === 'answer') asked[0]?.answer(undefined)
      else core.nowMs = overlord.deadlineMs as number
      overlord.wake()
      expect(overlord.deadlineMs).toBeUndefined()
      talk(other, 50)
      expect(asked).toHaveLength(1)
      core.nowMs += 15_000
      talk(other)
      expect(asked).toHaveLength(2)
    }
  })
})

describe('a link that nobody needs any more', () => {
  test('is taken over for the traffic that goes over it, and given up when that rests', () => {
    const { core, overlord, table } = setup()
    const [used, unused] = others.slice(0, 2).map((address) => connect(table, address, NO_ROLES))
    overlord.received(others[0] as Address)
    overlord.review()
    expect([used?.roles, unused?.roles]).toEqual([ON_DEMAND, NO_ROLES])
    core.nowMs = 50_000
    overlord.sent(others[0] as Address, 100)
    core.nowMs = overlord.deadlineMs as number
    overlord.wake()
    expect(used?.roles).toBe(ON_DEMAND)
    core.nowMs = overlord.deadlineMs as number
    expect(core.nowMs).toBe(50_000 + core.config.profile.onDemandIdleMs)
    overlord.wake()
    expect(used?.roles).toBe(NO_ROLES)
    expect(overlord.deadlineMs).toBeUndefined()
  })
})
