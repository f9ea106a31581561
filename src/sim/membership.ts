/**
 * Membership: who has to be in the ring at this moment, and is the ring right among them? A member is a node that lives
 * and has had `GRACE_MS` to join. The ring is consistent when each member has a link that packets are routed over to the
 * member next to it, or such links to newcomers between the two lead there. Links to the dead, of whom nobody can know
 * yet, do not count against it; a missing link to a living neighbour does, whatever either of the two believes.
 */
import { type Address, nearer } from '../overlay/address.ts'
import { nearestOf } from './drawn-ring.ts'
import type { Inhabitant, World } from './world.ts'

/** A newcomer whose first candidates died needs a second round of rendezvous. A guess. */
export const GRACE_MS = 10_000

export function members(world: World): Inhabitant[] {
  return world.inRingOrder.filter((inhabitant) => isMember(world, inhabitant))
}

export function isMember(world: World, { startedAtMs, gone }: Inhabitant): boolean {
  return !gone && world.clock.now() - startedAtMs >= GRACE_MS
}

/**
 * The first gap between a member and the next one leftwards; undefined when the ring is consistent. `everybody` is in ring
 * order and has the newcomers, too.
 */
export function firstGap(world: World, everybody: readonly Inhabitant[]): string | undefined {
  const start = everybody.findIndex((inhabitant) => isMember(world, inhabitant))
  if (start < 0) return undefined
  /** A member, and the newcomers after it that can be reached from it without leaving the gap. */
  let reached = [everybody[start] as Inhabitant]
  for (let step = 1; step <= everybody.length; step++) {
    const next = everybody[(start + step) % everybody.length] as Inhabitant
    const isLinked = next === reached[0] || reached.some((inhabitant) => isRingLink(inhabitant, next))
    if (!isMember(world, next)) {
      if (isLinked) reached.push(next)
      continue
    }
    const [{ name, node }] = reached as [Inhabitant]
    if (!isLinked) return `${name} (${node.state}) has no way to ${next.name}`
    reached = [next]
  }
  return undefined
}

/** The first link between two who are next to each other that is not there, newcomers or not. */
export function missingLink(sorted: readonly Inhabitant[]): string | undefined {
  if (sorted.length < 2) return undefined
  for (const [index, inhabitant] of sorted.entries()) {
    const next = sorted[(index + 1) % sorted.length] as Inhabitant
    if (!isRingLink(inhabitant, next)) return `${inhabitant.name} has no link to ${next.name}`
  }
  return undefined
}

/** Both ends see it, since either may have a packet to send over it. */
function isRingLink(a: Inhabitant, b: Inhabitant): boolean {
  return [a.node.table.get(b.address), b.node.table.get(a.address)].every((link) => link?.structured && link.active)
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
