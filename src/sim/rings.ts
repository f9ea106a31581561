/** Rings: which rings do nodes form by their own account? One who follows left neighbours comes back to where he began. */
import type { Address } from '../overlay/address.ts'
import { RingCheck } from './ring-check.ts'
import type { Inhabitant } from './world.ts'

/** Whether each group is one ring of its own. */
export function areRings(groups: readonly (readonly Inhabitant[])[]): boolean {
  return groups.every((group) => !new RingCheck().complaint(() => [...group]))
}

/** The sizes of the cycles that left neighbours form, largest first; one of all nodes in a ring that is whole. */
export function ringsOf(inhabitants: readonly Inhabitant[]): number[] {
  const left = new Map<Address, Address | undefined>()
  for (const { address, node } of inhabitants) left.set(address, node.near.left[0])
  const seen = new Set<Address>()
  const sizes: number[] = []
  for (const start of left.keys()) {
    const path = new Map<Address, number>()
    let at: Address | undefined = start
    while (at !== undefined && left.has(at) && !seen.has(at)) {
      seen.add(at)
      path.set(at, path.size)
      at = left.get(at)
    }
    const from = at === undefined ? undefined : path.get(at)
    if (from !== undefined) sizes.push(path.size - from)
  }
  return sizes.sort((a, b) => b - a)
}
