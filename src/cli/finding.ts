/** What is an observation worth to Overture? Ok, limited or missing; in words, with what it means. Pure. */
import type { Way } from '../reflection/ice-server.ts'
import type { Observation, Seen, Subject } from './observation.ts'
import { SCRAM_SETTINGS, SETTINGS, type Settings } from './server-settings.ts'

export type Status = 'ok' | 'limited' | 'missing' | 'not tried'

export type Finding = {
  about: Subject
  status: Status
  /** With a figure where there is one. */
  seen: string
  /** What it means for Overture; undefined where all is well. */
  meaning: string | undefined
  settings: Settings | undefined
}

/** `settings`: where others help than those that give the subject as a whole. */
type Judgement = { status: Status; seen: string; meaning?: string; settings?: Settings }

/** XEP-0047 §2.1: 4 096 bytes, which are as large as the relay's pieces; in base64, with an envelope. */
const WHOLE_PIECE_BYTES = 6_000
/** A guess: a tab that has lost its network is shown to others for as long. */
const LONG_HIBERNATION_S = 60
const SLOW_WINDOW_MS = 1_000 // A guess: many round trips.
const MAX_SLOW_WINDOWS = 2
const RELAY_SLOW_MS = 500 // A guess: the ring takes ten round trips to form.
const SHORT_LIFETIME_S = 600 // A guess: shorter credentials end while a link is being made again.

export function judge(observation: Observation): Finding {
  const judged = 'notTried' in observation ? notTried(observation.notTried) : judgement(observation)
  const { status, seen, meaning, settings = SETTINGS[observation.about] } = judged
  const isWell = status === 'ok' || status === 'not tried'
  return { about: observation.about, status, seen, meaning, settings: isWell ? undefined : settings }
}

function judgement(observation: Exclude<Observation, { notTried: string }>): Judgement {
  switch (observation.about) {
    case 'address':
      return ofAddress(observation)
    case 'websocket':
      return ofWebSocket(observation)
    case 'ways in':
      return ofWaysIn(observation)
    case 'sessions':
      return ofSessions(observation)
    case 'relay':
      return ofRelay(observation)
    case 'pace':
      return ofPace(observation)
    case 'presence':
      if (observation.seen) return ok('resources of one account see each other')
      return missing(
        `resources of one account do not see each other: ${observation.why}`,
        'Tabs of one account meet in rooms only.',
      )
    case 'rooms':
      return ofRooms(observation)
    case 'stun and turn':
      return ofIce(observation)
    case 'stun answer':
      return ofStun(observation)
    case 'resumption':
      return ofResumption(observation)
    case 'limits':
      return ofLimits(observation)
    case 'private storage':
      if (observation.kept) return ok('an account can keep who greets (XEP-0049)')
      return missing(
        `the account can keep nothing: ${observation.why}`,
        'In a crowd of one account each newcomer is shown to all who greet, which costs the server more.',
      )
    case 'left behind':
      if (observation.removed) return ok(`nothing: the account ${observation.account} was removed again`)
      return limited(
        `the account ${observation.account}, which was made for this check (${observation.why})`,
        'Remove it by hand.',
      )
  }
}

function ofAddress({ host, url, why, hidden }: Seen<'address'>): Judgement {
  if (url !== undefined) return ok(`${host} names ${url} (XEP-0156)`)
  const seen = hidden ? `${host} has a host-meta file that no page of another origin may read (CORS)` : why
  return missing(seen, 'The domain alone is not enough: people have to be given the wss:// address.')
}

function ofWebSocket({ url, opened, openedWithoutOrigin, why }: Seen<'websocket'>): Judgement {
  if (!opened && openedWithoutOrigin) {
    return missing(`it opens for programs, and not for a page of another origin: ${why}`, 'No page can sign in.')
  }
  if (!opened) return missing(`${url} does not open: ${why}`, 'No page can sign in.')
  if (url.startsWith('wss:')) return ok('opens for a page of another origin')
  return limited('opens, unencrypted', 'Pages that are served over https cannot open it, and everybody can read along.')
}

