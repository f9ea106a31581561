/** Where do the people of a new space meet? `config.json` beside the page says so, else the page's own origin. */
import { isDomain, isService, whatIsWrongWithName } from './space-link.ts'

export type ServiceConfig = {
  service: string
  domain?: string
  /** The public ring inside which spaces can open; undefined where this page joins none. */
  publicRing?: string
}

/** The path at which the embedded service, Prosody and ejabberd's examples answer (RFC 7395 leaves it open). */
const DEFAULT_PATH = '/xmpp-websocket'
const DEFAULT_DOMAIN = 'localhost'

/**
 * What `config.json` may hold: `service` (a URL or a domain) and perhaps `domain`; and `publicRing`, the name of a public ring.
 * Anything unusable counts as absent.
 */
export function readServiceConfig(value: unknown, page: { protocol: string; host: string }): ServiceConfig {
  const config = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const { service, domain, publicRing } = config
  const isRing = typeof publicRing === 'string' && whatIsWrongWithName(publicRing) === undefined
  const ring = isRing ? { publicRing } : {}
  if (typeof service !== 'string' || !isService(service)) {
    const scheme = page.protocol === 'https:' ? 'wss' : 'ws'
    return { service: `${scheme}://${page.host}${DEFAULT_PATH}`, domain: DEFAULT_DOMAIN, ...ring }
  }
  return typeof domain === 'string' && isDomain(domain) ? { service, domain, ...ring } : { service, ...ring }
}

/** Never rejects: a page without its config still works on its own origin. */
export async function loadServiceConfig(): Promise<ServiceConfig> {
  try {
    const response = await fetch(new URL('config.json', document.baseURI), { cache: 'no-cache' })
    return readServiceConfig(response.ok ? await response.json() : undefined, location)
  } catch {
    return readServiceConfig(undefined, location)
  }
}
