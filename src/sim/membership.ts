/**
 * Membership: who has to be in the ring at this moment, and is the ring right among them? A member is a node that lives
 * and has had `GRACE_MS` to join. The ring is consistent when each member has a link that packets are routed over to the
 * member next to it on either side. Links to the dead, of whom nobody can know yet, and to newcomers do not count
 * against it; a missing link to a living neighbour does, whatever either of the two believes.
 */
import { type Address, nearer } from '../overlay/address.ts'
import { nearestOf } from './drawn-ring.ts'
import { besides } from './ring-check.ts'
import type { Inhabitant, World } from './world.ts'

/** A newcomer whose first candidates died needs a second round of rendezvous. A guess. */
export const GRACE_MS = 10_000

export function members(world: World): Inhabitant[] {
  return world.inRingOrder.filter((inhabitant) => isMember(world, inhabitant))
}

export function isMember(world: World, { startedAtMs, gone }: Inhabitant): boolean {
  return !gone && world.clock.now() - startedAtMs >= GRACE_MS
}

/** The first link that a member lacks; undefined when the ring is consistent. */
export function missingLink(sorted: readonly Inhabitant[]): string | undefined {
  if (sorted.length < 2) return undefined
  for (const [index, { name, node }] of sorted.entries()) {
    const { left, right } = besides(sorted, index)
    for (const neighbour of [left, right]) {
      const link = node.table.get(neighbour.address)
      if (!link?.structured || !link.active) return `${name} (${node.state}) has no link to ${neighbour.name}`
    }
  }
  return undefined
}

/** Whether no member is nearer to the key. */
export function isOwner(world: World, address: Address, key: Address): boolean {
  const everybody = world.inRingOrder
  const nearest = nearestOf(
    everybody.map((inhabitant) => inhabitant.address),
    key,
  )
  if (nearest === address) return true
  const others = members(world).map((inhabitant) => inhabitant.address)
  return others.length === 0 || nearer(key, address, nearestOf(others, key)) === address
}
