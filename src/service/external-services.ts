/** Where are STUN and TURN servers? External service discovery (XEP-0215 §3) from a list that the host gives. */
import { type Element, xml } from '../xmpp/stanza.ts'
import type { Answer, Request } from './iq.ts'

export const EXTERNAL_SERVICES_NS = 'urn:xmpp:extdisco:2'

export type ExternalService = {
  type: 'stun' | 'turn' | 'stuns' | 'turns'
  host: string
  port: number
  transport?: 'udp' | 'tcp'
  username?: string
  password?: string
  /** When the credentials end, as XEP-0082 writes it. */
  expires?: string
}

export function answerExternalServices({ type, query }: Request, services: ExternalService[]): Answer {
  if (type === 'set') return 'bad-request'
  if (query.getName() === 'services') {
    const wanted: string | undefined = query.attrs.type
    const found = services.filter((service) => wanted === undefined || service.type === wanted)
    return xml('services', { xmlns: EXTERNAL_SERVICES_NS, type: wanted }, ...found.map(serviceElement))
  }
  if (query.getName() !== 'credentials') return 'bad-request'
  // XEP-0215 §3.3: type and host are named, the port only where it is needed to tell services apart.
  const { type: kind, host, port } = query.getChild('service')?.attrs ?? {}
  if (kind === undefined || host === undefined) return 'bad-request'
  const found = services.filter((it) => it.type === kind && it.host === host && (port ?? `${it.port}`) === `${it.port}`)
  if (found.length === 0) return 'item-not-found'
  return xml('credentials', { xmlns: EXTERNAL_SERVICES_NS }, ...found.map(serviceElement))
}

function serviceElement(service: ExternalService): Element {
  const { port, ...rest } = service
  const restricted = service.username === undefined ? undefined : '1'
  return xml('service', { ...rest, port: `${port}`, restricted })
}
