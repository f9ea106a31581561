/**
 * Either signalling: two ways to agree on a link as one. The endpoint says which: one whose target is an address of the
 * ring is offered to through the ring, any other through the XMPP service.
 */
import { parseAddress } from '../overlay/address.ts'
import { type Endpoint, targetOf } from '../overlay/endpoint.ts'
import type { SessionDescription, Signalling, SignallingSession } from '../ports.ts'

export class EitherSignalling implements Signalling {
  private readonly ring: Signalling
  private readonly served: Signalling

  constructor(ring: Signalling, served: Signalling) {
    this.ring = ring
    this.served = served
  }

  /** Where those can offer to us who are not in our ring yet; those who are know our address. */
  get endpoint(): Endpoint | undefined {
    return this.served.endpoint
  }

  get dropped(): ReadonlyMap<string, number> {
    const dropped = new Map(this.served.dropped)
    for (const [reason, count] of this.ring.dropped) dropped.set(reason, (dropped.get(reason) ?? 0) + count)
    return dropped
  }

  listen(incoming: (session: SignallingSession, offer: SessionDescription) => void): void {
    for (const signalling of [this.ring, this.served]) signalling.listen(incoming)
  }

  offer(to: Endpoint, offer: SessionDescription): SignallingSession {
    return (parseAddress(targetOf(to)) ? this.ring : this.served).offer(to, offer)
  }

  close(): void {
    this.ring.close()
    this.served.close()
  }
}
