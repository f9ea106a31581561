import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Address, isBetween, nodeAddress } from './address.ts'
import { Connection } from './connection.ts'
import { ConnectionTable, nearestOn } from './connection-table.ts'
import { NamedNodes } from './named-nodes.ts'
import { NO_ROLES } from './role.ts'

const addressAt = (place: number): Address => nodeAddress(new Uint8Array(20).fill(place))
const SELF = addressAt(128)

const place = fc.integer({ min: 0, max: 20 }).map((index) => addressAt(2 * index + 108))
const names = fc.uniqueArray(place, { maxLength: 5 })
const operation = fc.oneof(
  fc.record({ name: fc.constant('link' as const), place, names }),
  fc.record({ name: fc.constant('lose' as const), place }),
  fc.record({ name: fc.constant('name' as const), place, names }),
  fc.record({ name: fc.constant('ask' as const), place }),
)

function link(table: ConnectionTable, address: Address, neighbours: Address[]): Connection {
  const status = { roles: NO_ROLES, hidden: false, size: 1, neighbours }
  const connection = new Connection({ address, incarnation: 1, incoming: false, sinceMs: 0, endpoints: [], status })
  table.add(connection)
  return connection
}

/** By a look at every name of every link. */
function namedAfresh(table: ConnectionTable, perSide: number): Set<Address> {
  const linked = table.addresses()
  const left = nearestOn(linked, SELF, 'left', perSide)[perSide - 1]
  const right = nearestOn(linked, SELF, 'right', perSide)[perSide - 1]
  const isNear = (address: Address) =>
    !left || !right || isBetween(address, SELF, left) || isBetween(address, right, SELF)
  const named = [...table.all()].flatMap(({ status }) => status.neighbours)
  return new Set(named.filter((address) => address !== SELF && !table.get(address) && isNear(address)))
}

for (const perSide of [1, 2, 3]) {
  test(`after any links, losses and namings the named are those that a fresh look finds, ${perSide} a side`, () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const table = new ConnectionTable(SELF)
        const named = new NamedNodes(table)
        for (const step of operations) {
          const connection = table.get(step.place)
          if (step.name === 'ask') {
            const found = named.unlinked(perSide)
            expect(new Set(found.keys())).toEqual(namedAfresh(table, perSide))
            for (const [address, informer] of found) {
              expect(table.get(informer.address)).toBe(informer)
              expect(informer.status.neighbours).toContain(address)
            }
          } else if (step.name === 'link') {
            if (!connection && step.place !== SELF) named.note(link(table, step.place, step.names))
          } else if (!connection) continue
          else if (step.name === 'lose') table.remove(connection)
          else {
            connection.status = { ...connection.status, neighbours: step.names }
            named.note(connection)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
}
