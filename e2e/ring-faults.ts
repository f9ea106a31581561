/** Are these nodes one ring? Each says who its nearest are, and what that should be follows from all addresses. */
import type { Snapshot } from '../src/peer/ring.ts'

/** A sentence for each thing that is wrong; none where all is well. */
export function faultsOfRing(snapshots: readonly Snapshot[]): string[] {
  const order = snapshots.map(({ address }) => address).sort((a, b) => (a < b ? -1 : 1))
  const faults: string[] = []
  for (const { address, state, near } of snapshots) {
    const place = order.indexOf(address)
    const [after, before] = [order.at((place + 1) % order.length), order.at(place - 1)]
    if (state !== 'connected') faults.push(`${address} is ${state}`)
    if (near.left[0] !== after) faults.push(`left of ${address} is ${near.left[0]} and not ${after}`)
    if (near.right[0] !== before) faults.push(`right of ${address} is ${near.right[0]} and not ${before}`)
  }
  return faults
}
