/**
 * Shortcut target: to which place on the ring a shortcut shall lead. Its distance is drawn log-uniformly from one node's
 * share of the ring up to all of it, so that each scale of distance gets the same number of shortcuts; the logarithm is
 * the natural one, as size^(p − 1) = exp(ln size · (p − 1)) (Symphony §3.2; Brunet, shortcut overlord).
 */
import { type Address, arcOf, moveLeft, moveRight, withClassZero } from './address.ts'
import type { Random } from './node-core.ts'

/** Brunet: in so small a ring near links lead everywhere. */
export const MAX_SIZE_WITHOUT_SHORTCUTS = 10

/** How many shortcuts a node makes in a ring of this size (Brunet, shortcut overlord). */
export function shortcutsFor(size: number): number {
  return size <= MAX_SIZE_WITHOUT_SHORTCUTS ? 0 : Math.ceil(0.5 * Math.log2(size))
}

/** As a part of the ring, between 1/size and 1. */
export function shortcutDistance(size: number, random: Random): number {
  return Math.exp(Math.log(Math.max(size, 1)) * (random() - 1))
}

/** Draws the distance, then the side. */
export function shortcutTarget(from: Address, size: number, random: Random): Address {
  const arc = arcOf(shortcutDistance(size, random))
  return withClassZero(random() < 0.5 ? moveLeft(from, arc) : moveRight(from, arc))
}
