/**
 * RingCheck: is everybody linked to exactly the two nodes next to it, and do they know? Asked many times while a ring
 * forms, so it begins with whoever was wrong the last time: as long as that one is, nobody else is looked at.
 */
import type { Address } from '../overlay/address.ts'
import type { Inhabitant } from './world.ts'

export type RingComplaint = { why: string; concerned: Inhabitant[] }

export class RingCheck {
  /** Of those who are there, by address; undefined when it is to be sorted anew. */
  private sorted: Inhabitant[] | undefined
  private culprit = 0

  /** Somebody came or went. */
  changed(): void {
    this.sorted = undefined
  }

  /** Leftwards. */
  inRingOrder(everybody: () => Inhabitant[]): readonly Inhabitant[] {
    this.sorted ??= everybody().sort((a, b) => (a.address < b.address ? -1 : 1))
    return this.sorted
  }

  /** Undefined when nothing is wrong. */
  complaint(everybody: () => Inhabitant[]): RingComplaint | undefined {
    const sorted = this.inRingOrder(everybody)
    if (sorted.length < 2) return undefined
    for (let step = 0; step < sorted.length; step++) {
      const index = (this.culprit + step) % sorted.length
      const complaint = complaintAt(sorted, index)
      if (!complaint) continue
      this.culprit = index
      return complaint
    }
    return undefined
  }
}

/** The ones next to a place in a sorted list, around the ring. */
export function besides<T>(sorted: readonly T[], index: number): { left: T; right: T } {
  const { length } = sorted
  return { left: sorted[(index + 1) % length] as T, right: sorted[(index - 1 + length) % length] as T }
}

function complaintAt(sorted: readonly Inhabitant[], index: number): RingComplaint | undefined {
  const inhabitant = sorted[index] as Inhabitant
  const { node, name, elsewhere } = inhabitant
  if (elsewhere) return undefined
  if (node.state !== 'connected') return { why: `${name} is ${node.state}`, concerned: [inhabitant] }
  const { left, right } = besides(sorted, index)
  const near: { left: Address[]; right: Address[] } = node.near
  for (const [side, neighbour] of [['left', left] as const, ['right', right] as const]) {
    if (near[side][0] === neighbour.address) continue
    const why = `${name} does not have ${neighbour.name} on its ${side}`
    return { why, concerned: [inhabitant, neighbour] }
  }
  return undefined
}
