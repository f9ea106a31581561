/** What was seen of a server, one thing at a time? Facts only; what they are worth is judged in `finding.ts`. */
import type { Way } from '../reflection/ice-server.ts'

export type Observation =
  | { about: 'address'; host: string; url: string | undefined; why: string; hidden: boolean }
  | { about: 'websocket'; url: string; opened: boolean; openedWithoutOrigin: boolean; why: string }
  | { about: 'ways in'; mechanisms: string[]; registers: boolean; entered: Entry | undefined; why: string }
  | { about: 'sessions'; asked: number; held: number; shared: boolean; why: string }
  | { about: 'relay'; ms: number | undefined; why: string }
  /** `ms`: how long each window of pieces took. */
  | { about: 'pace'; bytes: number; ms: number[]; roundTripMs: number; why: string }
  | { about: 'presence'; seen: boolean; why: string }
  | { about: 'rooms'; at: string | undefined; listed: string | undefined; shown: RoomView; ms: number; why: string }
  | { about: 'stun and turn'; by: string | undefined; servers: IceFacts[]; tried: string[] }
  | { about: 'stun answer'; answers: StunAnswer[] }
  | { about: 'resumption'; offered: boolean; resumes: boolean; maxS: number | undefined }
  | { about: 'limits'; maxStanzaBytes: number | undefined; idleS: number | undefined }
  | { about: 'private storage'; kept: boolean; why: string }
  | { about: 'left behind'; account: string; removed: boolean; why: string }
  | { about: Subject; notTried: string }

/** What is seen of one subject, once it is tried. */
export type Seen<S extends Subject> = Exclude<Extract<Observation, { about: S }>, { notTried: string }>

export type Subject = (typeof SUBJECTS)[number]

/** In the order in which they are told. */
export const SUBJECTS = [
  'address',
  'websocket',
  'ways in',
  'sessions',
  'relay',
  'pace',
  'presence',
  'rooms',
  'stun and turn',
  'stun answer',
  'resumption',
  'limits',
  'private storage',
  'left behind',
] as const

/** How the check came in. */
export type Entry = 'anonymously' | 'with an account made now' | 'with the account given'

/** Whether each guest saw the other's full JID, and by whose word. */
export type RoomView = 'by the room' | 'by the guest' | 'not'

export type IceFacts = {
  way: Way
  place: string
  hasCredentials: boolean
  /** How long the credentials last; undefined where the server does not say. */
  lifetimeS: number | undefined
}

export type StunAnswer = { place: string; ms: number | undefined; seenAs: string | undefined }
