/**
 * ExternalServices: how does the world see us? Asks the XMPP service for its STUN and TURN servers: by XEP-0215 1.0.0,
 * by its older version, and if neither is known by Google's jingle info, of the service and of our own account.
 *
 *   unknown --sign-in--> asking --servers--> known --half of the credentials' life, a push, a refusal--> asking
 *                          '----- none, no answer -----> unknown
 *
 * A service that has none is no failure: links within one network need none. What is known stays in use until it
 * expires, whatever becomes of later questions.
 */
import { type Clock, type Reflection, StanzaError, type Stanzas } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { chooseIceServers, hasExpired, type IceService, readIceService } from './ice-server.ts'
import { JINGLE_INFO_XMLNS, readJingleInfo } from './jingle-info.ts'

export const EXTDISCO_XMLNS = 'urn:xmpp:extdisco:2'
export const OLD_EXTDISCO_XMLNS = 'urn:xmpp:extdisco:1'
/** Of what one answer names, so much is looked at. A guess: eight machines, each in every way. */
const MAX_SERVICES = 32
/** Questions for credentials in one round. A guess: services name them at once, or few need any. */
const MAX_CREDENTIAL_REQUESTS = 4
/** A late answer helps whoever dials after it. A guess: thrice as long as other answers are waited for. */
const ANSWER_TIMEOUT_MS = 30_000
/** Whatever a service says, it is not asked more often. A guess. */
const REFRESH_MIN_MS = 30_000
/** Longer than a timer can be set for. */
const REFRESH_MAX_MS = 86_400_000
/** A service that never answers is left alone until the next sign-in. A guess. */
const MAX_UNANSWERED = 3
/** RFC 6120 §8.3.3: the errors that tell us to ask in another way; others, such as a timeout, may pass. */
const NOT_OFFERED = new Set(
  'service-unavailable feature-not-implemented item-not-found forbidden not-allowed not-acceptable bad-request'.split(
    ' ',
  ),
)

type Credentials = Pick<IceService, 'credentials' | 'expiresAtMs'>

export type ExternalServicesOptions = {
  stanzas: Stanzas
  clock: Clock
  /** Milliseconds since 1970: credentials end by the calendar, also while a computer sleeps. */
  today?: () => number
  /** A server is known that was not known before: links that failed may be made now. */
  found?: () => void
}

export class ExternalServices implements Reflection {
  readonly dropped = new Map<string, number>()
  private readonly options: ExternalServicesOptions
  private readonly today: () => number
  private services: IceService[] = []
  /** Names a round of questions; what belongs to an earlier one comes too late. */
  private round = 0
  private askedAtMs = Number.NEGATIVE_INFINITY
  private unanswered = 0
  private planned: { atMs: number; cancel: () => void } | undefined
  private readonly stops: (() => void)[]

  constructor(options: ExternalServicesOptions) {
    this.options = options
    this.today = options.today ?? Date.now
    const { stanzas } = options
    this.stops = [
      stanzas.onIq('set', 'services', EXTDISCO_XMLNS, (_, from) => this.handlePush(from)),
      stanzas.onIq('set', 'services', OLD_EXTDISCO_XMLNS, (_, from) => this.handlePush(from)),
      stanzas.onIq('set', 'query', JINGLE_INFO_XMLNS, (_, from) => this.handlePush(from)),
      stanzas.onOffline(() => this.unplan()),
      stanzas.onOnline(() => {
        this.unanswered = 0
        void this.ask()
      }),
    ]
  }

  iceServers(): RTCIceServer[] {
    const nowMs = this.today()
    // The page may have slept through the time at which it was to ask.
    if (this.services.some((service) => hasExpired(service, nowMs))) this.askSoon()
    return chooseIceServers(this.services, nowMs)
  }

  refused(): void {
    this.count('refused by a TURN server')
    this.askSoon()
  }

  close(): void {
    for (const stop of this.stops) stop()
    this.round += 1
    this.unplan()
  }

  // ------------------------------------------------------------------------------------------ when to ask

  /**
   * XEP-0215 §3.4: the list has changed. What the push says is not taken for it, but asked for; and a stranger who names
   * us servers of his own would see where we are.
   */
  private handlePush(from: string): undefined {
    const { domain, jid } = this.options.stanzas
    if (from !== domain && from !== jid?.split('/')[0]) {
      this.count('forged push')
      throw new StanzaError('forbidden')
    }
    this.askSoon()
  }

  private askSoon(): void {
    if (this.options.stanzas.jid !== undefined) this.askAt(this.askedAtMs + REFRESH_MIN_MS)
  }

  private askAt(wishedMs: number): void {
    const { clock } = this.options
    const atMs = Math.max(clock.now(), wishedMs)
    if (this.planned !== undefined && this.planned.atMs <= atMs) return
    this.unplan()
    this.planned = { atMs, cancel: clock.wakeAt(atMs, () => void this.ask()) }
  }

  private unplan(): void {
    this.planned?.cancel()
    this.planned = undefined
  }

  private planRefresh(isAnswered: boolean): void {
    this.unanswered = isAnswered ? 0 : this.unanswered + 1
    if (!isAnswered && this.unanswered <= MAX_UNANSWERED) {
      this.askAt(this.askedAtMs + ANSWER_TIMEOUT_MS * 2 ** this.unanswered)
      return
    }
    const nowMs = this.today()
    const ends = this.services.flatMap((service) => (hasExpired(service, nowMs) ? [] : (service.expiresAtMs ?? [])))
    if (ends.length === 0) return
    const halfMs = (Math.min(...ends) - nowMs) / 2
    this.askAt(this.options.clock.now() + Math.min(REFRESH_MAX_MS, Math.max(REFRESH_MIN_MS, halfMs)))
  }

