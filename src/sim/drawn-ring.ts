/**
 * DrawnRing: the connection tables of a ring as it ought to be, made without any protocol, so that routing can be
 * measured at sizes that no protocol run holds. Near links to so many on either side, and shortcuts to whoever is
 * nearest to the place that was drawn; each link is used both ways.
 */
import { type Address, nearer, nodeAddress } from '../overlay/address.ts'
import { Connection } from '../overlay/connection.ts'
import { ConnectionTable } from '../overlay/connection-table.ts'
import type { Random } from '../overlay/node-core.ts'
import { NEAR, type RoleBits, SHORTCUT, withRole } from '../overlay/role.ts'
import { shortcutTarget } from '../overlay/shortcut-target.ts'

export type DrawnRingOptions = { nodes: number; perSide: number; shortcuts: number }

/** A place that is ours, or linked already, is drawn again so often. */
const MAX_DRAWS = 10

export function drawRing(options: DrawnRingOptions, random: Random): Map<Address, ConnectionTable> {
  const { nodes, perSide, shortcuts } = options
  const addresses = drawAddresses(nodes, random)
  const tables = new Map(addresses.map((address) => [address, new ConnectionTable(address)]))
  /** What each node tells of itself: one list per node, which all who are linked to it share. */
  const told = new Map(addresses.map((address) => [address, [] as Address[]]))
  const link = (a: Address, b: Address, role: RoleBits): boolean => {
    const known = tables.get(a)?.get(b)
    if (a === b || known) return false
    for (const [from, to] of [[a, b] as const, [b, a] as const]) {
      tables.get(from)?.add(connectionTo(to, role, nodes, told.get(to) as Address[]))
      told.get(from)?.push(to)
    }
    return true
  }
  for (const [index, address] of addresses.entries()) {
    for (let step = 1; step <= perSide; step++) link(address, addresses[(index + step) % nodes] as Address, NEAR)
  }
  for (const address of addresses) {
    for (let made = 0, draws = 0; made < shortcuts && draws < shortcuts * MAX_DRAWS; draws++) {
      const target = shortcutTarget(address, nodes, random)
      if (link(address, nearestOf(addresses, target), SHORTCUT)) made++
    }
  }
  return tables
}

function drawAddresses(count: number, random: Random): Address[] {
  const draw = () => nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * random())))
  return Array.from({ length: count }, draw).sort()
}

/** In ascending addresses. */
export function nearestOf(ascending: readonly Address[], key: Address): Address {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as Address) < key) low = middle + 1
    else high = middle
  }
  const above = ascending[low % ascending.length] as Address
  const below = ascending[(low - 1 + ascending.length) % ascending.length] as Address
  return nearer(key, above, below)
}

function connectionTo(address: Address, role: RoleBits, size: number, neighbours: Address[]): Connection {
  const status = { roles: role, hidden: false, size, neighbours }
  const connection = new Connection({ address, incarnation: 0, incoming: false, sinceMs: 0, endpoints: [], status })
  connection.roles = withRole(connection.roles, role)
  return connection
}
