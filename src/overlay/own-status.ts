/** Own status: what we tell another node of ourselves, its place on the ring in view. */
import type { Address } from './address.ts'
import type { NodeCore } from './node-core.ts'
import { NO_ROLES } from './role.ts'
import { MAX_NEIGHBOURS, type Status } from './wire.ts'

export function ownStatus({ table, config }: NodeCore, address: Address, hidden: boolean): Status {
  const half = MAX_NEIGHBOURS / 2
  const left = table.neighboursOf(address, 'left', half)
  const right = table.neighboursOf(address, 'right', half)
  return {
    roles: table.get(address)?.roles ?? NO_ROLES,
    hidden,
    size: table.estimateSize(config.perSide),
    // In a small ring those on the left are those on the right.
    neighbours: left.concat(right.filter((link) => !left.includes(link))),
  }
}
