/**
 * join: builds one peer out of its parts and starts it. Knows every room and decides nothing: the session signs in,
 * rendezvous shows candidates, transports carry channels, and the node in the middle makes a ring of them.
 */
import { nodeAddress } from '../overlay/address.ts'
import { Node } from '../overlay/node.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import { OvertureError } from '../overture-error.ts'
import type { ChannelKind, Clock, Rendezvous, Storage, Transport } from '../ports.ts'
import { ExternalServices } from '../reflection/external-services.ts'
import { InvitationRendezvous } from '../rendezvous/invitation.ts'
import type { Invitation } from '../rendezvous/invitation-proof.ts'
import { LocalTabs } from '../rendezvous/local-tabs.ts'
import { PresenceRendezvous } from '../rendezvous/presence.ts'
import { RecentPeers } from '../rendezvous/recent-peers.ts'
import { resourceOf } from '../rendezvous/resource.ts'
import { RoomRendezvous } from '../rendezvous/room.ts'
import { JingleSignalling } from '../signalling/jingle-signalling.ts'
import { LocalTabTransport } from '../transport/local-tab.ts'
import { type Rtc, WebrtcTransport } from '../transport/webrtc.ts'
import { XmppRelay } from '../transport/xmpp-relay.ts'
import { realClock } from '../xmpp/real-clock.ts'
import { XmppSession } from '../xmpp/session.ts'
import { JoinedRing } from './joined-ring.ts'
import { namespaceHash } from './namespace.ts'
import { pageStorage } from './page-storage.ts'
import type { Ring } from './ring.ts'

export type JoinOptions = {
  /** Name and version of the overlay, such as `chess-club/1`. */
  namespace: string
  /** Whoever does not know it does not meet us. */
  secret?: string
  /** Without it only tabs of this browser are met. */
  xmpp?: {
    /** `wss://…` or, on this machine, `ws://…`. */
    service: string
    /** The XMPP domain, where it is not the service's host. */
    domain?: string
    /** An account; without one the service is asked to let us in anonymously, else for an account of our own. */
    jid?: string
    password?: string
    /** The domain of the service's rooms, where it cannot be found by asking. */
    rooms?: string
  }
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
  const hash = namespaceHash(options.namespace, options.secret)
  const wantsTabs = options.localTabs ?? typeof document !== 'undefined'
  const tabs = wantsTabs && LocalTabTransport.supported ? tabParts(hash, clock) : undefined
  const xmpp = options.xmpp && xmppParts(options.xmpp, hash, clock, options)
  const parts = [tabs, xmpp].filter((each) => each !== undefined)
  const transports = parts.flatMap((each) => each.transports)
  const node = new Node(
    {
      address: nodeAddress(randomBytes(20)),
      incarnation: randomInteger(),
      namespace: hash,
      ...(options.neighboursPerSide === undefined ? {} : { perSide: options.neighboursPerSide }),
      transports: transports.map(({ scheme }) => ({ scheme, ...DIALS[scheme as keyof typeof DIALS] })),
    },
    seededRandom(randomInteger()),
  )
  const session = xmpp?.session
  const ring = new JoinedRing({
    namespace: options.namespace,
    clock,
    startedMs,
    node,
    session,
    transports,
    rendezvous: parts.flatMap((each) => each.rendezvous),
    dropped: Object.assign({}, ...parts.map((each) => each.dropped)),
    linked: (endpoints) => xmpp?.recent.linked(endpoints),
    relayPace: () => xmpp?.relayPace() ?? 0,
    invite: async () => xmpp?.invitations?.invite(),
    close: () => {
      for (const each of parts) each.close()
    },
  })
  try {
    await session?.start()
  } catch (error) {
    if (options.serviceMayBeAway && error instanceof OvertureError && error.retryable) session?.keepTrying()
    else {
      await ring.leave()
      throw error
    }
  }
  return ring
}

type Parts = {
  transports: Transport[]
  rendezvous: Rendezvous[]
  dropped: Record<string, { readonly dropped: ReadonlyMap<string, number> }>
  close: () => void
}

type XmppParts = Parts & {
  session: XmppSession
  recent: RecentPeers
  relayPace: () => number
  /** Undefined for who has no account to be a contact of anybody. */
  invitations: InvitationRendezvous | undefined
}

/** What each transport can dial, and the best that may come of it. */
const DIALS: Record<'tab' | 'xmpp' | 'webrtc', { kind: ChannelKind; nearby?: boolean }> = {
  tab: { kind: 'direct', nearby: true },
  xmpp: { kind: 'relay' },
  webrtc: { kind: 'direct' },
}

/** What meets and links the tabs of this browser. */
function tabParts(hash: string, clock: Clock): Parts {
  const tab = new LocalTabTransport(clock, cryptoRandom)
  const { endpoint } = tab
  const rendezvous = [new LocalTabs({ namespaceHash: hash, endpoint, clock })]
  return { transports: [tab], rendezvous, dropped: { tab }, close: () => tab.close() }
}

/** What meets and links those who can be reached through an XMPP service. */
function xmppParts(
  xmpp: NonNullable<JoinOptions['xmpp']>,
  hash: string,
  clock: Clock,
  options: JoinOptions,
): XmppParts {
  const storage = options.storage ?? pageStorage()
  const session = new XmppSession({
    service: xmpp.service,
    ...(xmpp.domain === undefined ? {} : { domain: xmpp.domain }),
    ...(xmpp.jid === undefined ? {} : { jid: xmpp.jid }),
    ...(xmpp.password === undefined ? {} : { password: xmpp.password }),
    resource: resourceOf(hash, cryptoRandom),
    storage,
    random: cryptoRandom,
    clock,
  })
  const relay = new XmppRelay(session, clock, cryptoRandom)
  const signalling = new JingleSignalling(session, clock, cryptoRandom)
  const reflection = new ExternalServices({ stanzas: session, clock })
  const hasWebrtc = WebrtcTransport.supported || options.rtc !== undefined
  const webrtc = hasWebrtc
    ? new WebrtcTransport({ signalling, reflection, clock, ...(options.rtc ? { rtc: options.rtc } : {}) })
    : undefined
  const transports: Transport[] = webrtc ? [relay, webrtc] : [relay]
  const recent = new RecentPeers({ stanzas: session, namespaceHash: hash, storage, clock, timeOfDay: Date.now })
  const invitations =
    xmpp.jid === undefined
      ? undefined
      : new InvitationRendezvous({
          stanzas: session,
          namespaceHash: hash,
          storage,
          clock,
          random: cryptoRandom,
          account: xmpp.jid,
          invitation: options.invitation,
        })
  const rendezvous: Rendezvous[] = [
    recent,
    new PresenceRendezvous(session, hash),
    new RoomRendezvous({ stanzas: session, namespaceHash: hash, clock, random: cryptoRandom, rooms: xmpp.rooms }),
    ...(invitations ? [invitations] : []),
  ]
  return {
    session,
    recent,
    relayPace: () => relay.pace.bytesPerS,
    invitations,
    transports,
    rendezvous,
    dropped: { relay, signalling, reflection, session, ...(webrtc ? { webrtc } : {}) },
    close: () => {
      reflection.close()
      for (const transport of transports) transport.close()
      signalling.close()
    },
  }
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

function randomInteger(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number
}

function cryptoRandom(): number {
  return randomInteger() / 2 ** 32
}
