/**
 * join: builds one peer out of its parts and starts it. Knows every room and decides nothing: the session signs in,
 * rendezvous shows candidates, transports carry channels, and the node in the middle makes a ring of them.
 */
import { Node } from '../overlay/node.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { OvertureError } from '../overture-error.ts'
import type { Storage, Transport } from '../ports.ts'
import type { Invitation } from '../rendezvous/invitation-proof.ts'
import { prepareKeyPairs } from '../security/key-pair.ts'
import { namespaceKeys } from '../security/namespace-keys.ts'
import { LocalTabTransport } from '../transport/local-tab.ts'
import { SecureTransport } from '../transport/secure-transport.ts'
import { TunnelTransport } from '../transport/tunnel.ts'
import type { Rtc } from '../transport/webrtc.ts'
import { realClock } from '../xmpp/real-clock.ts'
import type { InnerOverlays } from './inner-overlays.ts'
import { Introductions } from './introductions.ts'
import { JoinedRing } from './joined-ring.ts'
import { ownIdentity } from './own-identity.ts'
import { pageStorage } from './page-storage.ts'
import { type Parts, tabParts, withinParts, xmppParts, xmppSession } from './peer-parts.ts'
import { randomInteger } from './randomness.ts'
import type { Ring } from './ring.ts'
import { SignedBroadcasts } from './signed-broadcasts.ts'
import { SignedRecords } from './signed-records.ts'
import { SignedSignals } from './signed-signals.ts'

export type JoinOptions = {
  /** Name and version of the overlay, such as `chess-club/1`. */
  namespace: string
  /** Whoever does not know it does not meet us. */
  secret?: string
  /** Without it, and without `within`, only tabs of this browser are met. */
  xmpp?: {
    /** `wss://…` or, on this machine, `ws://…`; or a domain that says where its service is (XEP-0156). */
    service: string
    /** The XMPP domain, where it is not the service's host. */
    domain?: string
    /** An account; without one the service is asked to let us in anonymously, else for an account of our own. */
    jid?: string
    password?: string
    /** The domain of the service's rooms, where it cannot be found by asking. */
    rooms?: string
    /**
     * In a ring of many only some show their presence. The others stay signed in, so that the service can still carry
     * what nothing else can, or sign out until they are to be seen again. Default `stay`.
     */
    whenQuiet?: 'stay' | 'sign-out'
  }
  /**
   * A ring that we are in, and all who are to be met are in: found by its DHT, reached through its nodes, and linked over
   * its connections, so that no XMPP service is needed, and each pair of pages has one connection.
   */
  within?: Ring
  /**
   * What the link that we follow says of who invites us: with an account of our own (`xmpp.jid`) we and they become
   * contacts of each other, which shows each to the other from then on, whatever servers we are at.
   */
  invitation?: Invitation
  /**
   * Where the service cannot be reached: resolves all the same, with a ring of which only tabs of this browser can be, and
   * keeps trying. Default false.
   */
  serviceMayBeAway?: boolean
  /** Whether tabs of this browser find each other and are linked without any server. Default: true in a page. */
  localTabs?: boolean
  /** Wanted neighbours on each side of the ring; up to twice as many and one nodes are linked all to all. Default 2. */
  neighboursPerSide?: number
  /**
   * Whether two in one ring agree on a link through it. Default true; without it each link needs the XMPP service.
   */
  ringSignalling?: boolean
  /** Whether in a ring of many only some show their presence, which keeps the service's load flat. Default true. */
  greeters?: boolean
  /** Further ways to carry channels, besides those that a page has, in the order in which a first contact should try. */
  transports?: Parts['dials']
  /** Where a made account is kept; the page's IndexedDB by default. */
  storage?: Storage
  /** WebRTC for a platform that has none, such as Node. */
  rtc?: Rtc
}

/**
 * Signs in and starts to look for peers. Resolves when signed in, with a ring that may still be alone; from then on the
 * ring keeps itself up, also while the XMPP service is away. Rejects with an OvertureError whose `retryable` says
 * whether the same call may succeed later.
 */
