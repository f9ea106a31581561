/**
 * Endpoint: where a channel to a node can be had, as `scheme:rest`.
 *
 *   xmpp:juliet@capulet.lit/3f2a…   a relay channel over XMPP stanzas
 *   webrtc:juliet@capulet.lit/3f2a… a direct channel, signalled over XMPP
 *   memory:7                        a channel inside a simulation
 */

/** A JID alone may have 3 071 bytes (RFC 7622 §3.1); nobody we meet needs that many. */
export const MAX_ENDPOINT_LENGTH = 1_024

export type Endpoint = string & { readonly __endpoint: true }

/** Returns undefined for text that is no endpoint, so that what strangers claim can be dropped and counted. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (text.length > MAX_ENDPOINT_LENGTH || !/^[a-z][a-z0-9-]{0,15}:[^\s\p{Cc}]+$/u.test(text)) return undefined
  return text as Endpoint
}

export function schemeOf(endpoint: Endpoint): string {
  return endpoint.slice(0, endpoint.indexOf(':'))
}

export function hasScheme(endpoint: Endpoint, scheme: string): boolean {
  return endpoint.startsWith(scheme) && endpoint[scheme.length] === ':'
}

/** What follows the scheme: the full JID of an `xmpp:` or `webrtc:` endpoint. */
export function targetOf(endpoint: Endpoint): string {
  return endpoint.slice(endpoint.indexOf(':') + 1)
}

export function endpointOf(scheme: string, target: string): Endpoint {
  return `${scheme}:${target}` as Endpoint
}
