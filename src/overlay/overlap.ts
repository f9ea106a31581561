/**
 * Overlap: through whom can two nodes talk that cannot connect? Through a node that both have a channel of their own to.
 * A tunnel never leads over another tunnel: else two of them could hold each other up with nothing beneath.
 */
import { type Address, nearer } from './address.ts'
import type { ChannelKind } from './channel-kind.ts'
import type { Connection } from './connection.ts'
import { type ConnectionTable, nearestOn } from './connection-table.ts'

/** Forwarders kept ready for one tunnel (Brunet, RelayOverlap). */
export const MAX_OVERLAP = 4

/** `any`: a relayed hop is better than none; `direct`: the two have a relay of their own already. */
export type Hops = 'any' | 'direct'

export function canForward(connection: Connection | undefined, hops: Hops): connection is Connection {
  const kind = connection?.active?.kind
  return kind !== undefined && isOwnPath(kind) && (hops === 'any' || kind !== 'relay')
}

/**
 * Of those that the far end names, the ones that we can reach, too: direct ones first, then the oldest. What has lasted
 * is likely to last; keeping the newest would throw away each tunnel's best forwarders as others come and go.
 */
export function overlapOf(table: ConnectionTable, named: readonly Address[], hops: Hops): Connection[] {
  const common: Connection[] = []
  for (const address of named) {
    const connection = table.get(address)
    if (canForward(connection, hops)) common.push(connection)
  }
  return common.sort(bySteadiness).slice(0, MAX_OVERLAP)
}

/** Whom we name as forwarders to a node: it most likely has links to those that lie nearest to it. */
export function forwardersFor(table: ConnectionTable, far: Address, count: number): Address[] {
  const addresses = table.addresses()
  const left = nearestOn(addresses, far, 'left', addresses.length)
  const right = nearestOn(addresses, far, 'right', addresses.length)
  const found: Address[] = []
  // Around the ring both lists hold the same ones: each is taken once as there are no more steps than nodes.
  for (let step = 0, onLeft = 0, onRight = 0; step < left.length && found.length < count; step++) {
    const [a, b] = [left[onLeft] as Address, right[onRight] as Address]
    const next = nearer(far, a, b)
    if (next === a) onLeft++
    else onRight++
    if (canForward(table.get(next), 'any')) found.push(next)
  }
  return found
}

function isOwnPath(kind: ChannelKind): boolean {
  return kind === 'direct' || kind === 'turn' || kind === 'relay'
}

function bySteadiness(a: Connection, b: Connection): number {
  const byKind = Number(a.active?.kind === 'relay') - Number(b.active?.kind === 'relay')
  return byKind || a.sinceMs - b.sinceMs || (a.address < b.address ? -1 : 1)
}
