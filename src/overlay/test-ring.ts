/** Rings at rest as bare tables, for tests of routing: no node, no time. */
import { type Address, nodeAddress } from './address.ts'
import { Connection, connectionChannel } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { endpointOf } from './endpoint.ts'
import { NEAR, NO_ROLES, SHORTCUT } from './role.ts'
import { type Drop, route, timeToLive } from './routing.ts'
import { seededRandom } from './seeded-random.ts'
import type { Mode } from './wire.ts'

export type Ring = { addresses: Address[]; tables: Map<Address, ConnectionTable> }

export function connect(table: ConnectionTable, address: Address, role = NEAR): Connection {
  const status = { roles: NO_ROLES, hidden: false, size: 0, neighbours: [] }
  const connection = new Connection({ address, incarnation: 1, incoming: false, sinceMs: 0, endpoints: [], status })
  connection.roles = role
  const channel = {
    id: 1,
    kind: 'direct' as const,
    endpoint: endpointOf('memory', 'x'),
    ours: true,
    attempt: 1,
    nowMs: 0,
  }
  connection.attach(connectionChannel(channel), table.self)
  table.add(connection)
  return connection
}

export function randomAddresses(count: number, random: () => number): Address[] {
  return Array.from({ length: count }, () =>
    nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * random()))),
  ).sort()
}

/** `perSide` neighbours on each side and two random shortcuts each. */
export function ringOf(count: number, seed: number, perSide = 2): Ring {
  const random = seededRandom(seed)
  const addresses = randomAddresses(count, random)
  const tables = new Map(addresses.map((address) => [address, new ConnectionTable(address)]))
  const join = (a: number, b: number, role = NEAR) => {
    const [from, to] = [addresses[a % count], addresses[b % count]] as [Address, Address]
    if (from === to || tables.get(from)?.get(to)) return
    connect(tables.get(from) as ConnectionTable, to, role)
    connect(tables.get(to) as ConnectionTable, from, role)
  }
  for (let index = 0; index < count; index++) {
    for (let step = 1; step <= perSide; step++) join(index, index + step)
    for (let extra = 0; extra < 2; extra++) join(index, Math.floor(random() * count), SHORTCUT)
  }
  return { addresses, tables }
}

export type Journey = { delivered: Address[]; forwards: number; dropped: Drop | undefined; visited: Address[] }

/** Who delivers a packet, and how often it was handed on. */
export function send(
  { tables }: Pick<Ring, 'tables'>,
  mode: Mode,
  source: Address,
  destination: Address,
  ttl = timeToLive(tables.size),
): Journey {
  const journey: Journey = { delivered: [], forwards: 0, dropped: undefined, visited: [source] }
  let previous: Address | undefined
  let at = source
  for (let hops = 0; ; hops++) {
    const table = tables.get(at) as ConnectionTable
    const { deliver, next, dropped } = route({ mode, hops, ttl, source, destination }, table, previous)
    if (deliver) journey.delivered.push(at)
    journey.dropped = dropped
    if (!next) return journey
    journey.forwards++
    journey.visited.push(next)
    previous = at
    at = next
  }
}
