/**
 * Ring endpoint: who can be dialled by what travels through the ring, with no service between, says so by an endpoint
 * whose target is its own address, such as `webrtc:<address>`. It stands beside those of the same scheme that need a
 * service, and after them, as a node that knows of no such endpoints takes the first.
 */
import { type Address, parseAddress } from './address.ts'
import { type Endpoint, endpointOf, hasScheme, targetOf } from './endpoint.ts'
import type { DialledTransport, NodeConfig } from './node-config.ts'
import type { NodeCore } from './node-core.ts'

/** Those of our own. */
export function ringEndpoints({ transports, address }: Pick<NodeConfig, 'transports' | 'address'>): Endpoint[] {
  return transports.filter(({ throughRing }) => throughRing).map(({ scheme }) => endpointOf(scheme, address))
}

/** Of a node's endpoints those that this transport can dial, the ring endpoint first: it costs no service anything. */
export function endpointsOf(
  { scheme, nearby, throughRing }: DialledTransport,
  endpoints: readonly Endpoint[],
  address: Address,
  core: Pick<NodeCore, 'shows'>,
): Endpoint[] {
  const ours = endpoints.filter((endpoint) => hasScheme(endpoint, scheme) && (!nearby || core.shows(endpoint)))
  if (!ours.some((endpoint) => targetOf(endpoint) === address)) return ours
  const served = ours.filter((endpoint) => targetOf(endpoint) !== address)
  return throughRing ? [endpointOf(scheme, address), ...served] : served
}

/**
 * Whether what it takes to dial there can leave from here: through the ring always, through a service while we have an
 * endpoint of our own there.
 */
export function isServed(endpoint: Endpoint, core: Pick<NodeCore, 'config' | 'endpoints'>): boolean {
  const { address, transports } = core.config
  for (const { scheme, throughRing } of transports) {
    if (!hasScheme(endpoint, scheme)) continue
    if (throughRing && parseAddress(targetOf(endpoint))) return true
    return core.endpoints.some((own) => hasScheme(own, scheme) && targetOf(own) !== address)
  }
  return false
}
