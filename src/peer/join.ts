/**
 * join: builds one peer out of its parts and starts it. Knows every room and decides nothing: the session signs in,
 * rendezvous shows candidates, transports carry channels, and the node in the middle makes a ring of them.
 */
import { nodeAddress } from '../overlay/address.ts'
import { Node } from '../overlay/node.ts'
import type { DialledTransport } from '../overlay/node-config.ts'
import { seededRandom } from '../overlay/seeded-random.ts'
import type { Rendezvous, Storage, Transport } from '../ports.ts'
import { ExternalServices } from '../reflection/external-services.ts'
import { PresenceRendezvous } from '../rendezvous/presence.ts'
import { resourceOf } from '../rendezvous/resource.ts'
import { RoomRendezvous } from '../rendezvous/room.ts'
import { EitherSignalling } from '../signalling/either-signalling.ts'
import { JingleSignalling } from '../signalling/jingle-signalling.ts'
import { RingSignalling } from '../signalling/ring-signalling.ts'
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
  xmpp: {
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
  /** Wanted neighbours on each side of the ring; up to twice as many and one nodes are linked all to all. Default 2. */
  neighboursPerSide?: number
  /**
   * Whether two in one ring agree on a link through it. Default true; without it each link needs the XMPP service.
   */
  ringSignalling?: boolean
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
  const session = new XmppSession({
    service: options.xmpp.service,
    ...(options.xmpp.domain === undefined ? {} : { domain: options.xmpp.domain }),
    ...(options.xmpp.jid === undefined ? {} : { jid: options.xmpp.jid }),
    ...(options.xmpp.password === undefined ? {} : { password: options.xmpp.password }),
    resource: resourceOf(hash, cryptoRandom),
    storage: options.storage ?? pageStorage(),
    random: cryptoRandom,
    clock,
  })
  const relay = new XmppRelay(session, clock, cryptoRandom)
  const address = nodeAddress(randomBytes(20))
  const ringSignalling = new RingSignalling(address, clock, cryptoRandom)
  const signalling = new EitherSignalling(ringSignalling, new JingleSignalling(session, clock, cryptoRandom))
  const reflection = new ExternalServices(session, clock)
  const hasWebrtc = WebrtcTransport.supported || options.rtc !== undefined
  const webrtc = hasWebrtc
    ? new WebrtcTransport({ signalling, reflection, clock, ...(options.rtc ? { rtc: options.rtc } : {}) })
    : undefined
  const transports: Transport[] = webrtc ? [relay, webrtc] : [relay]
  const throughRing = hasWebrtc && options.ringSignalling !== false
  const dials: DialledTransport[] = [
    { scheme: 'xmpp', kind: 'relay' },
    ...(webrtc ? [{ scheme: 'webrtc', kind: 'direct', throughRing } as const] : []),
  ]
  const node = new Node(
    {
      address,
      incarnation: randomInteger(),
      namespace: hash,
      ...(options.neighboursPerSide === undefined ? {} : { perSide: options.neighboursPerSide }),
      transports: dials,
    },
    seededRandom(randomInteger()),
  )
  const rendezvous: Rendezvous[] = [
    new PresenceRendezvous(session, hash),
    new RoomRendezvous({
      stanzas: session,
      namespaceHash: hash,
      clock,
      random: cryptoRandom,
      rooms: options.xmpp.rooms,
    }),
  ]
  const ring = new JoinedRing({
    namespace: options.namespace,
    clock,
    startedMs,
    node,
    session,
    transports,
    rendezvous,
    ringSignalling: throughRing ? ringSignalling : undefined,
    dropped: { relay, signalling, reflection, session, ...(webrtc ? { webrtc } : {}) },
    close: () => {
      reflection.close()
      for (const transport of transports) transport.close()
      signalling.close()
    },
  })
  try {
    await session.start()
  } catch (error) {
    await ring.leave()
    throw error
  }
  return ring
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
