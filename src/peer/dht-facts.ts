/** DHT facts: what of a ring's DHT one page holds, for whoever looks at a snapshot. */
import type { Address } from '../overlay/address.ts'
import type { Node } from '../overlay/node.ts'

/** Keys named in a snapshot; there may be thousands. */
const MAX_NAMED = 256

export type DhtFacts = {
  records: number
  bytes: number
  /** How many leases of our own are renewed. */
  kept: number
  /** Those whose lease ends first, at most 256. */
  keys: { key: Address; values: number; endsInMs: number; replicas: Address[] }[]
}

export function dhtFacts({ dht }: Node, kept: number, nowMs: number): DhtFacts {
  const { store, keeper } = dht
  const byKey = new Map<Address, { values: number; endsInMs: number }>()
  for (const { key, endsAtMs } of store.all()) {
    const known = byKey.get(key) ?? { values: 0, endsInMs: Number.POSITIVE_INFINITY }
    byKey.set(key, { values: known.values + 1, endsInMs: Math.min(known.endsInMs, Math.round(endsAtMs - nowMs)) })
  }
  const soonest = [...byKey].sort(([, a], [, b]) => a.endsInMs - b.endsInMs).slice(0, MAX_NAMED)
  return {
    records: store.size,
    bytes: store.byteLength,
    kept,
    keys: soonest.map(([key, facts]) => ({ key, ...facts, replicas: [...keeper.replicas.of(key)] })),
  }
}
