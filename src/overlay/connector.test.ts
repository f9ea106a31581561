import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import type { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { Connector } from './connector.ts'
import type { Linker } from './linker.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { Requests } from './requests.ts'
import { NEAR } from './role.ts'
import { connect } from './test-ring.ts'
import type { Outbound } from './wire.ts'

const at = (place: number): Address => nodeAddress(new Uint8Array(20).fill(place))
const [self, wanted] = [at(10), at(40)]

/** A connector with two who can pass its requests on. */
function setup() {
  const table = new ConnectionTable(self)
  const informers: [Connection, Connection] = [connect(table, at(20)), connect(table, at(30))]
  for (const informer of informers) informer.status.neighbours = [wanted]
  const asked: Address[] = []
  const counted: string[] = []
  const expecting = { contact: false }
  const config = nodeConfig({ address: self, incarnation: 1, namespace: 'a'.repeat(40), transports: [] })
  // What a connector touches of a node, and no more.
  const core = {
    config,
    table,
    nowMs: 0,
    endpoints: [],
    count: (reason: string) => counted.push(reason),
    sendPacket: ({ destination }: Outbound) => asked.push(destination) > 0,
    statusFor: () => undefined,
  }
  const requests = new Requests(config.profile.request, () => undefined)
  const connector = new Connector(
    core as unknown as NodeCore,
    { isDialling: () => false } as unknown as Linker,
    requests,
    {
      forwardersFor: () => [],
      wanted: () => undefined,
      expectsFirstContact: () => expecting.contact,
      bars: () => false,
      admits: () => true,
    },
  )
  const nobodyAnswers = () => {
    while (requests.deadlineMs !== undefined) {
      core.nowMs = requests.deadlineMs
      requests.wake(core.nowMs)
    }
  }
  const die = (informer: Connection) => {
    table.remove(informer)
    connector.lost(informer)
  }
  return { core, connector, informers, asked, counted, expecting, nobodyAnswers, die }
}

describe('a node that is asked to connect', () => {
  test('is asked once, however many name it', () => {
    const { connector, informers, asked } = setup()
    for (const _ of informers) connector.connect(wanted, NEAR)
    expect(asked).toEqual([informers[0].address])
  })

  test('and does not answer is not asked again for a while', () => {
    const { connector, asked, nobodyAnswers } = setup()
    connector.connect(wanted, NEAR)
    nobodyAnswers()
    const before = asked.length
    expect(connector.shunnedUntilMs(wanted)).toBeDefined()
    connector.connect(wanted, NEAR)
    expect(asked).toHaveLength(before)
  })

  test('is not asked while it may be about to be linked by a first contact, and is when that takes too long', () => {
    const { core, connector, asked, expecting } = setup()
    expecting.contact = true
    connector.connect(wanted, NEAR)
    expect(asked).toEqual([])
    const { version } = core.table
    const untilMs = connector.deadlineMs as number
    core.nowMs = untilMs
    connector.wake()
    // Whoever wants it looks again when the table has changed.
    expect(core.table.version).toBeGreaterThan(version)
    connector.connect(wanted, NEAR)
    expect(asked).toHaveLength(1)
    expect(untilMs).toBeGreaterThan(0)
  })

  test('is asked once no first contact is expected any more', () => {
    const { connector, asked, expecting } = setup()
    expecting.contact = true
    connector.connect(wanted, NEAR)
    expecting.contact = false
    connector.connect(wanted, NEAR)
    expect(asked).toHaveLength(1)
    expect(connector.deadlineMs).toBeUndefined()
  })

  test('is not asked while as many others are asked as a limit allows, and that is counted', () => {
    const { connector, asked, counted } = setup()
    for (let place = 60; place < 140; place++) connector.connect(at(place), NEAR)
    expect(asked).toHaveLength(32)
    expect(counted).toEqual(Array(80 - 32).fill('connect: too many wanted'))
  })

  test('through one who dies is asked through another at once, and not held for dead', () => {
    const { connector, informers, asked, nobodyAnswers, die } = setup()
    const [dead, other] = informers
    connector.connect(wanted, NEAR)
    die(dead)
    connector.connect(wanted, NEAR)
    expect(asked).toEqual([dead.address, other.address])
    die(other)
    nobodyAnswers()
    expect(connector.shunnedUntilMs(wanted)).toBeUndefined()
  })

  test('is asked through each of those who name it in turn, and then by way of the ring', () => {
    const { connector, informers, asked, nobodyAnswers } = setup()
    connector.connect(wanted, NEAR)
    nobodyAnswers()
    expect(asked).toEqual([...informers.map(({ address }) => address), wanted])
  })
})
