/** Message path: how messages to a node leave at this moment, over the channel of a link or by way of others. */
import type { Address } from './address.ts'
import type { Connection } from './connection.ts'
import type { ConnectionTable } from './connection-table.ts'
import type { ChannelId } from './effects.ts'
import { route } from './routing.ts'

export type Path =
  | { kind: 'direct' | 'relay'; channel: ChannelId; congested: boolean }
  | { kind: 'routed'; congested: false }
  | undefined

export function pathTo(table: ConnectionTable, address: Address): Path {
  const active = table.get(address)?.active
  // What goes through others may be lost, even where it looks like a link.
  if (active && active.kind !== 'tunnel' && active.kind !== 'subring') {
    const { id: channel, congested } = active
    return { kind: active.kind === 'relay' ? 'relay' : 'direct', channel, congested }
  }
  return table.size > 0 ? { kind: 'routed', congested: false } : undefined
}

/**
 * The link by which messages to a node leave: of a tunnel, that to its forwarder. Undefined where there is none. What
 * lies beyond the first link is not known.
 */
export function firstLink(
  table: ConnectionTable,
  address: Address,
  forwarderTo: (far: Address) => Connection | undefined,
): Connection | undefined {
  const connection = table.get(address)
  if (connection?.active) return connection.active.kind === 'tunnel' ? forwarderTo(address) : connection
  const outset = { mode: 'exact', destination: address, hops: 0, ttl: 255, source: table.self } as const
  const { next } = route(outset, table, undefined)
  return next === undefined ? undefined : table.get(next)
}
