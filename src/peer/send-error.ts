/** Send error: why a message was not delivered, as an application is told. */
import type { Address } from '../overlay/address.ts'
import type { SendFailure } from '../overlay/effects.ts'
import { MAX_QUEUED_BYTES } from '../overlay/message-streams.ts'
import { OvertureError } from '../overture-error.ts'

/** `to` is undefined for a message to all; `relayPace` is in bytes per second. */
export function errorOf(failure: SendFailure, to: Address | undefined, relayPace: number): OvertureError {
  switch (failure) {
    case 'unreachable':
      return to === undefined ? OvertureError.nobodyReached() : OvertureError.unreachable(to)
    case 'too-much-unsent':
      return OvertureError.tooMuchUnsent(MAX_QUEUED_BYTES)
    case 'relay-too-slow':
      return OvertureError.relayTooSlow(to, relayPace)
    case 'left':
      return OvertureError.left()
  }
}
