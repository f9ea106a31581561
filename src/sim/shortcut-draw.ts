/**
 * ShortcutDraw: where a drawn ring's shortcuts lead. Their distances are log-uniform from one node's share of the ring up
 * to all of it (Symphony §3.2), to either side alike.
 */
import { type Address, type Distance, leftDistance, moveLeft, withClassZero } from '../overlay/address.ts'
import type { Random } from '../overlay/node-core.ts'

/** Brunet: in so small a ring near links lead everywhere. */
const MAX_SIZE_WITHOUT_SHORTCUTS = 10
const ZERO = '0'.repeat(40) as Address

/** How many shortcuts a node makes in a ring of this size (Brunet, shortcut overlord). */
export function shortcutsFor(size: number): number {
  return size <= MAX_SIZE_WITHOUT_SHORTCUTS ? 0 : Math.ceil(0.5 * Math.log2(size))
}

export function shortcutTarget(from: Address, size: number, random: Random): Address {
  const arc = arcOf(size ** (random() - 1))
  // Right by an arc is left by what is missing to the whole.
  return withClassZero(moveLeft(from, random() < 0.5 ? arc : leftDistance(arc as string as Address, ZERO)))
}

function arcOf(share: number): Distance {
  const digits = Math.min(2 ** 52 - 1, Math.floor(share * 2 ** 52))
  return digits.toString(16).padStart(13, '0').padEnd(40, '0') as Distance
}
