/** Which XMPP service is meant, as whom, and may a password travel there? Judged before anything is sent. */
import { OvertureError } from '../overture-error.ts'

export type ServiceAddress = {
  /** The WebSocket's URL, as given; undefined where `host` has to be asked for it. */
  url: string | undefined
  /** With its port, if it has one. */
  host: string
  domain: string
  /** The part before `@` of the user's own account; undefined for a stranger. */
  username: string | undefined
}

const HTTP_PROBE_TIMEOUT_MS = 3_000 // A guess.
const MAX_DOMAIN_LENGTH = 261 // RFC 1035 §2.3.4, and a port.
const MAX_JID_PART_BYTES = 1_023 // RFC 7622 §3.2 and §3.3.

/** Throws an OvertureError that says what is wrong. */
export function readServiceAddress(options: {
  service: string
  domain?: string | undefined
  jid?: string | undefined
}): ServiceAddress {
  const { service, jid } = options
  const place = webSocketOf(service) ?? hostOf(service)
  if (place === undefined) throw OvertureError.badService(service)
  const [bare = ''] = (jid ?? '').split('/')
  const at = bare.lastIndexOf('@')
  const domain = options.domain || (at < 0 ? domainOf(place, service) : bare.slice(at + 1))
  const username = jid === undefined ? undefined : at < 0 ? bare : bare.slice(0, at)
  if (!isJidPart(domain) || (username !== undefined && !isJidPart(username)))
    throw OvertureError.badAccount(jid ?? domain)
  const isReadable = place.protocol === 'ws:' && !isLoopback(place)
  // SCRAM would keep the password, but not what is said after it.
  if (username !== undefined && isReadable) throw OvertureError.unsafePassword(service)
  const url = place.protocol === 'http:' ? undefined : service
  return { url, host: place.host, domain: domain.toLowerCase(), username }
}

/** Where a WebSocket may be opened. An account in the URL would be shown wherever the address is. */
function webSocketOf(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^wss?:$/.test(url.protocol)) return undefined
  return url.hash === '' && url.username === '' && url.password === '' ? url : undefined
}

/** A domain, whose web server may know where its service is; with a port only on this machine. */
function hostOf(text: string): URL | undefined {
  const isDomain = text.length <= MAX_DOMAIN_LENGTH && /^[\p{L}\p{N}]([\p{L}\p{N}.-]*[\p{L}\p{N}])?(:\d+)?$/u.test(text)
  if (!isDomain || !URL.canParse(`http://${text}`)) return undefined
  const url = new URL(`http://${text}`)
  return !text.includes(':') || isLoopback(url) ? url : undefined
}

function domainOf({ hostname, protocol }: URL, service: string): string {
  const isIp = hostname.startsWith('[') || /^\d+(\.\d+){3}$/.test(hostname)
  if (isIp) return 'localhost'
  // A URL has the ASCII form of an international domain; XMPP wants the other (RFC 7622 §3.2).
  return protocol === 'http:' ? service.replace(/:\d+$/, '') : hostname
}

/** Secure Contexts §3.1: what never leaves the machine. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(.+\.)?localhost\.?$|^127(\.\d+){3}$|^\[::1\]$/.test(hostname)
}

/** RFC 7622 §3.3: without the characters that a JID cannot have there. */
function isJidPart(text: string): boolean {
  return text.length <= MAX_JID_PART_BYTES && /^[^\s\p{Cc}"&'/:<>@]+$/u.test(text)
}

/** A browser does not tell a dead host from one that opens no WebSocket; whether it answers HTTP tells. */
export function answersHttp(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(HTTP_PROBE_TIMEOUT_MS)
  return fetch(url.replace(/^ws/, 'http'), { mode: 'no-cors', signal }).then(
    () => true,
    () => false,
  )
}
