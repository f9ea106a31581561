/** Which XMPP service is meant, as whom, and may a password travel there? Judged before anything is sent. */
import { OvertureError } from '../overture-error.ts'

export type ServiceAddress = {
  /** The WebSocket's URL, as given. */
  url: string
  domain: string
  /** The part before `@` of the user's own account; undefined for a stranger. */
  username: string | undefined
}

const HTTP_PROBE_TIMEOUT_MS = 3_000 // A guess.
const MAX_JID_PART_BYTES = 1_023 // RFC 7622 §3.2 and §3.3.

/** Throws an OvertureError that says what is wrong. */
export function readServiceAddress(options: {
  service: string
  domain?: string | undefined
  jid?: string | undefined
}): ServiceAddress {
  const { service, jid } = options
  const url = URL.canParse(service) ? new URL(service) : undefined
  if (url === undefined || !/^wss?:$/.test(url.protocol) || url.hash !== '') throw OvertureError.badService(service)
  const [bare = ''] = (jid ?? '').split('/')
  const at = bare.lastIndexOf('@')
  const domain = options.domain || (at < 0 ? domainOf(url) : bare.slice(at + 1))
  const username = jid === undefined ? undefined : at < 0 ? bare : bare.slice(0, at)
  if (!isJidPart(domain) || (username !== undefined && !isJidPart(username)))
    throw OvertureError.badAccount(jid ?? domain)
  if (username !== undefined && url.protocol === 'ws:' && !isLoopback(url)) throw OvertureError.unsafePassword(service)
  return { url: service, domain: domain.toLowerCase(), username }
}

function domainOf(url: URL): string {
  const isIp = url.hostname.startsWith('[') || /^\d+(\.\d+){3}$/.test(url.hostname)
  return isIp ? 'localhost' : url.hostname
}

/** Secure Contexts §3.1: what never leaves the machine. */
function isLoopback({ hostname }: URL): boolean {
  return /^(.+\.)?localhost\.?$|^127(\.\d+){3}$|^\[::1\]$/.test(hostname)
}

/** RFC 7622 §3.3: without the characters that a JID cannot have there. */
function isJidPart(text: string): boolean {
  return text.length <= MAX_JID_PART_BYTES && /^[^\s\p{Cc}"&'/:<>@]+$/u.test(text)
}

/** A browser does not tell a dead host from one that opens no WebSocket; whether it answers HTTP tells. */
export function answersHttp({ url }: ServiceAddress): Promise<boolean> {
  const signal = AbortSignal.timeout(HTTP_PROBE_TIMEOUT_MS)
  return fetch(url.replace(/^ws/, 'http'), { mode: 'no-cors', signal }).then(
    () => true,
    () => false,
  )
}
