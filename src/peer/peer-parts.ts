/**
 * What a peer is made of: for each way to meet and link others the transports, the rendezvous and what they stand on.
 */
import type { Address } from '../overlay/address.ts'
import type { DialledTransport } from '../overlay/node-config.ts'
import type { Clock, Rendezvous, Storage, Transport } from '../ports.ts'
import { ExternalServices } from '../reflection/external-services.ts'
import { GreeterList } from '../rendezvous/greeter-list.ts'
import { InvitationRendezvous } from '../rendezvous/invitation.ts'
import { LocalTabs } from '../rendezvous/local-tabs.ts'
import { PresenceRendezvous } from '../rendezvous/presence.ts'
import { RecentPeers, reachInRing, reachOverXmpp } from '../rendezvous/recent-peers.ts'
import { resourceOf } from '../rendezvous/resource.ts'
import { RingLookup } from '../rendezvous/ring-lookup.ts'
import { RoomRendezvous } from '../rendezvous/room.ts'
import { EitherSignalling } from '../signalling/either-signalling.ts'
import { JingleSignalling } from '../signalling/jingle-signalling.ts'
import { RingSignalling } from '../signalling/ring-signalling.ts'
import { LocalTabTransport } from '../transport/local-tab.ts'
import { PathTransport } from '../transport/pathing.ts'
import { SubringTransport } from '../transport/subring.ts'
import { WebrtcTransport } from '../transport/webrtc.ts'
import { XmppRelay } from '../transport/xmpp-relay.ts'
import { XmppSession } from '../xmpp/session.ts'
import type { InnerOverlays } from './inner-overlays.ts'
import type { JoinOptions } from './join.ts'
import { cryptoRandom } from './randomness.ts'

export type Parts = {
  /** What can be dialled, in the order in which a first contact should try. */
  dials: (Omit<DialledTransport, 'scheme'> & { transport: Transport })[]
  rendezvous: Rendezvous[]
  dropped: Record<string, { readonly dropped: ReadonlyMap<string, number> }>
  close: () => void
}

export type XmppParts = Parts & {
  session: XmppSession
  recent: RecentPeers
  relayPace: () => number
  /** Tells of STUN or TURN servers that were not known before. */
  onServersFound: (listener: () => void) => void
  /** Agrees on links through the ring, where there is something to agree on. */
  ringSignalling: RingSignalling | undefined
  /** Undefined for who has no account to be a contact of anybody. */
  invitations: InvitationRendezvous | undefined
}

/** What meets and links the tabs of this browser. */
export function tabParts(hash: string, clock: Clock): Parts {
  const tab = new LocalTabTransport(clock, cryptoRandom)
  const { endpoint } = tab
  const rendezvous = [new LocalTabs({ namespaceHash: hash, endpoint, clock })]
  const dials = [{ transport: tab, kind: 'direct', nearby: true } as const]
  return { dials, rendezvous, dropped: { tab }, close: () => tab.close() }
}

/** What meets and links those who live in the same ring as we do. */
export function withinParts(
  outer: InnerOverlays,
  hash: string,
  lookupKey: Uint8Array,
  clock: Clock,
  storage: Storage,
): Parts & { recent: RecentPeers } {
  const subring = new SubringTransport({ name: hash, messages: outer, random: cryptoRandom })
  const path = new PathTransport({ name: hash, carriers: outer, clock })
  const { scheme } = subring
  const recent = new RecentPeers({
    reach: reachInRing(outer),
    namespaceHash: hash,
    storage,
    clock,
    timeOfDay: Date.now,
  })
  const lookup = new RingLookup({ place: outer, lookupKey, clock, random: cryptoRandom, scheme })
  return {
    dials: [
      { transport: subring, kind: 'subring' },
      { transport: path, kind: 'direct' },
    ],
    rendezvous: [recent, lookup],
    recent,
    dropped: { subring, path },
    close: () => {
      for (const transport of [subring, path]) transport.close()
    },
  }
}

export function xmppSession(
  xmpp: NonNullable<JoinOptions['xmpp']>,
  hash: string,
  clock: Clock,
  storage: Storage,
): XmppSession {
  return new XmppSession({
    service: xmpp.service,
    ...(xmpp.domain === undefined ? {} : { domain: xmpp.domain }),
    ...(xmpp.jid === undefined ? {} : { jid: xmpp.jid }),
    ...(xmpp.password === undefined ? {} : { password: xmpp.password }),
    resource: resourceOf(hash, cryptoRandom),
    storage,
    random: cryptoRandom,
    clock,
  })
}

/** What meets and links those who can be reached through an XMPP service. */
export function xmppParts(
  xmpp: NonNullable<JoinOptions['xmpp']>,
  session: XmppSession,
  hash: string,
  address: Address,
  clock: Clock,
  options: JoinOptions & { storage: Storage; signalKey: Uint8Array },
): XmppParts {
  const { storage, signalKey } = options
  const relay = new XmppRelay(session, clock, cryptoRandom)
  const ringSignalling = new RingSignalling(address, clock, cryptoRandom)
  const signalling = new EitherSignalling(ringSignalling, new JingleSignalling(session, clock, cryptoRandom, signalKey))
  const hasWebrtc = WebrtcTransport.supported || options.rtc !== undefined
  // Nothing else asks how the world sees us.
  let heardOfServers = () => {}
  const found = () => heardOfServers()
  const reflection = hasWebrtc ? new ExternalServices({ stanzas: session, clock, found }) : undefined
  const webrtc = reflection
    ? new WebrtcTransport({ signalling, reflection, clock, ...(options.rtc ? { rtc: options.rtc } : {}) })
    : undefined
  const throughRing = options.ringSignalling !== false
  const dials: Parts['dials'] = [{ transport: relay, kind: 'relay' }]
  if (webrtc) dials.push({ transport: webrtc, kind: 'direct', throughRing })
  const recent = new RecentPeers({
    reach: reachOverXmpp(session, hash),
    namespaceHash: hash,
    storage,
    clock,
    timeOfDay: Date.now,
  })
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
  // An account that we have made ourselves is that of one browser's tabs.
  const list =
    xmpp.jid === undefined || options.greeters === false
      ? undefined
      : new GreeterList({ stanzas: session, namespaceHash: hash, clock, random: cryptoRandom })
  const presence = new PresenceRendezvous(session, hash, list)
  const room = new RoomRendezvous({
    stanzas: session,
    namespaceHash: hash,
    clock,
    random: cryptoRandom,
    rooms: xmpp.rooms,
    // An account of the user's may be that of a crowd: then few of it are in the room for all.
    ...(list ? { account: presence } : {}),
  })
  const rendezvous: Rendezvous[] = [recent, presence, room, ...(invitations ? [invitations] : [])]
  return {
    session,
    recent,
    relayPace: () => relay.pace.bytesPerS,
    onServersFound: (listener) => {
      heardOfServers = listener
    },
    invitations,
    ringSignalling: webrtc && throughRing ? ringSignalling : undefined,
    dials,
    rendezvous,
    dropped: {
      relay,
      signalling,
      session,
      ...(list ? { presence: list } : {}),
      ...(reflection ? { reflection } : {}),
      ...(webrtc ? { webrtc } : {}),
    },
    close: () => {
      reflection?.close()
      for (const { transport } of dials) transport.close()
      signalling.close()
    },
  }
}
