/**
 * Upgrader: does each ring link have the best channel that it can have?
 *
 *   wanting --dial--> trying --linked--> best
 *      ^                 |
 *      +----- delay -----+ failed
 *
 * The end with the greater address offers, so that two offers never meet; the other offers only when nothing has come
 * for a while, as the greater end may not know that it could. Failures are retried with growing delays, and at once
 * when the network has changed: each try costs an RTCPeerConnection, of which a page has a limited number.
 */
import type { Address } from './address.ts'
import { rankOf } from './channel-kind.ts'
import type { Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'
import type { Linker } from './linker.ts'
import type { DialledTransport } from './node-config.ts'
import type { NodeCore } from './node-core.ts'
import { endpointsOf, isServed } from './ring-endpoint.ts'
import { Soonest } from './soonest.ts'

/** A guess: a failed ICE run takes 15 s by itself. */
const RETRY_DELAY_MS = [1_000, 5_000, 20_000, 60_000, 300_000] as const
/**
 * While a ring forms, links come and go, and setting up RTCPeerConnections would only slow it down: an upgrade waits until
 * the links have been the same for SETTLE_MS, though no longer than SETTLE_MAX_MS. Guesses.
 */
const SETTLE_MS = 200
const SETTLE_MAX_MS = 3_000
/** How long the lesser end waits for the greater one's offer. A guess. */
const NUDGE_AFTER_MS = 6_000
/** Offers under way at once; more only make each other slower (measured: two cores). */
const MAX_TRYING = 16

type Want = { failures: number; atMs: number; sinceMs: number }

export class Upgrader {
  private readonly core: NodeCore
  private readonly linker: Linker
  private readonly wants = new Map<Address, Want>()
  private links = 0
  private readonly soonest = new Soonest()

  constructor(core: NodeCore, linker: Linker) {
    this.core = core
    this.linker = linker
  }

  get deadlineMs(): number | undefined {
    return this.soonest.deadlineMs
  }

  /** Whether every ring link has what it can have, or has been refused it. */
  get settled(): boolean {
    for (const connection of this.core.table.all()) {
      const hasFailed = (this.wants.get(connection.address)?.failures ?? 0) > 0
      if (connection.structured && !hasFailed && this.betterEndpoint(connection)) return false
    }
    return true
  }

  /** Whether a better channel than this one's has been tried in vain, or is not to be had. */
  isHopeless(connection: Connection): boolean {
    const want = this.wants.get(connection.address)
    return want ? want.failures > 0 : !this.betterEndpoint(connection)
  }

  review(): void {
    const { table, nowMs, config } = this.core
    for (const address of [...this.wants.keys()]) {
      const connection = table.get(address)
      if (!connection?.structured || !this.betterEndpoint(connection)) this.wants.delete(address)
    }
    if (this.links !== table.size) {
      this.links = table.size
      for (const want of this.wants.values()) {
        const isSettling = want.failures === 0 && nowMs < want.atMs && want.atMs <= nowMs + SETTLE_MS
        if (isSettling) want.atMs = Math.min(nowMs + SETTLE_MS, want.sinceMs + SETTLE_MAX_MS)
      }
    }
    for (const connection of table.all()) {
      if (this.wants.has(connection.address) || !connection.structured || !this.betterEndpoint(connection)) continue
      const atMs = nowMs + (config.address > connection.address ? SETTLE_MS : NUDGE_AFTER_MS)
      this.wants.set(connection.address, { failures: 0, atMs, sinceMs: nowMs })
    }
    this.wake()
  }

  failed(address: Address): void {
    const want = this.wants.get(address)
    if (!want) return
    const delay = RETRY_DELAY_MS[Math.min(want.failures, RETRY_DELAY_MS.length - 1)] as number
    want.failures++
    // Others may know another way than a direct one.
    if (want.failures === 1) this.core.table.changed()
    want.atMs = this.core.nowMs + delay * (0.5 + this.core.random())
    this.soonest.add(want.atMs)
  }

  /** The network is another: what failed may work. What was not tried yet still waits for its turn. */
  retryNow(): void {
    for (const want of this.wants.values()) if (want.failures > 0) want.atMs = this.core.nowMs
    this.soonest.add(this.core.nowMs)
  }

  wake(): void {
    let trying = this.linker.dialling
    this.soonest.restart()
    for (const [address, want] of this.wants) {
      // What is being dialled will be linked or fail, and is looked at again then.
      if (this.linker.isDialling(address)) continue
      if (want.atMs <= this.core.nowMs && trying >= MAX_TRYING) want.atMs = this.core.nowMs + RETRY_DELAY_MS[0]
      if (want.atMs > this.core.nowMs) {
        this.soonest.add(want.atMs)
        continue
      }
      const connection = this.core.table.get(address)
      const endpoint = connection && this.betterEndpoint(connection)
      if (!connection || !endpoint) continue
      trying++
      this.linker.dial(endpoint, address, connection.roles)
      if (this.linker.isDialling(address)) continue
      // Somebody else is dialling there, or too much is under way.
      want.atMs = this.core.nowMs + RETRY_DELAY_MS[0]
      this.soonest.add(want.atMs)
    }
  }

  private betterEndpoint(connection: Connection): Endpoint | undefined {
    const { active } = connection
    if (!active) return undefined
    let best: Endpoint | undefined
    let bestRank = rankOf(active.kind)
    for (const transport of this.core.config.transports) {
      const { scheme, kind } = transport
      if (rankOf(kind) >= bestRank || scheme === active.scheme) continue
      const endpoint = this.endpointOf(transport, connection)
      if (!endpoint) continue
      best = endpoint
      bestRank = rankOf(kind)
    }
    return best
  }

  /** What failed by way of the ring is tried by way of the service, and the other way round. */
  private endpointOf(transport: DialledTransport, { endpoints, address }: Connection): Endpoint | undefined {
    const all = endpointsOf(transport, endpoints, address, this.core)
    const served = all.length > 1 ? all.filter((endpoint) => isServed(endpoint, this.core)) : all
    const failures = this.wants.get(address)?.failures ?? 0
    return served[failures % served.length] ?? all[0]
  }
}
