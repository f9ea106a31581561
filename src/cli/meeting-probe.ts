/** Can two guests meet and talk? Relays between them, presence of one account, a room. Leaves nothing behind. */
import { StanzaError } from '../ports.ts'
import { GUESSED_LABEL } from '../rendezvous/room.ts'
import { findRoomService } from '../rendezvous/room-services.ts'
import { joinPresence, leavePresence, readRoomPresence, unlockForm } from '../rendezvous/room-xml.ts'
import { WINDOW_PIECES } from '../transport/relay-sender.ts'
import { MAX_PAYLOAD_BYTES, RELAY_XMLNS, writePiece } from '../transport/relay-xml.ts'
import type { XmppSession } from '../xmpp/session.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { isThrottled } from './finding.ts'
import type { RoomView, Seen } from './observation.ts'

export type Pair = readonly [XmppSession, XmppSession]

const SMALL_BYTES = 16
const ROUND_TRIPS = 3
/** Servers that throttle let a burst pass: 20 kB at Prosody's mod_limits and at Debian's ejabberd. */
const MAX_WINDOWS = 4
const PIECE_TIMEOUT_MS = 30_000 // As long as the relay waits for a piece.
const SIGHT_TIMEOUT_MS = 5_000 // A guess: presence takes one trip, and a busy server a second.
const ROOM_TIMEOUT_MS = 10_000 // As long as the app waits for a room.

// ---------------------------------------------------------------------------------------------- relay

export async function probeRelay([one, other]: Pair): Promise<Seen<'relay'>> {
  const stops = [one, other].map((guest) => guest.onIq('set', 'data', RELAY_XMLNS, () => undefined))
  try {
    const ms: number[] = []
    for (let i = 0; i < ROUND_TRIPS; i += 1) {
      ms.push(await timed(sendPiece(one, other, SMALL_BYTES)), await timed(sendPiece(other, one, SMALL_BYTES)))
    }
    return { about: 'relay', ms: ms.sort((a, b) => a - b)[Math.floor(ms.length / 2)], why: '' }
  } catch (error) {
    return { about: 'relay', ms: undefined, why: whyOf(error) }
  } finally {
    for (const stop of stops) stop()
  }
}

/** As many pieces at once as the relay has on their way. */
export async function probePace([one, other]: Pair, roundTripMs: number): Promise<Seen<'pace'>> {
  const stop = other.onIq('set', 'data', RELAY_XMLNS, () => undefined)
  const seen = { about: 'pace' as const, bytes: WINDOW_PIECES * MAX_PAYLOAD_BYTES, ms: [] as number[], roundTripMs }
  try {
    while (seen.ms.length < MAX_WINDOWS && !isThrottled(seen)) {
      const pieces = Array.from({ length: WINDOW_PIECES }, () => sendPiece(one, other, MAX_PAYLOAD_BYTES))
      seen.ms.push(await timed(Promise.all(pieces)))
    }
    return { ...seen, why: '' }
  } catch (error) {
    return { ...seen, why: whyOf(error) }
  } finally {
    stop()
  }
}

function sendPiece(from: XmppSession, to: XmppSession, bytes: number): Promise<unknown> {
  const payload = crypto.getRandomValues(new Uint8Array(bytes))
  const child = writePiece({ sid: 'servercheck', seq: 0, payload, bulk: false, close: false })
  if (to.jid === undefined) return Promise.reject(new StanzaError('disconnected'))
  return from.request({ type: 'set', to: to.jid, child, timeoutMs: PIECE_TIMEOUT_MS })
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work
  return performance.now() - startedMs
}

// ---------------------------------------------------------------------------------------------- presence

export async function probePresence([one, other]: Pair): Promise<Seen<'presence'>> {
  const sights = [sightOf(one, other), sightOf(other, one)]
  // RFC 6121 §4.7.2.3: whoever writes to the account meanwhile means its owner.
  for (const guest of [one, other]) guest.send(xml('presence', {}, xml('priority', {}, '-1')))
  const seen = (await Promise.all(sights)).every(Boolean)
  for (const guest of [one, other]) guest.send(xml('presence', { type: 'unavailable' }))
  return { about: 'presence', seen, why: seen ? '' : `nothing came in ${SIGHT_TIMEOUT_MS / 1_000} s` }
}

function sightOf(watcher: XmppSession, watched: XmppSession): Promise<boolean> {
  const isIt = ({ attrs }: Element) => attrs.type === undefined && attrs.from === watched.jid
  return firstPresence(watcher, SIGHT_TIMEOUT_MS, (presence) => isIt(presence) || undefined).then(Boolean)
}

