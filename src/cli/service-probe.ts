/** What does the server have besides messages? STUN and TURN, and what an account keeps there. */

import { StanzaError } from '../ports.ts'
import { EXTDISCO_XMLNS, ExternalServices, OLD_EXTDISCO_XMLNS } from '../reflection/external-services.ts'
import { type IceService, readIceService, type Way } from '../reflection/ice-server.ts'
import { JINGLE_INFO_XMLNS, readJingleInfo } from '../reflection/jingle-info.ts'
import { PRIVATE_NS } from '../rendezvous/greeter-list.ts'
import { realClock } from '../xmpp/real-clock.ts'
import type { XmppSession } from '../xmpp/session.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { whyOf } from './meeting-probe.ts'
import type { IceFacts, Seen, StunAnswer } from './observation.ts'
import { askStun } from './stun-binding.ts'

const MAX_SERVICES = 32 // As many as the page looks at.
const MAX_STUN_SERVERS = 4 // As many as a page uses.
const DEFAULT_STUN_PORT = 3478 // RFC 5389 §9.
const CREDENTIALS_PATIENCE_MS = 3_000 // A guess: they come with the list, or by one more question.

/** The ways in which a page asks, in its order. */
const QUESTIONS: { by: string; child: Element; toAccount?: true }[] = [
  { by: 'XEP-0215', child: xml('services', { xmlns: EXTDISCO_XMLNS }) },
  { by: 'XEP-0215 in its old version', child: xml('services', { xmlns: OLD_EXTDISCO_XMLNS }) },
  { by: 'jingle info', child: xml('query', { xmlns: JINGLE_INFO_XMLNS }) },
  { by: 'jingle info of the account', child: xml('query', { xmlns: JINGLE_INFO_XMLNS }), toAccount: true },
]

export async function probeIce(session: XmppSession): Promise<Seen<'stun and turn'>> {
  const tried: string[] = []
  for (const { by, child, toAccount } of QUESTIONS) {
    const to = toAccount ? session.jid?.split('/')[0] : session.domain
    try {
      const answer = await session.request({ type: 'get', child, ...(to && { to }) })
      const services = answer === undefined ? [] : servicesIn(answer)
      if (services.length > 0) {
        const servers = await factsOf(session, services)
        return { about: 'stun and turn', by, servers, tried }
      }
      tried.push(`${by}: none named`)
    } catch (error) {
      tried.push(`${by}: ${whyOf(error)}`)
    }
  }
  return { about: 'stun and turn', by: undefined, servers: [], tried }
}

function servicesIn(answer: Element): IceService[] {
  if (answer.getName() === 'query') return readJingleInfo(answer, MAX_SERVICES).services
  return answer
    .getChildren('service')
    .slice(0, MAX_SERVICES)
    .flatMap((service) => readIceService(service) ?? [])
}

async function factsOf(session: XmppSession, services: IceService[]): Promise<IceFacts[]> {
  const usable = await usableUrls(session)
  const nowMs = Date.now()
  return services.map(({ way, host, port, credentials, expiresAtMs }) => {
    const place = placeOf(host, port)
    const isUsable = usable.some((url) => url.startsWith(`${way === 'turns' ? 'turns' : 'turn'}:${place}?`))
    return {
      way,
      place,
      hasCredentials: credentials !== undefined || isUsable,
      lifetimeS: expiresAtMs === undefined ? undefined : Math.round((expiresAtMs - nowMs) / 1_000),
    }
  })
}

/** What a page makes of it, which asks for credentials where none come with the list. */
async function usableUrls(session: XmppSession): Promise<string[]> {
  let found = () => {}
  const known = new Promise<void>((resolve) => {
    found = resolve
  })
  const page = new ExternalServices({ stanzas: session, clock: realClock, found })
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CREDENTIALS_PATIENCE_MS)
  })
  try {
    await Promise.race([known, patience])
    // A server answers in order (RFC 6120 §10.1): what was asked for by now is answered before this.
    const child = xml('ping', { xmlns: 'urn:xmpp:ping' })
    await session.request({ type: 'get', to: session.domain, child }).catch((error) => whyOf(error))
    return page.iceServers().map(({ urls }) => String(urls))
  } finally {
    clearTimeout(timer)
    page.close()
  }
}

export async function probeStun(servers: IceFacts[]): Promise<Seen<'stun answer'>> {
  // A TURN server answers Binding requests, too (RFC 5766 §2).
  const ways: Way[] = ['stun', 'turn-udp']
  const places = new Set(servers.filter(({ way }) => ways.includes(way)).map(({ place }) => place))
  const answers = [...places].slice(0, MAX_STUN_SERVERS).map(async (place): Promise<StunAnswer> => {
    const [, host, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(place) as RegExpExecArray
    const binding = await askStun(host ?? '', port === undefined ? DEFAULT_STUN_PORT : Number(port))
    return { place, ms: binding?.ms, seenAs: binding?.seenAs }
  })
  return { about: 'stun answer', answers: await Promise.all(answers) }
}

function placeOf(host: string, port: number | undefined): string {
  return `${host.includes(':') ? `[${host}]` : host}${port === undefined ? '' : `:${port}`}`
}

/** Only asked for: what is written stays. */
export async function probeStorage(session: XmppSession, hash: string): Promise<Seen<'private storage'>> {
  const child = xml('query', { xmlns: PRIVATE_NS }, xml('greeters', { xmlns: `urn:overture:greeters:${hash}` }))
  try {
    await session.request({ type: 'get', child })
    return { about: 'private storage', kept: true, why: '' }
  } catch (error) {
    return { about: 'private storage', kept: false, why: whyOf(error) }
  }
}

/** XEP-0077 §3.2: the account that is signed in to. The stream may end with it. */
export async function removeAccount(session: XmppSession): Promise<{ removed: boolean; why: string }> {
  const child = xml('query', { xmlns: 'jabber:iq:register' }, xml('remove'))
  try {
    await session.request({ type: 'set', child })
    return { removed: true, why: '' }
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    return { removed: error.condition === 'disconnected', why: error.condition }
  }
}
