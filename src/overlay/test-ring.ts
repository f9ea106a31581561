/** Rings at rest as bare tables, for tests of routing: no node, no time. */
import { type Address, isBetween, nearer, nodeAddress } from './address.ts'
import { Connection, connectionChannel } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { endpointOf } from './endpoint.ts'
import { NEAR, NO_ROLES, SHORTCUT } from './role.ts'
import { type Drop, route, timeToLive } from './routing.ts'
import { seededRandom } from './seeded-random.ts'
import { shortcutsFor, shortcutTarget } from './shortcut-target.ts'
import { MAX_ADDRESSES, MAX_NEIGHBOURS, type Mode } from './wire.ts'

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

/** Two neighbours on each side and as many shortcuts as a ring of this size makes, drawn as it draws them. */
export function symphonyOf(count: number, seed: number): Ring {
  const random = seededRandom(seed)
  const addresses = randomAddresses(count, random)
  const tables = new Map(addresses.map((address) => [address, new ConnectionTable(address)]))
  const at = (index: number) => addresses[(index + count) % count] as Address
  const join = (from: Address, to: Address, role = NEAR) => {
    if (from === to || tables.get(from)?.get(to)) return false
    connect(tables.get(from) as ConnectionTable, to, role)
    connect(tables.get(to) as ConnectionTable, from, role)
    return true
  }
  for (let index = 0; index < count; index++) for (const step of [1, 2]) join(at(index), at(index + step))
  addresses.forEach((from, index) => {
    let wanted = shortcutsFor(count)
    for (let draws = 0; wanted > 0 && draws < 100; draws++) {
      const place = shortcutTarget(from, count, random)
      if (isBetween(place, at(index - 2), at(index + 2))) continue
      if (join(from, ownerOf(addresses, place), SHORTCUT)) wanted--
    }
  })
  return { addresses, tables }
}

/** Of ascending addresses the one that is nearest to a key. */
export function ownerOf(ascending: readonly Address[], key: Address): Address {
  const above = ascending.findIndex((address) => address >= key)
  const index = above < 0 ? 0 : above
  return nearer(key, ascending[index] as Address, ascending.at(index - 1) as Address)
}

/** Everybody names links to everybody, as statuses and reports do. */
export function name({ tables }: Ring): void {
  for (const table of tables.values()) {
    for (const connection of table.all()) {
      const far = tables.get(connection.address) as ConnectionTable
      const half = MAX_NEIGHBOURS / 2
      const sides = [far.neighboursOf(table.self, 'left', half), far.neighboursOf(table.self, 'right', half)]
      const neighbours = [...new Set(sides.flat())]
      connection.status = { ...connection.status, neighbours }
      connection.links = far
        .structured()
        .filter((address) => address !== table.self && !neighbours.includes(address))
        .slice(0, MAX_ADDRESSES)
    }
    table.named()
  }
}

export type Journey = { delivered: Address[]; forwards: number; dropped: Drop | undefined; visited: Address[] }

/** More than any hop limit allows. */
const MAX_HOPS = 1_000

/** Who delivers a packet, and how often it was handed on. */
export function send(
  { tables }: Pick<Ring, 'tables'>,
  mode: Mode,
  source: Address,
  destination: Address,
  ttl = timeToLive(tables.size),
  lookahead = false,
): Journey {
  const journey: Journey = { delivered: [], forwards: 0, dropped: undefined, visited: [source] }
  let previous: Address | undefined
  let at = source
  for (let hops = 0; ; hops++) {
    const table = tables.get(at) as ConnectionTable
    const { deliver, next, dropped } = route({ mode, hops, ttl, source, destination }, table, previous, lookahead)
    if (deliver) journey.delivered.push(at)
    journey.dropped = dropped
    if (!next) return journey
    if (hops > MAX_HOPS) throw new Error('runs in a circle')
    journey.forwards++
    journey.visited.push(next)
    previous = at
    at = next
  }
}
