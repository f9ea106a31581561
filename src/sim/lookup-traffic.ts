/**
 * LookupTraffic: is a key found at the node that is nearest to it, while nodes come and go? A lookup is a greedy packet
 * that goes hop by hop through the tables as they are when it arrives at each, with the delay of each link; it is lost
 * with a node that dies. It is asked for as any request is: sent again, after a wait that doubles, until it has arrived.
 *
 * Left out: the answer's way back, and what packets cost (they are not in the meters).
 */
import { type Address, nodeAddress } from '../overlay/address.ts'
import { hasRole, STRUCTURED } from '../overlay/role.ts'
import type { Routable } from '../overlay/routing.ts'
import type { TimerProfile } from '../overlay/timer-profile.ts'
import { isOwner } from './membership.ts'
import { greedyPacket, nextHop } from './walk.ts'
import { type Inhabitant, RELAY_DETOUR, type World } from './world.ts'

type Lookup = { from: Inhabitant; key: Address; done: boolean }

export class LookupTraffic {
  /** `unanswered` never arrived anywhere; those whose sender was gone by then are in none of these. */
  readonly counts = { asked: 0, right: 0, rightAtOnce: 0, wrong: 0, unanswered: 0, hops: 0 }
  private readonly world: World
  private readonly latencyMs: number
  private readonly request: TimerProfile['request']

  constructor(world: World, latencyMs: number, request: TimerProfile['request']) {
    this.world = world
    this.latencyMs = latencyMs
    this.request = request
  }

  /** From a member at random to a key at random. */
  ask(from: Inhabitant): void {
    const key = nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * this.world.random())))
    this.counts.asked++
    this.attempt({ from, key, done: false }, 0)
  }

  private attempt(lookup: Lookup, attempts: number): void {
    const { from, key } = lookup
    if (lookup.done) return
    if (from.gone) {
      this.counts.asked--
      lookup.done = true
    } else if (attempts > this.request.resends) {
      this.counts.unanswered++
      lookup.done = true
    } else {
      const { clock } = this.world
      const waitMs = this.request.firstTimeoutMs * 2 ** attempts
      clock.callAt(clock.now() + waitMs, () => this.attempt(lookup, attempts + 1))
      this.arrive(lookup, greedyPacket(from.address, key), from, undefined, attempts)
    }
  }

  private arrive(
    lookup: Lookup,
    packet: Routable,
    at: Inhabitant,
    previous: Address | undefined,
    attempts: number,
  ): void {
    if (at.gone || lookup.done) return
    const { deliver, next } = nextHop(packet, at.node.table, previous, at.node.config.lookahead)
    if (deliver) this.settle(lookup, at, packet.hops, attempts)
    const link = next === undefined ? undefined : at.node.table.get(next)
    if (!link?.active || !hasRole(link.allRoles, STRUCTURED)) return
    const far = this.world.at(link.address)
    if (!far) return
    const { clock } = this.world
    const delayMs = this.latencyMs * (link.active.kind === 'direct' ? 1 : RELAY_DETOUR)
    const onward = { ...packet, hops: packet.hops + 1 }
    clock.callAt(clock.now() + delayMs, () => this.arrive(lookup, onward, far, at.address, attempts))
  }

  private settle(lookup: Lookup, at: Inhabitant, hops: number, attempts: number): void {
    lookup.done = true
    this.counts.hops += hops
    if (!isOwner(this.world, at.address, lookup.key)) this.counts.wrong++
    else {
      this.counts.right++
      if (attempts === 0) this.counts.rightAtOnce++
    }
  }
}