  // ------------------------------------------------------------------------------------------ asking

  private async ask(): Promise<void> {
    this.unplan()
    const { stanzas, clock } = this.options
    const account = stanzas.jid?.split('/')[0]
    if (account === undefined) return
    this.askedAtMs = clock.now()
    const round = ++this.round
    const questions: (() => Promise<boolean>)[] = [
      () => this.askExternalServices(EXTDISCO_XMLNS, round),
      () => this.askExternalServices(OLD_EXTDISCO_XMLNS, round),
      () => this.askJingleInfo(stanzas.domain, round),
      () => this.askJingleInfo(account, round),
    ]
    let isAnswered = true
    let isFound = false
    for (const question of questions) {
      try {
        isFound = await question()
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error
        if (error.condition === 'disconnected') return
        if (!NOT_OFFERED.has(error.condition)) isAnswered = false
      }
      if (round !== this.round) return
      if (isFound) break
    }
    if (!isFound) this.count(isAnswered ? 'none named' : 'no answer')
    if (!isFound && isAnswered) this.services = []
    this.planRefresh(isFound || isAnswered)
  }

  /** Returns whether there is a server to use. */
  private async askExternalServices(xmlns: string, round: number): Promise<boolean> {
    const answer = await this.request(this.options.stanzas.domain, xml('services', { xmlns }))
    const services: IceService[] = []
    for (const element of (answer?.getChildren('service') ?? []).slice(0, MAX_SERVICES)) {
      const service = readIceService(element)
      if (service) services.push(service)
      else this.count('unusable service')
    }
    const lent = services.map((service) => ({ ...service, ...borrowed(service, services) }))
    const isKnown = this.take(lent, round)
    const credentials = await this.askCredentials(xmlns, lent)
    if (credentials.size === 0) return isKnown
    return this.take(
      lent.map((service) => ({ ...service, ...credentials.get(placeOf(service)) })),
      round,
    )
  }

  /** XEP-0215 §3.3. One question for each place that needs an answer. */
  private async askCredentials(xmlns: string, services: IceService[]): Promise<Map<string, Credentials>> {
    const lacking = new Map(services.filter(lacksCredentials).map((service) => [placeOf(service), service]))
    const found = new Map<string, Credentials>()
    const ask = async ([place, { way, host, port }]: [string, IceService]) => {
      const type = way === 'turns' ? 'turns' : 'turn'
      const wanted = xml('service', { type, host, port: port === undefined ? undefined : String(port) })
      const answer = await this.request(this.options.stanzas.domain, xml('credentials', { xmlns }, wanted))
      const given = (answer?.getChildren('service') ?? []).slice(0, MAX_SERVICES).map(readIceService)
      const right = given.find(
        (each) => each?.credentials && each.host === host && (each.way === 'turns') === (way === 'turns'),
      )
      if (right) found.set(place, { credentials: right.credentials, expiresAtMs: right.expiresAtMs })
      else this.count('no credentials')
    }
    await Promise.all(
      [...lacking].slice(0, MAX_CREDENTIAL_REQUESTS).map((each) =>
        ask(each).catch((error: unknown) => {
          if (!(error instanceof StanzaError)) throw error
          this.count('no credentials')
        }),
      ),
    )
    return found
  }

  private async askJingleInfo(to: string, round: number): Promise<boolean> {
    const answer = await this.request(to, xml('query', { xmlns: JINGLE_INFO_XMLNS }))
    if (answer === undefined) return false
    const { services, unusable } = readJingleInfo(answer, MAX_SERVICES)
    for (let i = 0; i < unusable; i += 1) this.count('unusable service')
    return this.take(services, round)
  }

  private request(to: string, child: Element): Promise<Element | undefined> {
    return this.options.stanzas.request({ type: 'get', to, child, timeoutMs: ANSWER_TIMEOUT_MS })
  }

  /** Returns whether there is a server to use among them; otherwise what was known stays. */
  private take(services: IceService[], round: number): boolean {
    if (round !== this.round) return false
    const nowMs = this.today()
    for (const service of services) if (hasExpired(service, nowMs)) this.count('expired service')
    const usable = chooseIceServers(services, nowMs)
    if (usable.length === 0) return false
    const before = new Set(chooseIceServers(this.services, nowMs).map(({ urls }) => urls))
    this.services = services
    if (usable.some(({ urls }) => !before.has(urls))) this.options.found?.()
    return true
  }

  private count(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

/** Only where the service says that there is nothing to ask for, it is not asked. */
function lacksCredentials(service: IceService): boolean {
  return service.way !== 'stun' && service.credentials === undefined && service.restricted !== false
}

/**
 * Prosody 0.12 gives credentials with its TURN over UDP and TCP and forgets them with the same server's TURN over TLS,
 * also when asked for them.
 */
function borrowed(service: IceService, others: IceService[]): Partial<Credentials> {
  if (!lacksCredentials(service) || service.restricted !== undefined) return {}
  const lender = others.find(({ host, credentials }) => credentials !== undefined && host === service.host)
  return lender ? { credentials: lender.credentials, expiresAtMs: lender.expiresAtMs } : {}
}

function placeOf({ way, host, port }: IceService): string {
  return `${way === 'turns' ? 'turns' : 'turn'} ${host} ${port ?? ''}`
}
