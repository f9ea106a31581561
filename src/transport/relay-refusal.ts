/**
 * Relay refusal: an IQ of a relay channel was answered by an error. Is it worth to send it again? RFC 6120 §8.3.3 names
 * the conditions; its error types (§8.3.2) are recommendations that services follow loosely, so they are not looked at.
 */

/** `again` in a while; `over` ends the channel. */
export type RelayRefusal = 'again' | 'over'

/**
 * Conditions that pass by themselves. A service that limits what its users send says one of the first two, and so does
 * our own outbox when it is full; the others are answers that were lost, between servers or on their way to us.
 */
const PASSING = new Set(['resource-constraint', 'policy-violation', 'remote-server-timeout', 'timeout'])

/**
 * All else is final, known or not: nobody is there (`service-unavailable`, `recipient-unavailable`, `item-not-found`,
 * `gone`, `remote-server-not-found`), or does not want it (`forbidden`, `not-allowed`, `not-acceptable`, `bad-request`,
 * `unexpected-request`, …). Should it have been passing all the same, a new channel costs no more than one more dial.
 */
export function relayRefusal(condition: string): RelayRefusal {
  return PASSING.has(condition) ? 'again' : 'over'
}