function ofWaysIn({ mechanisms, registers, entered, why }: Seen<'ways in'>): Judgement {
  const listed = ['ANONYMOUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'].filter((name) => mechanisms.includes(name))
  const ways = [...listed, ...(registers ? ['registration'] : [])].join(', ') || 'none that a page has'
  if (entered === undefined) return missing(`${ways}; ${why}`, 'No page can sign in.')
  const seen = `${ways}; came in ${entered}`
  if (!listed.some((name) => name.startsWith('SCRAM')) && entered !== 'anonymously') {
    const judged = limited(seen, 'The server gets to see the password, as it has no SCRAM.')
    return { ...judged, settings: SCRAM_SETTINGS }
  }
  if (!mechanisms.includes('ANONYMOUS') && !registers && entered === 'with the account given') {
    return limited(seen, 'Strangers cannot come in: everybody needs an account.')
  }
  return ok(seen)
}

function ofSessions({ asked, held, shared, why }: Seen<'sessions'>): Judgement {
  const whose = shared ? 'of one account' : 'of strangers'
  if (held === asked) return ok(`${held} ${whose} at once`)
  const seen = `${held} of ${asked} ${whose}; the others were thrown out or not let in: ${why}`
  if (held < 2) return missing(seen, 'Two pages cannot be there at once.')
  return limited(seen, `No more than ${held} tabs ${shared ? 'of one account' : 'of one place'} can be there.`)
}

function ofRelay({ ms, why }: Seen<'relay'>): Judgement {
  if (ms === undefined) {
    return missing(
      `an IQ from one to the other does not come back: ${why}`,
      'Pages can neither talk nor call each other.',
    )
  }
  const seen = `an IQ from one to the other and back takes ${Math.round(ms)} ms`
  return ms < RELAY_SLOW_MS ? ok(seen) : limited(seen, 'A ring takes seconds to form.')
}

function ofPace({ bytes, ms, roundTripMs, why }: Seen<'pace'>): Judgement {
  const kb = (bytes / 1_024).toFixed(0)
  const slowest = Math.max(0, ...ms)
  if (why !== '') {
    return limited(
      `${kb} KiB did not arrive: ${why}${ms.length > 0 ? `, after ${ms.length} times as much had` : ''}`,
      'Whoever has no direct link cannot send more than short messages.',
    )
  }
  const seen = `${kb} KiB in pieces take ${ms.map((each) => Math.round(each)).join(', ')} ms`
  if (!isThrottled({ ms, roundTripMs })) return ok(seen)
  const pace = ((bytes * 4) / 3 / 1_000 / (slowest / 1_000)).toFixed(1)
  return limited(
    `${seen}: the server reads about ${pace} kB/s of each session`,
    'Whoever has no direct link is slow, and links come late when a page meets many at once.',
  )
}

/** One slow window alone may be a hiccup of the network; in the second the server's burst is over. */
export function isThrottled({ ms, roundTripMs }: Pick<Seen<'pace'>, 'ms' | 'roundTripMs'>): boolean {
  return ms.filter((each) => each - roundTripMs >= SLOW_WINDOW_MS).length >= MAX_SLOW_WINDOWS
}

function ofRooms({ at, listed, shown, ms, why }: Seen<'rooms'>): Judgement {
  const meaning = 'Strangers cannot find each other here; tabs of one account, contacts and invitations can.'
  if (at === undefined) return missing(`none: ${why}`, meaning)
  const place = at === listed ? at : `${at}${listed === undefined ? ', which the server does not list' : ''}`
  if (shown === 'not') return missing(`at ${place}, but ${why}`, meaning)
  const byWhom = shown === 'by the room' ? 'the room says who is there' : 'each says who it is'
  return ok(`at ${place}; ${byWhom}; ${Math.round(ms)} ms for two`)
}

const NAMES: Record<Way, string> = {
  stun: 'STUN',
  'turn-udp': 'TURN over UDP',
  'turn-tcp': 'TURN over TCP',
  turns: 'TURN over TLS',
}

