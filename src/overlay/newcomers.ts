/**
 * Newcomers: may one more of those who lie right beside us be linked to us now? Addresses cost nothing, so a member can have
 * any number of them around a chosen place; at an honest place of a ring few appear at once. Who is refused may come again.
 */
import { type Address, apart, fractionOf } from './address.ts'
import type { ConnectionTable } from './connection-table.ts'

/** Right beside: this share of the ring, half of it on either side. In rings of up to a thousand about one node. A guess. */
const RANGE = 1 / 1_024
/** A newcomer is one whose link is younger. A guess: longer than a ring takes to form. */
const NEW_MS = 60_000
/** At once within the range; an honest ring has as many there from some ten thousand nodes on that all join at once. */
export const MAX_NEWCOMERS = 16

export function isCrowded(table: ConnectionTable, address: Address, nowMs: number): boolean {
  const place = fractionOf(table.self)
  const isBeside = (other: Address) => apart(fractionOf(other), place) <= RANGE / 2
  if (!isBeside(address)) return false
  let newcomers = 0
  for (const connection of table.all()) {
    if (connection.sinceMs + NEW_MS > nowMs && isBeside(connection.address)) newcomers++
  }
  return newcomers >= MAX_NEWCOMERS
}
