/** Records of the DHT for tests. */
import { type Address, nodeAddress } from './address.ts'
import type { DhtRecord } from './dht-record.ts'

export const KEY = keyOf(1)

export function keyOf(number: number): Address {
  return nodeAddress(Uint8Array.from({ length: 20 }, (_, index) => (index === 0 ? 128 : number)))
}

/** A free value unless a writer is given. */
export function record(
  text: string,
  more: Partial<DhtRecord> & { writer?: Address | undefined; ms?: number } = {},
): DhtRecord {
  const { writer, ms = 60_000, ...fields } = more
  const bound = writer && { writer, proof: Uint8Array.of(1, 2, 3) }
  const value = new TextEncoder().encode(text)
  return { key: KEY, value, bound, version: 1, withdrawn: false, leftMs: ms, ...fields }
}

export function textOf({ value }: DhtRecord): string {
  return new TextDecoder().decode(value)
}
