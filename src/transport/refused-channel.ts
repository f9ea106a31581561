/** Refused channel: a dial that came to nothing before it began. Its dialler hears so in a later turn, as of any other. */
import type { Endpoint } from '../overlay/endpoint.ts'
import type { Channel, ChannelEvents } from '../ports.ts'

export class RefusedChannel implements Channel {
  readonly kind = 'direct'
  readonly endpoint: Endpoint
  readonly congested = false
  private readonly reason: string
  private closed = false

  constructor(endpoint: Endpoint, reason: string) {
    this.endpoint = endpoint
    this.reason = reason
  }

  bind(events: ChannelEvents): void {
    queueMicrotask(() => {
      if (!this.closed) events.closed(this.reason)
      this.closed = true
    })
  }

  send(): void {}

  close(): void {
    this.closed = true
  }
}