// ---------------------------------------------------------------------------------------------- rooms

type Visitor = { session: XmppSession; nick: string }
type Arrival = { type: 'in'; created: boolean } | { type: 'refused'; why: string }

/** `given`: the domain of the rooms, where it is known. */
export async function probeRooms([one, other]: Pair, hash: string, given?: string): Promise<Seen<'rooms'>> {
  const listed = await findRoomService(one)
  const guess = `${GUESSED_LABEL}.${one.domain}`
  const places = given === undefined ? new Set([guess, ...(listed === undefined ? [] : [listed])]) : [given]
  const reasons: string[] = []
  for (const place of places) {
    const visit = await visitRoom([one, other], `${hash}@${place}`)
    const { ms, why, shown } = visit
    if (shown !== undefined) return { about: 'rooms', at: place, listed, shown, ms, why }
    reasons.push(`${place}: ${why}`)
  }
  return { about: 'rooms', at: undefined, listed, shown: 'not', ms: 0, why: reasons.join('; ') }
}

type Visit = { shown: RoomView | undefined; ms: number; why: string }

async function visitRoom([one, other]: Pair, room: string): Promise<Visit> {
  const startedMs = performance.now()
  const host: Visitor = { session: one, nick: 'first' }
  const guest: Visitor = { session: other, nick: 'second' }
  const failed = (why: string): Visit => ({ shown: undefined, ms: performance.now() - startedMs, why })
  try {
    const opened = await enter(host, room)
    if (opened.type === 'refused') return failed(opened.why)
    // XEP-0045 §10.1: until its owner has said so, a new room may let nobody else in.
    if (opened.created) await one.request({ type: 'set', to: room, child: unlockForm() }).catch(() => undefined)
    const sights = [roomSight(host, guest, room), roomSight(guest, host, room)]
    const joined = await enter(guest, room)
    if (joined.type === 'refused') return failed(joined.why)
    const shown = await Promise.all(sights)
    const ms = performance.now() - startedMs
    if (shown.includes('not')) return { shown: 'not', ms, why: 'a guest does not see who the other is' }
    return { shown: shown.includes('by the guest') ? 'by the guest' : 'by the room', ms, why: '' }
  } finally {
    for (const { session, nick } of [guest, host]) if (session.jid) session.send(leavePresence(room, nick))
  }
}

async function enter({ session, nick }: Visitor, room: string): Promise<Arrival> {
  const arriving = firstPresence<Arrival>(session, ROOM_TIMEOUT_MS, (presence) => {
    const said = readRoomPresence(presence, room)
    if (said?.type === 'error') return { type: 'refused', why: said.condition }
    return said?.type === 'present' && (said.self || said.nick === nick)
      ? { type: 'in', created: said.created }
      : undefined
  })
  session.send(joinPresence(room, nick, session.jid ?? ''))
  return (await arriving) ?? { type: 'refused', why: `no answer in ${ROOM_TIMEOUT_MS / 1_000} s` }
}

/** By whose word the watcher sees the full JID of the other. */
async function roomSight(watcher: Visitor, watched: Visitor, room: string): Promise<RoomView> {
  const sight = await firstPresence(watcher.session, ROOM_TIMEOUT_MS, (presence) => {
    const said = readRoomPresence(presence, room)
    return said?.type === 'present' && said.nick === watched.nick ? said : undefined
  })
  const { jid } = watched.session
  if (sight === undefined || jid === undefined || sight.jid !== jid) return 'not'
  return sight.vouched ? 'by the room' : 'by the guest'
}

// ---------------------------------------------------------------------------------------------- waiting

/** The first that `read` makes something of; undefined when none comes in time or the guest is thrown out. */
function firstPresence<T>(session: XmppSession, timeoutMs: number, read: (presence: Element) => T | undefined) {
  return new Promise<T | undefined>((resolve) => {
    const stops: (() => void)[] = []
    const conclude = (found: T | undefined) => {
      clearTimeout(timer)
      for (const stop of stops.splice(0)) stop()
      resolve(found)
    }
    const timer = setTimeout(() => conclude(undefined), timeoutMs)
    stops.push(
      session.onOffline(() => conclude(undefined)),
      session.onPresence((presence) => {
        const found = read(presence)
        if (found !== undefined) conclude(found)
      }),
    )
  })
}

export function whyOf(error: unknown): string {
  if (error instanceof StanzaError) return error.condition
  throw error
}
