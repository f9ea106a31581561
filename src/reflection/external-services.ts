/**
 * ExternalServices: how does the world see us? Asks the XMPP service for its STUN and TURN servers (XEP-0215,
 * `urn:xmpp:extdisco:2`) at each sign-in and again when half of the credentials' life is over. A service that has none is
 * no failure: links within one network need none.
 */
import type { Clock, Reflection, Stanzas } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'

export const EXTDISCO_XMLNS = 'urn:xmpp:extdisco:2'
/** ICE slows down with each server more; browsers warn from five on. */
const MAX_SERVERS = 4
/** Whatever a service says, it is not asked more often. A guess. */
const REFRESH_MIN_MS = 30_000
/** Longer than a timer can be set for; credentials that last so long are asked for at the next sign-in. */
const REFRESH_MAX_MS = 86_400_000

export class ExternalServices implements Reflection {
  readonly dropped = new Map<string, number>()
  private readonly stanzas: Stanzas
  private readonly clock: Clock
  private servers: RTCIceServer[] = []
  private cancelRefresh: (() => void) | undefined
  private readonly stop: () => void

  constructor(stanzas: Stanzas, clock: Clock) {
    this.stanzas = stanzas
    this.clock = clock
    this.stop = stanzas.onOnline(() => void this.ask())
  }

  iceServers(): RTCIceServer[] {
    return this.servers
  }

  close(): void {
    this.stop()
    this.cancelRefresh?.()
  }

  private async ask(): Promise<void> {
    this.cancelRefresh?.()
    try {
      const services = await this.stanzas.request({
        type: 'get',
        to: this.stanzas.domain,
        child: xml('services', { xmlns: EXTDISCO_XMLNS }),
      })
      this.take(services?.getChildren('service') ?? [])
    } catch {
      this.count('no answer')
    }
  }

  private take(services: Element[]): void {
    const servers: RTCIceServer[] = []
    let lifeMs = Number.POSITIVE_INFINITY
    for (const service of services) {
      const server = readIceServer(service)
      if (!server) this.count('unusable service')
      else if (servers.length < MAX_SERVERS) servers.push(server)
      const expires = Date.parse(service.attrs.expires ?? '')
      if (Number.isFinite(expires)) lifeMs = Math.min(lifeMs, expires - Date.now())
    }
    this.servers = servers
    if (lifeMs === Number.POSITIVE_INFINITY) return
    const afterMs = Math.min(REFRESH_MAX_MS, Math.max(REFRESH_MIN_MS, lifeMs / 2))
    this.cancelRefresh = this.clock.wakeAt(this.clock.now() + afterMs, () => void this.ask())
  }

  private count(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

/** Undefined for a service that RTCPeerConnection would refuse: one bad URL would spoil all. */
export function readIceServer(service: Element): RTCIceServer | undefined {
  const { type, host, port, transport, username, password } = service.attrs as Record<string, string | undefined>
  if (!type || !/^(stun|turn)s?$/.test(type)) return undefined
  if (!host || !/^[a-z0-9.:[\]-]{1,255}$/i.test(host)) return undefined
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536)) return undefined
  if (transport !== undefined && transport !== 'udp' && transport !== 'tcp') return undefined
  const shown = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const base = `${type}:${shown}${port ? `:${port}` : ''}`
  if (type.startsWith('stun')) {
    // Chromium takes no transport parameter on STUN, and asks over UDP only.
    return transport === 'tcp' ? undefined : { urls: base }
  }
  if (!username || !password) return undefined
  return { urls: transport ? `${base}?transport=${transport}` : base, username, credential: password }
}
