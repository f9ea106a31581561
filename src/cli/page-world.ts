/**
 * What would a page of somebody else's get from this server? Gives this process the WebSocket and the fetch of such a
 * page: both name its origin, and what the server does not let a page read is not read. Notes what passes.
 */
import { WebSocket } from 'ws'
import { parseXml } from '../xmpp/stanza.ts'
import { readStreamLimits, type StreamLimits } from '../xmpp/stream-limits.ts'

/** RFC 6761 §6.4: a name that is nobody's. */
export const FOREIGN_ORIGIN = 'https://overture.invalid'
const MAX_MESSAGE_BYTES = 1_048_576 // A guess: four times what servers let each other's users send.
const MAX_READ_LENGTH = 65_536 // A guess: features are a few kB.
const MAX_MECHANISMS = 32 // A guess: servers have about ten.
const PATIENCE_MS = 5_000 // A guess: a few round trips of a bad mobile network.

const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl'
const SASL2_NS = 'urn:xmpp:sasl:2'
const REGISTER_NS = 'http://jabber.org/features/iq-register'
const MANAGEMENT_NS = 'urn:xmpp:sm:3'

/** What one connection has shown of the server. */
export class Sight {
  opened = false
  /** Why the WebSocket did not open. */
  why = ''
  mechanisms: string[] = []
  registers = false
  limits: StreamLimits | undefined
  /** XEP-0198: undefined where it was not switched on. */
  management: { resumes: boolean; maxS: number | undefined } | undefined
  offersManagement = false

  /** One message of the server. Never throws. */
  read(text: string): void {
    // RFC 7395 §3.3: each is one whole element. Most are stanzas, and not for us.
    if (text.length > MAX_READ_LENGTH || !/^<(stream:features|features|enabled)\b/.test(text)) return
    const element = parseXml(text)
    if (element === undefined) return
    if (element.is('enabled')) {
      const { resume, max } = element.attrs as Record<string, unknown>
      const maxS = typeof max === 'string' && /^\d{1,9}$/.test(max) ? Number(max) : undefined
      this.management = { resumes: resume === 'true' || resume === '1', maxS }
      return
    }
    const ways = [element.getChild('mechanisms', SASL_NS), element.getChild('authentication', SASL2_NS)]
    const names = ways.flatMap((way) => way?.getChildren('mechanism') ?? []).map((mechanism) => mechanism.getText())
    if (names.length > 0) this.mechanisms = [...new Set(names)].slice(0, MAX_MECHANISMS)
    this.registers ||= element.getChild('register', REGISTER_NS) !== undefined
    this.offersManagement ||= element.getChild('sm', MANAGEMENT_NS) !== undefined
    this.limits = readStreamLimits(element) ?? this.limits
  }
}

export class PageWorld {
  /** Of each connection, in the order in which they were opened. */
  readonly sights: Sight[] = []
  /** Files that are there, and that the server lets no page read. */
  readonly hidden: string[] = []

  /** For this process, and for good. */
  install(): void {
    const { sights } = this
    class PageWebSocket extends WebSocket {
      constructor(url: string, protocols?: string | string[]) {
        // As in a page, each message is an event of its own; else stream management counts some stanzas twice.
        const manners = { allowSynchronousEvents: false, maxPayload: MAX_MESSAGE_BYTES }
        super(url, protocols, { ...manners, origin: FOREIGN_ORIGIN })
        const sight = new Sight()
        sights.push(sight)
        this.on('open', () => {
          sight.opened = true
        })
        this.on('error', ({ message }) => {
          sight.why ||= message
        })
        this.on('message', (data) => sight.read(String(data)))
      }
    }
    Object.assign(globalThis, { WebSocket: PageWebSocket, fetch: this.fetchFrom(globalThis.fetch) })
  }

  /** Fetch §3.3: what names no origin that is ours, or all, is not for us. */
  private fetchFrom(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    return async (resource, init = {}) => {
      const response = await fetch(resource, { ...init, headers: { origin: FOREIGN_ORIGIN } })
      const allowed = response.headers.get('access-control-allow-origin')
      if (init.mode === 'no-cors' || allowed === '*' || allowed === FOREIGN_ORIGIN) return response
      if (response.ok) this.hidden.push(String(resource))
      await response.body?.cancel()
      throw new TypeError('The server lets no page of another origin read this.')
    }
  }
}

/** Whether it opens for a program, which has no origin. Never rejects. */
export function opensWithoutOrigin(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, 'xmpp', { handshakeTimeout: PATIENCE_MS })
    const conclude = (opened: boolean) => {
      resolve(opened)
      socket.terminate()
    }
    socket.on('open', () => conclude(true))
    socket.on('error', () => conclude(false))
  })
}