export async function join(options: JoinOptions): Promise<Ring> {
  const clock = realClock
  const startedMs = clock.now()
  const { hash, psk, signalKey, broadcastKey, lookupKey } = await namespaceKeys(options.namespace, options.secret)
  const storage = options.storage ?? pageStorage()
  const session = options.xmpp && xmppSession(options.xmpp, hash, clock, storage)
  // Our keys are made while the service lets us in.
  const signingIn = session?.start()
  signingIn?.catch(() => {})
  const { identity, release } = await ownIdentity(storage, hash)
  const { address, keyPair } = identity
  prepareKeyPairs()
  const wantsTabs = options.localTabs ?? typeof document !== 'undefined'
  const tabs = wantsTabs && LocalTabTransport.supported ? tabParts(hash, clock) : undefined
  const xmpp =
    options.xmpp &&
    session &&
    xmppParts(options.xmpp, session, hash, address, clock, { ...options, storage, signalKey })
  const outer = outerOf(options.within)
  const within = outer && withinParts(outer, hash, lookupKey, clock, storage)
  const further = options.transports && { dials: options.transports, rendezvous: [], dropped: {}, close: () => {} }
  const parts: Parts[] = [tabs, within, xmpp, further].filter((each) => each !== undefined)
  const member = { keyPair, psk, namespaceHash: hash, clock }
  const secure = (raw: Transport) => new SecureTransport(raw, { ...member, acceptance: () => node.acceptance() })
  const dials = parts.flatMap((each) => each.dials.map((dial) => ({ ...dial, transport: secure(dial.transport) })))
  const introductions = new Introductions({ address, ...member })
  const broadcasts = new SignedBroadcasts({ identity, namespaceHash: hash, broadcastKey, timeOfDayMs: Date.now })
  const signals = new SignedSignals({ identity, namespaceHash: hash })
  const records = new SignedRecords({ identity, namespaceHash: hash })
  const node: Node = new Node(
    {
      address,
      incarnation: randomInteger(),
      namespace: hash,
      sealer: introductions.sealer,
      provesRecords: true,
      greeters: options.greeters ?? true,
      ...(options.neighboursPerSide === undefined ? {} : { perSide: options.neighboursPerSide }),
      transports: dials.map(({ transport: { scheme }, ...facts }) => ({ scheme, ...facts })),
    },
    seededRandom(randomInteger()),
  )
  const tunnels = new TunnelTransport(address, clock)
  const transports = [...dials.map(({ transport }) => transport), secure(tunnels)]
  const ring = new JoinedRing({
    namespace: options.namespace,
    clock,
    startedMs,
    node,
    session,
    signsOut: options.xmpp?.whenQuiet === 'sign-out',
    transports,
    tunnels,
    rendezvous: parts.flatMap((each) => each.rendezvous),
    dropped: Object.assign(
      Object.fromEntries(transports.map((transport) => [`${transport.scheme} proof`, transport])),
      { tunnel: tunnels },
      { introduction: introductions, broadcast: broadcasts, signal: signals, record: records },
      ...parts.map((each) => each.dropped),
    ),
    linked: (endpoints) => {
      for (const each of [within, xmpp]) each?.recent.linked(endpoints)
    },
    relayPace: () => xmpp?.relayPace() ?? 0,
    introductions,
    broadcasts,
    signals,
    records,
    outer,
    within: options.within?.namespace,
    ringSignalling: xmpp?.ringSignalling,
    invite: async () => xmpp?.invitations?.invite(),
    close: () => {
      // What tunnels say last goes over the others.
      tunnels.close()
      signals.close()
      for (const each of parts) each.close()
      release()
    },
  })
  xmpp?.onServersFound(() => ring.retryLinks())
  try {
    await signingIn
  } catch (error) {
    if (options.serviceMayBeAway && error instanceof OvertureError && error.retryable) session?.keepTrying()
    else {
      await ring.leave()
      throw error
    }
  }
  return ring
}

/** What another ring of this page gives to those within it. */
function outerOf(ring: Ring | undefined): InnerOverlays | undefined {
  if (ring === undefined || ring instanceof JoinedRing) return ring?.inner
  throw new Error('A ring lives within one that `join` has given.')
}
