import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import type { Connector, SeekAnswer } from './connector.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { hasRole, NEAR, NO_ROLES, type RoleBits, SHORTCUT } from './role.ts'
import { seededRandom } from './seeded-random.ts'
import { ShortcutOverlord } from './shortcut-overlord.ts'
import { connect, randomAddresses } from './test-ring.ts'

const self = nodeAddress(new Uint8Array(20).fill(100))
const DAY_MS = 86_400_000

/** An overlord whose ring has the size that it is told, and answers as it is told. */
function setup(size: number) {
  const table = new ConnectionTable(self)
  const ring = { size }
  table.estimateSize = () => ring.size
  const counters = new Map<string, number>()
  const core = {
    config: nodeConfig({ address: self, incarnation: 1, namespace: 'a'.repeat(40), transports: [] }),
    table,
    random: seededRandom(5),
    nowMs: 0,
    count: (reason: string) => counters.set(reason, (counters.get(reason) ?? 0) + 1),
  }
  const asked: { place: Address; answer: (answer: SeekAnswer | undefined) => void }[] = []
  const connector = {
    seek: (place: Address, _mode: string, _role: RoleBits, answer: (answer: SeekAnswer | undefined) => void) =>
      asked.push({ place, answer }),
  }
  const overlord = new ShortcutOverlord(core as unknown as NodeCore, connector as unknown as Connector)
  const random = seededRandom(9)
  for (const address of randomAddresses(4, random)) connect(table, address, NEAR)

  const pass = (ms: number) => {
    for (const untilMs = core.nowMs + ms; ; ) {
      overlord.review(true)
      const dueMs = overlord.deadlineMs
      core.nowMs = Math.max(core.nowMs, Math.min(dueMs ?? untilMs, untilMs))
      if (dueMs === undefined || dueMs > untilMs) return
      overlord.wake()
      overlord.review(true)
      if (overlord.deadlineMs !== undefined && overlord.deadlineMs <= core.nowMs) core.nowMs += 1
    }
  }
  /** Lets a stranger answer and link to us, as often as we ask. */
  const answerAll = () => {
    for (pass(60_000); asked.length > 0; pass(60_000)) {
      const [address] = randomAddresses(1, random) as [Address]
      asked.shift()?.answer({ from: address, full: false })
      connect(table, address, NO_ROLES)
    }
  }
  const ours = () => [...table.all()].filter(({ roles }) => hasRole(roles, SHORTCUT)).map(({ address }) => address)
  return { table, ring, core, asked, overlord, counters, pass, answerAll, ours }
}

