/** A packet of our own as bytes: one that another node shall route on from its place instead of ours. */
import type { NodeCore } from './node-core.ts'
import { timeToLive } from './routing.ts'
import { encodeFrame, type Outbound } from './wire.ts'

export function routableFrame(core: NodeCore, packet: Outbound): Uint8Array {
  const ttl = timeToLive(core.table.estimateSize(core.config.perSide))
  return encodeFrame({ type: 'packet', hops: 0, ttl, source: core.config.address, ...packet })
}
