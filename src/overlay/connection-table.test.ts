import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Address, nodeAddress } from './address.ts'
import { Connection, connectionChannel } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { LEAF, NEAR, NO_ROLES, type RoleBits } from './role.ts'

const addressAt = (place: number): Address => nodeAddress(new Uint8Array(20).fill(place))
const SELF = addressAt(128)

function connectionTo(address: Address, endpoints: Endpoint[] = [], channel = 1): Connection {
  const status = { roles: NO_ROLES, hidden: false, size: 1, neighbours: [] }
  const connection = new Connection({ address, incarnation: 1, incoming: false, sinceMs: 0, endpoints, status })
  const endpoint = endpointOf('xmpp', 'x')
  connection.attach(connectionChannel({ id: channel, kind: 'relay', endpoint, ours: true, attempt: 1, nowMs: 0 }), SELF)
  return connection
}

/** Few places and few endpoints, so that the same come again. */
const place = fc.integer({ min: 0, max: 12 }).map((index) => addressAt(2 * index + 100))
const endpoints = fc.uniqueArray(
  fc.integer({ min: 0, max: 4 }).map((index) => endpointOf('xmpp', `${index}`)),
  {
    maxLength: 3,
  },
)
const operation = fc.oneof(
  fc.record({ name: fc.constant('add' as const), place, endpoints }),
  fc.record({ name: fc.constant('remove' as const), place }),
  fc.record({ name: fc.constant('move' as const), place, endpoints }),
  fc.record({ name: fc.constant('role' as const), place, roles: fc.constantFrom(NO_ROLES, LEAF, NEAR) }),
  fc.record({ name: fc.constant('told' as const), place, roles: fc.constantFrom(NO_ROLES, LEAF, NEAR) }),
)

describe('the connection table, after any changes', () => {
  test('has the order, the ring links and the endpoints that a fresh look at every connection finds', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const table = new ConnectionTable(SELF)
        for (const [index, step] of operations.entries()) {
          const connection = table.get(step.place)
          if (step.name === 'add') {
            if (connection) continue
            const added = connectionTo(step.place, step.endpoints, index + 1)
            table.indexChannel(index + 1, added)
            table.add(added)
          } else if (!connection) continue
          else if (step.name === 'remove') table.remove(connection)
          else if (step.name === 'move') table.setEndpoints(connection, step.endpoints)
          else {
            setRoles(connection, step.name, step.roles)
            table.changed()
          }
          expectFresh(table)
        }
      }),
    )
  })

  test('has the same array of ring links for as long as they are the same', () => {
    const table = new ConnectionTable(SELF)
    const near = connectionTo(addressAt(2))
    near.roles = NEAR
    table.add(near)
    const before = table.structured()
    table.add(connectionTo(addressAt(4)))
    expect(table.structured()).toBe(before)
    near.roles = NO_ROLES
    table.changed()
    expect(table.structured()).not.toBe(before)
    expect(before).toEqual([near.address])
  })
})

function setRoles(connection: Connection, whose: 'role' | 'told', roles: RoleBits): void {
  if (whose === 'role') connection.roles = roles
  else connection.status = { ...connection.status, roles }
}

function expectFresh(table: ConnectionTable): void {
  const all = [...table.all()]
  const addresses = all.map(({ address }) => address).sort()
  expect(table.addresses()).toEqual(addresses)
  expect(table.structured()).toEqual(addresses.filter((address) => table.get(address)?.structured))
  for (let index = 0; index <= 4; index++) {
    const endpoint = endpointOf('xmpp', `${index}`)
    const claimants = all.filter((connection) => connection.endpoints.includes(endpoint))
    const found = table.ofEndpoint(endpoint)
    expect(found === undefined).toBe(claimants.length === 0)
    if (found) expect(claimants).toContain(found)
  }
}
