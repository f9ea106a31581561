/** Where do the people of a new space meet? `config.json` beside the page says so, else the page's own origin. */
import { isDomain, isService } from './space-link.ts'

export type ServiceConfig = { service: string; domain?: string }

/** The path at which the embedded service, Prosody and ejabberd's examples answer (RFC 7395 leaves it open). */
const DEFAULT_PATH = '/xmpp-websocket'
const DEFAULT_DOMAIN = 'localhost'

/** What `config.json` may hold: `{}`, or `service` (a URL or a domain) and perhaps `domain`. Anything unusable counts as absent. */
export function readServiceConfig(value: unknown, page: { protocol: string; host: string }): ServiceConfig {
  const { service, domain } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (typeof service !== 'string' || !isService(service)) {
    const scheme = page.protocol === 'https:' ? 'wss' : 'ws'
    return { service: `${scheme}://${page.host}${DEFAULT_PATH}`, domain: DEFAULT_DOMAIN }
  }
  return typeof domain === 'string' && isDomain(domain) ? { service, domain } : { service }
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
