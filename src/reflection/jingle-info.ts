/**
 * Jingle info: what Google Talk told its clients before there was XEP-0215, and a few servers tell to this day.
 *
 *   <query xmlns='google:jingleinfo'>
 *     <stun><server host='stun.example.org' udp='3478'/></stun>
 *     <relay><token>…</token><server host='relay.example.org' udp='3478' tcp='3478' tcpssl='443'/></relay>
 *   </query>
 *
 * Google's own relays spoke a TURN older than the standard, with the token as the user's name. Those of others speak
 * the standard one; the token serves as name and password, unless the server element has some of its own.
 */
import type { Element } from '../xmpp/stanza.ts'
import { type IceService, isPort, readCredentials, readHost, textOf, type Way } from './ice-server.ts'

export const JINGLE_INFO_XMLNS = 'google:jingleinfo'

const STUN_PORTS: Record<string, Way> = { udp: 'stun' }
const RELAY_PORTS: Record<string, Way> = { udp: 'turn-udp', tcp: 'turn-tcp', tcpssl: 'turns' }

/** At most so many services; `unusable` counts the servers of which none came. */
export function readJingleInfo(query: Element, limit: number): { services: IceService[]; unusable: number } {
  const services: IceService[] = []
  let unusable = 0
  let servers = 0
  for (const section of query.getChildElements()) {
    const name = section.getName()
    if (name !== 'stun' && name !== 'relay') continue
    const token = section.getChild('token')?.getText().trim()
    for (const server of section.getChildren('server')) {
      servers += 1
      if (servers > limit) return { services, unusable }
      const found = name === 'stun' ? readServer(server, STUN_PORTS, undefined) : readServer(server, RELAY_PORTS, token)
      services.push(...found)
      if (found.length === 0) unusable += 1
    }
  }
  return { services, unusable }
}

function readServer({ attrs }: Element, ports: Record<string, Way>, token: string | undefined): IceService[] {
  const host = readHost(textOf(attrs.host))
  if (host === undefined) return []
  const credentials = readCredentials(textOf(attrs.username), textOf(attrs.password)) ?? readCredentials(token, token)
  return Object.entries(ports).flatMap(([attribute, way]) => {
    const port = textOf(attrs[attribute])?.trim()
    if (port === undefined || !isPort(port) || (way !== 'stun' && credentials === undefined)) return []
    return [{ way, host, port: Number(port), credentials, restricted: undefined, expiresAtMs: undefined }]
  })
}
