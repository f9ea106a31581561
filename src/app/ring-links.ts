/** Which links does the picture show? Ours as we know them, and those that both ends may have told us of, once each. */
import type { Address } from '../overlay/address.ts'
import type { Person } from './people.ts'
import type { RingLink } from './ring-layout.ts'

export function linksAmong(self: Address, people: Person[]): RingLink[] {
  const here = new Set<Address>([self, ...people.map(({ address }) => address)])
  const links = new Map<string, RingLink>()
  for (const { address, kind } of people) {
    if (kind !== undefined) links.set(keyOf(self, address), { a: self, b: address, kind, own: true })
  }
  for (const { address, links: told } of people) {
    for (const { to, kind } of told) {
      // About our own links we know better than anybody.
      if (to === self || to === address || !here.has(to)) continue
      const key = keyOf(address, to)
      if (!links.has(key)) links.set(key, { a: address, b: to, kind, own: false })
    }
  }
  return [...links.values()]
}

function keyOf(a: Address, b: Address): string {
  return a < b ? a + b : b + a
}