describe('a node makes shortcuts', () => {
  for (const [size, wanted] of [
    [10, 0],
    [11, 2],
    [16, 2],
    [17, 3],
    [4_096, 6],
  ] as const) {
    test(`${wanted} of them in a ring of ${size}, and no more while it stays so`, () => {
      const { table, answerAll, ours } = setup(size)
      // Enough are known to believe the estimate.
      for (const address of randomAddresses(8, seededRandom(3))) connect(table, address, NO_ROLES)
      answerAll()
      expect(ours()).toHaveLength(wanted)
    })
  }

  test('only while it is connected', () => {
    const { overlord, core, asked } = setup(100)
    overlord.review(false)
    expect(overlord.deadlineMs).toBeUndefined()
    core.nowMs = DAY_MS
    overlord.wake()
    expect(asked).toHaveLength(0)
  })

  test('not for an estimate just above the limit while ten are known', () => {
    const { asked, pass } = setup(14)
    pass(DAY_MS)
    expect(asked).toHaveLength(0)
  })

  test('by another draw when who answers has enough, is linked already, or nobody answers; later and later', () => {
    const { table, asked, pass, core, counters } = setup(100)
    const near = table.structured()[0] as Address
    const answers: (SeekAnswer | undefined)[] = [
      { from: near, full: true },
      { from: near, full: false },
      undefined,
      undefined,
    ]
    const places = new Set<Address>()
    const waitsMs: number[] = []
    for (const answer of answers) {
      const beforeMs = core.nowMs
      while (asked.length === 0) pass(100)
      waitsMs.push(core.nowMs - beforeMs)
      const { place, answer: tell } = asked.shift() as (typeof asked)[number]
      places.add(place)
      tell(answer)
    }
    expect(places.size).toBe(answers.length)
    expect(waitsMs.at(-1)).toBeGreaterThan(4 * (waitsMs[0] as number))
    const reasons = ['shortcut: has enough', 'shortcut: known already', 'shortcut: no answer']
    expect([...counters.keys()]).toEqual(expect.arrayContaining(reasons))
  })

  test('again when one is lost', () => {
    const { table, answerAll, ours } = setup(100)
    answerAll()
    const [lost] = ours() as [Address]
    table.remove(table.get(lost) as never)
    answerAll()
    expect(ours()).toHaveLength(4)
    expect(ours()).not.toContain(lost)
  })

  test('anew only when the ring has doubled or halved since they were drawn, the new before the old go', () => {
    for (const [size, changed] of [
      [199, false],
      [51, false],
      [200, true],
      [50, true],
    ] as const) {
      const { ring, answerAll, ours, pass, asked } = setup(100)
      answerAll()
      const before = ours()
      ring.size = size
      pass(20_000)
      expect({ size, asked: asked.length > 0 }).toEqual({ size, asked: changed })
      if (changed) expect(ours()).toEqual(before)
      answerAll()
      pass(DAY_MS)
      const kept = before.filter((address) => ours().includes(address))
      expect({ size, kept: kept.length }).toEqual({ size, kept: changed ? 0 : before.length })
    }
  })
})

describe('a node gives up shortcuts', () => {
  test('that are more than twice those wanted, one after the other when it is quiet, and never the last wanted', () => {
    const { ring, answerAll, ours, pass } = setup(4_096)
    answerAll()
    expect(ours()).toHaveLength(6)
    ring.size = 12
    pass(DAY_MS)
    expect(ours().length).toBeLessThanOrEqual(4)
  })

  test('but leaves a link that is near its other role', () => {
    const { table, answerAll, ours, overlord } = setup(100)
    answerAll()
    const [address] = ours() as [Address]
    const connection = table.get(address)
    if (connection) connection.roles = (connection.roles | NEAR) as RoleBits
    table.changed()
    overlord.review(true)
    expect(ours()).not.toContain(address)
    expect(connection?.roles).toBe(NEAR)
  })

  test('that it dialled for one who asked, when that one says that it holds the link, or does not say so for long', () => {
    const { table, pass, overlord } = setup(100)
    const [said, silent] = randomAddresses(2, seededRandom(4)).map((address) => connect(table, address, SHORTCUT))
    if (said) said.status = { ...said.status, roles: SHORTCUT }
    table.changed()
    overlord.review(true)
    expect([said?.roles, silent?.roles]).toEqual([NO_ROLES, SHORTCUT])
    pass(11_000)
    expect(silent?.roles).toBe(NO_ROLES)
  })
})

describe('a node that is asked for shortcuts', () => {
  test('refuses beyond twice those that it wants itself, counting those it has just promised', () => {
    const { table, overlord, core, counters } = setup(100)
    for (const address of randomAddresses(5, seededRandom(4))) {
      const connection = connect(table, address, NO_ROLES)
      connection.status = { ...connection.status, roles: SHORTCUT }
    }
    expect([1, 2, 3, 4].map(() => overlord.admits())).toEqual([true, true, true, false])
    expect(counters.get('shortcut: refused, has enough')).toBe(1)
    core.nowMs += 60_000
    expect(overlord.admits()).toBe(true)
  })

  test('refuses all where a ring needs none', () => {
    expect(setup(9).overlord.admits()).toBe(false)
  })
})
