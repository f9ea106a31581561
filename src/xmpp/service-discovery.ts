/**
 * Service discovery: at which address does a domain's XMPP service take WebSockets? The domain's web server says so, in
 * `/.well-known/host-meta.json` or in `/.well-known/host-meta` (XEP-0156 §3): the link whose relation is
 * `urn:xmpp:alt-connections:websocket`.
 *
 * Whoever answers is a stranger: what is read is bounded in size and time, and only an encrypted address is believed, or
 * one of this machine that this machine has named.
 */
import { OvertureError } from '../overture-error.ts'
import { isLoopback, type ServiceAddress } from './service-address.ts'
import { parseXml } from './stanza.ts'

const WEBSOCKET_RELATION = 'urn:xmpp:alt-connections:websocket'
const XRD_NS = 'http://docs.oasis-open.org/ns/xri/xrd-1.0'

const ANSWER_TIMEOUT_MS = 5_000 // A guess: a few round trips of a bad mobile network.
const MAX_BODY_BYTES = 65_536 // A guess: a hundred times what such files have.
const MAX_URL_LENGTH = 2_048 // A guess, well above real addresses.

/** Both are asked at once. The first is preferred, as XEP-0156 §3.2 has it for pages. */
const FILES: [path: string, hrefsIn: (text: string) => string[]][] = [
  ['/.well-known/host-meta.json', hrefsInJson],
  ['/.well-known/host-meta', hrefsInXrd],
]

/** The address of one service: as given, or as found and kept until it fails. */
export class ServiceLocation {
  private readonly address: ServiceAddress
  private found: string | undefined
  private isStale = false

  constructor(address: ServiceAddress) {
    this.address = address
  }

  /** Undefined while it has to be found first. */
  get url(): string | undefined {
    return this.address.url ?? (this.isStale ? undefined : this.found)
  }

  /** Resolves to the URL; rejects with an OvertureError. */
  async find(signal: AbortSignal): Promise<string> {
    const { url, host } = this.address
    if (url !== undefined) return url
    try {
      this.found = await discover(host, signal)
    } catch (error) {
      // It was there before, and the network may be what fails.
      if (this.found === undefined) throw error
    }
    this.isStale = false
    return this.found
  }

  /** Nobody answers there: it is looked for again. */
  failed(): void {
    this.isStale = true
  }
}

/** The host may have a port where it is this machine. */
export async function discover(host: string, signal: AbortSignal): Promise<string> {
  const onLoopback = isLoopback(new URL(`http://${host}`))
  const origin = `${onLoopback ? 'http' : 'https'}://${host}`
  const enough = new AbortController()
  const patience = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)])
  const texts = FILES.map(([path]) => read(new URL(path, origin), onLoopback, patience))
  let isAnything = false
  try {
    for (const [index, [, hrefsIn]] of FILES.entries()) {
      const text = await texts[index]
      isAnything ||= text !== undefined
      const url = hrefsIn(text ?? '').find((href) => isUsable(href, onLoopback))
      if (url !== undefined) return url
    }
  } finally {
    enough.abort()
  }
  const what = onLoopback ? 'ws:// or wss://' : 'wss://'
  throw OvertureError.serviceNotFound(host, isAnything ? `it names no ${what} address` : 'it gives no answer to a page')
}

/** Undefined for anything but a whole answer of a usable size. */
async function read(url: URL, mayBePlain: boolean, signal: AbortSignal): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal, credentials: 'omit', referrerPolicy: 'no-referrer' })
    const from = new URL(response.url || url)
    const isSafe = from.protocol === 'https:' || (mayBePlain && isLoopback(from))
    if (response.ok && isSafe && response.body !== null) return await wholeText(response.body)
    await response.body?.cancel()
  } catch {
    // Nobody is there, or they do not let a page read it (XEP-0156 §3.3 asks them to).
  }
  return undefined
}

async function wholeText(body: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > MAX_BODY_BYTES) {
      await reader.cancel()
      return undefined
    }
    text += decoder.decode(value, { stream: true })
  }
}

/** What a host-meta.json links to (RFC 6415 §3.1). Never throws. */
export function hrefsInJson(text: string): string[] {
  try {
    const { links } = JSON.parse(text) as { links?: unknown }
    if (!Array.isArray(links)) return []
    return links.flatMap((link) => {
      const { rel, href } = (link ?? {}) as Record<string, unknown>
      return rel === WEBSOCKET_RELATION && typeof href === 'string' ? [href] : []
    })
  } catch {
    return []
  }
}

/** What a host-meta links to (RFC 6415 §3). Never throws. */
export function hrefsInXrd(text: string): string[] {
  // The declaration is no element, and the parser knows nothing else.
  const xrd = parseXml(text.trimStart().replace(/^\uFEFF?<\?xml[^>]*\?>/, ''))
  if (xrd === undefined || !xrd.is('XRD', XRD_NS)) return []
  return xrd
    .getChildren('Link')
    .flatMap(({ attrs: { rel, href } }) => (rel === WEBSOCKET_RELATION && href ? [href] : []))
}

function isUsable(href: string, mayBePlain: boolean): boolean {
  if (href.length > MAX_URL_LENGTH || !URL.canParse(href)) return false
  const url = new URL(href)
  if (url.hash !== '' || url.username !== '' || url.password !== '') return false
  return url.protocol === 'wss:' || (url.protocol === 'ws:' && mayBePlain && isLoopback(url))
}