function ofIce({ by, servers, tried }: Seen<'stun and turn'>): Judgement {
  if (by === undefined) {
    return missing(
      `none (${tried.join('; ')})`,
      'Only tabs of one network get direct links; all others talk through the server, slowly.',
    )
  }
  const lists = (Object.keys(NAMES) as Way[]).flatMap((way) => {
    const places = [...new Set(servers.filter((server) => server.way === way).map(({ place }) => place))]
    return places.length > 0 ? [`${NAMES[way]} at ${places.join(' and ')}`] : []
  })
  const turns = servers.filter(({ way }) => way !== 'stun')
  const usable = turns.filter(({ hasCredentials }) => hasCredentials)
  const lifetimes = usable.flatMap(({ lifetimeS }) => (lifetimeS === undefined ? [] : [lifetimeS]))
  const shortest = Math.min(...lifetimes)
  const lifetime =
    lifetimes.length > 0
      ? `; credentials for ${spanOf(shortest)}`
      : usable.length > 0
        ? '; credentials without an end'
        : ''
  const seen = `by ${by}: ${lists.join(', ')}${lifetime}`
  const relayed = 'tabs behind symmetric NATs or without UDP talk through the server, slowly.'
  if (turns.length === 0) return limited(`${seen}; no TURN`, `Most tabs get direct links; ${relayed}`)
  if (usable.length === 0) return limited(`${seen}; no credentials for TURN`, `Most tabs get direct links; ${relayed}`)
  if (!usable.some(({ way }) => way !== 'turn-udp')) {
    return limited(
      `${seen}; none over TCP or TLS`,
      'Tabs whose network lets no UDP out talk through the server, slowly.',
    )
  }
  if (shortest < SHORT_LIFETIME_S) return limited(seen, 'Credentials have to be asked for again and again.')
  return ok(seen)
}

function ofStun({ answers }: Seen<'stun answer'>): Judgement {
  const lines = answers.map(({ place, ms, seenAs }) =>
    ms === undefined
      ? `${place} is silent`
      : `${place} in ${Math.round(ms)} ms${seenAs ? `, sees us as ${seenAs}` : ''}`,
  )
  const heard = answers.filter(({ ms }) => ms !== undefined).length
  const seen = lines.join('; ')
  if (heard === answers.length) return ok(seen)
  const meaning = 'Either nothing runs there, or a firewall lets no UDP through to it.'
  return heard > 0 ? limited(seen, meaning) : missing(seen, meaning)
}

function ofResumption({ offered, resumes, maxS }: Seen<'resumption'>): Judgement {
  const meaning = 'After a short cut a page has to be found anew by all others.'
  if (!offered) return missing('no stream management (XEP-0198)', meaning)
  if (!resumes) return limited('stream management, but no stream can be resumed', meaning)
  if (maxS === undefined) return ok('streams can be resumed')
  const seen = `streams can be resumed for ${spanOf(maxS)}`
  if (maxS <= LONG_HIBERNATION_S) return ok(seen)
  return limited(seen, 'A tab that vanishes without goodbye is shown to others for as long.')
}

function ofLimits({ maxStanzaBytes, idleS }: Seen<'limits'>): Judgement {
  if (maxStanzaBytes === undefined && idleS === undefined) return ok('none announced (XEP-0478)')
  const parts = [
    ...(maxStanzaBytes === undefined ? [] : [`${maxStanzaBytes} bytes in a stanza`]),
    ...(idleS === undefined ? [] : [`${spanOf(idleS)} of silence`]),
  ]
  const seen = `announced: ${parts.join(', ')}`
  if (maxStanzaBytes === undefined || maxStanzaBytes >= WHOLE_PIECE_BYTES) return ok(seen)
  return limited(seen, 'The relay sends smaller pieces, which costs it pace.')
}

function spanOf(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}

function ok(seen: string): Judgement {
  return { status: 'ok', seen }
}

function limited(seen: string, meaning: string): Judgement {
  return { status: 'limited', seen, meaning }
}

function missing(seen: string, meaning: string): Judgement {
  return { status: 'missing', seen, meaning }
}

function notTried(why: string): Judgement {
  return { status: 'not tried', seen: why }
}
