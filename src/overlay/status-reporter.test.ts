import { describe, expect, test } from 'vitest'
import { nodeAddress } from './address.ts'
import { ConnectionTable } from './connection-table.ts'
import { nodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { LEAF, NEAR, NO_ROLES, type RoleBits } from './role.ts'
import { StatusReporter } from './status-reporter.ts'
import { connect } from './test-ring.ts'
import type { Frame } from './wire.ts'

const at = (place: number) => nodeAddress(new Uint8Array(20).fill(place))

/** What is said to one far end, over the service's relay, whose handshake was good for anybody. */
function saidTo(role: RoleBits, sparesService: boolean): Frame['type'][] {
  const table = new ConnectionTable(at(10))
  const connection = connect(table, at(90), role)
  const [channel] = connection.channels
  if (channel) connection.reroute(channel, 'relay')
  const said: Frame['type'][] = []
  const config = nodeConfig({ address: table.self, incarnation: 1, namespace: 'a'.repeat(40), transports: [] })
  // What a reporter touches of a node, and no more.
  const core = {
    config,
    table,
    nowMs: 1_000,
    hidden: false,
    sparesService,
    statusFor: () => ({ roles: NO_ROLES, hidden: false, size: 2, neighbours: [] }),
    sendTo: (_: unknown, { type }: Frame) => said.push(type),
  }
  const reporter = new StatusReporter(core as unknown as NodeCore)
  reporter.told(connection, undefined)
  reporter.review(false)
  reporter.report()
  return said
}

describe('to a far end that was told only what is for anybody', () => {
  test.each([LEAF, NEAR])('a status is said of what the two are to each other', (role) => {
    expect(saidTo(role, false)).toEqual(['status'])
  })

  test('none is said in a ring that spares its service, where the link is a first contact and no more', () => {
    expect(saidTo(LEAF, true)).toEqual([])
  })

  test('one is said there, too, where the link is of the ring', () => {
    expect(saidTo(NEAR, true)).toEqual(['status'])
  })
})
