/** Message path: how messages to a node leave at this moment, over the channel of a link or by way of others. */
import type { Address } from './address.ts'
import type { ConnectionTable } from './connection-table.ts'
import type { ChannelId } from './effects.ts'

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
