/**
 * ICE server: which STUN and TURN servers does a service name, and which of them can a browser use? What a service says
 * is read to a description or to undefined; nothing throws, and nothing that RTCPeerConnection would refuse is handed
 * out, as one bad server would spoil every attempt.
 */
import type { Element } from '../xmpp/stanza.ts'

/** ICE slows down with each server more; browsers warn from five on. */
export const MAX_ICE_SERVERS = 4
const MAX_USERNAME_BYTES = 508 // RFC 8489 §14.3; Chromium refuses a connection beyond it.
const MAX_HOST_LENGTH = 253 // RFC 1035 §2.3.4, without the dot at the end.
/** RFC 1123 §2.1, and underscores, which some have. */
const HOST_NAME = /^[a-z0-9_](-*[a-z0-9_])*(\.[a-z0-9_](-*[a-z0-9_])*)*$/i
const MAX_PASSWORD_LENGTH = 1_024 // A guess: many times what anybody's TURN server gives.

/** By what way a server is reached. One of each is worth more than several of one. */
export type Way = 'stun' | 'turn-udp' | 'turn-tcp' | 'turns'
/** Best first: what makes most links, then what makes links where less and less is let through. */
const WAYS: readonly Way[] = ['stun', 'turn-udp', 'turns', 'turn-tcp']

export type IceService = {
  way: Way
  /** A name or an address; one of IPv6 without its brackets. */
  host: string
  port: number | undefined
  credentials: { username: string; password: string } | undefined
  /** XEP-0215: whether credentials are needed; undefined where the service does not say. */
  restricted: boolean | undefined
  /** When the credentials end, in milliseconds since 1970; undefined for never. */
  expiresAtMs: number | undefined
}

/** A `<service/>` of XEP-0215 (its version does not matter); undefined for one that no browser could use. */
export function readIceService({ attrs }: Element): IceService | undefined {
  const way = wayOf(textOf(attrs.type), textOf(attrs.transport))
  const host = readHost(textOf(attrs.host))
  const port = textOf(attrs.port)?.trim()
  if (way === undefined || host === undefined || !isPort(port)) return undefined
  return {
    way,
    host,
    port: port === undefined ? undefined : Number(port),
    credentials: readCredentials(textOf(attrs.username), textOf(attrs.password)),
    restricted: readBoolean(textOf(attrs.restricted)),
    expiresAtMs: readDate(textOf(attrs.expires)),
  }
}

/** Undefined for what cannot be used as it is: a TURN server without credentials. */
export function iceServerOf({ way, host, port, credentials }: IceService): RTCIceServer | undefined {
  const shown = `${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`
  // RFC 7064 has no transport on STUN, and Chromium refuses one.
  if (way === 'stun') return { urls: `stun:${shown}` }
  if (credentials === undefined) return undefined
  const { username, password } = credentials
  const urls = way === 'turns' ? `turns:${shown}?transport=tcp` : `turn:${shown}?transport=${way.slice('turn-'.length)}`
  return { urls, username, credential: password }
}

/** The best few: one of each way first, then the second of each, in the order in which the service names them. */
export function chooseIceServers(services: readonly IceService[], nowMs: number): RTCIceServer[] {
  const queues = WAYS.map((way) =>
    services
      .filter((service) => service.way === way && !hasExpired(service, nowMs))
      .flatMap((it) => iceServerOf(it) ?? []),
  )
  const chosen = new Map<string, RTCIceServer>()
  for (let place = 0; queues.some((queue) => place < queue.length); place += 1) {
    for (const queue of queues) {
      const server = queue[place]
      if (server !== undefined && chosen.size < MAX_ICE_SERVERS) chosen.set(String(server.urls), server)
    }
  }
  return [...chosen.values()]
}

/** True once the credentials have ended. */
export function hasExpired({ expiresAtMs }: IceService, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs
}

/** STUN over TCP or TLS and TURN over DTLS are left out: no browser asks them. */
function wayOf(type: string | undefined, transport: string | undefined): Way | undefined {
  const over = transport?.trim() ?? (type === 'turns' ? 'tcp' : 'udp')
  if (over !== 'udp' && over !== 'tcp') return undefined
  if (type === 'turn') return `turn-${over}`
  if (type === 'turns') return over === 'tcp' ? 'turns' : undefined
  return type === 'stun' && over === 'udp' ? 'stun' : undefined
}

export function readHost(text: string | undefined): string | undefined {
  const host = text?.trim().replace(/^\[(.*)\]$/, '$1') ?? ''
  if (host.length <= MAX_HOST_LENGTH && HOST_NAME.test(host)) return host
  return /^[0-9a-f:.]{2,45}$/i.test(host) && host.includes(':') && URL.canParse(`http://[${host}]`) ? host : undefined
}

/** Also true for none: then the type says which. */
export function isPort(port: string | undefined): boolean {
  return port === undefined || (/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536)
}

export function readCredentials(username: string | undefined, password: string | undefined): IceService['credentials'] {
  if (!username || !password || password.length > MAX_PASSWORD_LENGTH) return undefined
  if (username.length > MAX_USERNAME_BYTES || new TextEncoder().encode(username).length > MAX_USERNAME_BYTES) {
    return undefined
  }
  return { username, password }
}

/** XML Schema, part 2, §3.2.2: `1` is what Prosody writes, `true` what ejabberd writes. */
function readBoolean(text: string | undefined): boolean | undefined {
  switch (text?.trim()) {
    case 'true':
    case '1':
      return true
    case 'false':
    case '0':
      return false
    default:
      return undefined
  }
}

/** XEP-0082 §3.2. A date that is none says nothing: the credentials are tried. */
function readDate(text: string | undefined): number | undefined {
  const date = text?.trim() ?? ''
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(date)) return undefined
  const ms = Date.parse(date)
  return Number.isFinite(ms) ? ms : undefined
}

export function textOf(attribute: unknown): string | undefined {
  return typeof attribute === 'string' ? attribute : undefined
}
