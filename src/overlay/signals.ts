/**
 * Signals: small messages to any node of the ring, linked to us or not, for those who want to agree on a link with it.
 * A datagram service: nothing is kept here and nothing sent again, so that a flood of strangers' signals costs no memory.
 *
 *   ways   the link to the node, if there is one; those of our links that name it, and those whom it named as forwarders,
 *          last heard first; by way of the ring. Whoever sends a signal again sends it the next way.
 *
 * The ring alone would not do: while it heals, the two who are next to each other and not linked yet are just the ones
 * to whom no packet is routed.
 */
import { type Address, parseAddress } from './address.ts'
import type { Connection } from './connection.ts'
import type { NodeCore } from './node-core.ts'
import { routableFrame } from './routable-frame.ts'

/** An offer with a dozen ICE candidates takes about 1 kB, signed; a relay carries it in two stanzas at most. */
export const MAX_SIGNAL_BYTES = 4_224

type Way = Connection | 'ring'

export class Signals {
  private readonly core: NodeCore
  /** Whom this node has named as those through whom it can be reached. */
  private readonly namedBy: (far: Address) => readonly Address[]

  constructor(core: NodeCore, namedBy: (far: Address) => readonly Address[]) {
    this.core = core
    this.namedBy = namedBy
  }

  send(to: Address, data: Uint8Array, attempt: number): void {
    const { core } = this
    if (data.length > MAX_SIGNAL_BYTES) throw new Error(`a signal has at most ${MAX_SIGNAL_BYTES} bytes`)
    if (to === core.config.address || !parseAddress(to)) {
      core.count('signal: to no other node')
      return
    }
    const signal = { mode: 'exact', body: 'signal', destination: to, payload: data } as const
    const ways = this.waysTo(to)
    const way = ways[attempt % ways.length] as Way
    const isDirect = way === 'ring' || way.address === to
    const isSent = isDirect
      ? core.sendPacket(signal)
      : core.sendPacket({
          mode: 'exact',
          body: 'forward',
          destination: way.address,
          payload: routableFrame(core, signal),
        })
    if (!isSent) core.count('signal: nowhere to send it')
  }

  /** `isOwn`: it has come over the sender's own link. */
  received(from: Address, data: Uint8Array, isOwn: boolean): void {
    if (data.length > MAX_SIGNAL_BYTES) this.core.count('signal: too large')
    else this.core.emit({ type: 'signalled', from, data, isOwn })
  }

  private waysTo(to: Address): Way[] {
    const { table } = this.core
    const named = this.namedBy(to)
    const ways: Connection[] = []
    for (const connection of table.all()) {
      if (connection.active && isWay(connection, to, named)) ways.push(connection)
    }
    // Who is suspected may be gone. A link of our own needs nobody else.
    const rank = (way: Connection) => (way.suspected ? 2 : way.address === to ? 0 : 1)
    ways.sort((a, b) => rank(a) - rank(b) || b.heardAtMs - a.heardAtMs || (a.address < b.address ? -1 : 1))
    return [...ways, 'ring']
  }
}

function isWay({ address, status, links }: Connection, to: Address, named: readonly Address[]): boolean {
  return address === to || status.neighbours.includes(to) || links.includes(to) || named.includes(address)
}
