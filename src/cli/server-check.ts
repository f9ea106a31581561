/**
 * Server check: what is asked of a server, in which order, and what is not asked any more once something that it would
 * need is missing. Tells each observation as soon as it is made.
 */
import { OvertureError } from '../overture-error.ts'
import { readServiceAddress, type ServiceAddress } from '../xmpp/service-address.ts'
import { discover } from '../xmpp/service-discovery.ts'
import type { XmppSession } from '../xmpp/session.ts'
import { Guests } from './guests.ts'
import { type Pair, probePace, probePresence, probeRelay, probeRooms } from './meeting-probe.ts'
import { type Entry, type Observation, SUBJECTS, type Subject } from './observation.ts'
import { opensWithoutOrigin, type PageWorld, type Sight } from './page-world.ts'
import type { ServerRequest } from './server-options.ts'
import { probeIce, probeStorage, probeStun, removeAccount } from './service-probe.ts'

type Tell = (observation: Observation) => void

/** `world` must be installed. Every subject is told of once. */
export async function checkServer(request: ServerRequest, world: PageWorld, tell: Tell): Promise<void> {
  const told = new Set<Subject>()
  const note = (observation: Observation) => {
    told.add(observation.about)
    tell(observation)
  }
  const why = await check(request, world, note)
  for (const about of SUBJECTS) if (!told.has(about) && about !== 'left behind') note({ about, notTried: why })
}

/** Returns why the rest was not tried. */
async function check(request: ServerRequest, world: PageWorld, tell: Tell): Promise<string> {
  const address = readServiceAddress(request)
  const url = await findUrl(address, world, tell)
  if (url === undefined) return 'nobody knows where the server is'
  const guests = new Guests(request, { url, domain: address.domain }, secureRandom)
  try {
    const entered = await signIn({ request, url, guests, world, tell })
    if (entered === undefined) return 'nobody could sign in'
    const shared = entered !== 'anonymously'
    const pair = await gather(request.sessions, guests, shared, tell)
    if (pair === undefined) return 'there are no two guests'
    await visit({ request, pair, guests, shared, sight: world.sights[0], tell })
    return ''
  } finally {
    await takeLeave(guests, address.domain, tell)
  }
}

async function findUrl({ url, host }: ServiceAddress, world: PageWorld, tell: Tell): Promise<string | undefined> {
  if (url !== undefined) {
    tell({ about: 'address', notTried: 'the address of the WebSocket was given' })
    return url
  }
  try {
    const found = await discover(host, new AbortController().signal)
    tell({ about: 'address', host, url: found, why: '', hidden: false })
    return found
  } catch (error) {
    if (!(error instanceof OvertureError)) throw error
    tell({ about: 'address', host, url: undefined, why: error.message, hidden: world.hidden.length > 0 })
    return undefined
  }
}

type Arriving = { request: ServerRequest; url: string; guests: Guests; world: PageWorld; tell: Tell }

async function signIn({ request, url, guests, world, tell }: Arriving): Promise<Entry | undefined> {
  const refusal = await guests.enter()
  const sight = world.sights[0]
  const opened = sight?.opened ?? false
  const openedWithoutOrigin = opened || (await opensWithoutOrigin(url))
  tell({ about: 'websocket', url, opened, openedWithoutOrigin, why: sight?.why || (refusal?.message ?? '') })
  if (!opened) return undefined
  const { mechanisms = [], registers = false } = sight ?? {}
  const entered = refusal === undefined ? await entryOf(request, guests) : undefined
  tell({ about: 'ways in', mechanisms, registers, entered, why: refusal?.message ?? '' })
  return entered
}

async function entryOf({ jid }: ServerRequest, guests: Guests): Promise<Entry> {
  if (jid !== undefined) return 'with the account given'
  return (await guests.accountMade()) === undefined ? 'anonymously' : 'with an account made now'
}

async function gather(asked: number, guests: Guests, shared: boolean, tell: Tell): Promise<Pair | undefined> {
  let refusal: OvertureError | undefined
  for (let count = 1; count < asked && refusal === undefined; count += 1) refusal = await guests.enter()
  const present = await guests.present()
  const why = refusal?.message ?? guests.whyThrownOut
  tell({ about: 'sessions', asked, held: present.length, shared, why })
  const [one, other] = present
  return one !== undefined && other !== undefined ? [one, other] : undefined
}

type Visit = {
  request: ServerRequest
  pair: Pair
  guests: Guests
  shared: boolean
  sight: Sight | undefined
  tell: Tell
}

async function visit({ request, pair, guests, shared, sight, tell }: Visit): Promise<void> {
  const [one] = pair
  const relay = await probeRelay(pair)
  tell(relay)
  if (shared) tell(await probePresence(pair))
  else tell({ about: 'presence', notTried: 'who comes anonymously has an account of their own each time' })
  tell(await probeRooms(pair, guests.hash, request.rooms))
  await visitServices(one, tell)
  tellOfStream({ shared, sight, tell })
  if (shared) tell(await probeStorage(one, guests.hash))
  else tell({ about: 'private storage', notTried: 'it is of use to crowds of one account only' })
  // Last, as a server that throttles is busy with it for a while.
  if (relay.ms === undefined) tell({ about: 'pace', notTried: 'nothing goes from one to the other' })
  else tell(await probePace(pair, relay.ms))
}

async function visitServices(session: XmppSession, tell: Tell): Promise<void> {
  const ice = await probeIce(session)
  tell(ice)
  const isAny = ice.servers.some(({ way }) => way === 'stun' || way === 'turn-udp')
  tell(isAny ? await probeStun(ice.servers) : { about: 'stun answer', notTried: 'no server is named' })
}

function tellOfStream({ shared, sight, tell }: Pick<Visit, 'shared' | 'sight' | 'tell'>): void {
  const { management, offersManagement: offered = false, limits } = sight ?? {}
  if (!shared) {
    tell({ about: 'resumption', notTried: 'who comes anonymously is somebody else after a cut' })
  } else {
    tell({ about: 'resumption', offered, resumes: management?.resumes ?? false, maxS: management?.maxS })
  }
  const idleS = limits?.idleMs && limits.idleMs / 1_000
  tell({ about: 'limits', maxStanzaBytes: limits?.maxStanzaBytes, idleS })
}

async function takeLeave(guests: Guests, domain: string, tell: Tell): Promise<void> {
  const account = await guests.accountMade()
  if (account !== undefined) {
    const [last] = await guests.present()
    await guests.leave(last)
    const outcome = last ? await removeAccount(last) : { removed: false, why: 'no guest is left to remove it' }
    tell({ about: 'left behind', account: `${account.username}@${domain}`, ...outcome })
  }
  await guests.leave()
}

/** Uniform on [0, 1), and unpredictable: it makes passwords. */
function secureRandom(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2))
  return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
}
