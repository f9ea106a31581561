/**
 * Overture: browser tabs that share nothing but a link become a ring.
 *
 *   const ring = await join({ namespace: 'chess-club/1', xmpp: { service: 'wss://example.org/xmpp-websocket' } })
 *   ring.on('message', ({ from, data }) => …)
 *   await ring.broadcast(new TextEncoder().encode('hello'))
 */
export type { Address } from './overlay/address.ts'
export { type ErrorCode, OvertureError } from './overture-error.ts'
export { type JoinOptions, join } from './peer/join.ts'
export { MAX_BROADCAST_BYTES, MAX_MESSAGE_BYTES } from './peer/joined-ring.ts'
export type {
  DhtFacts,
  Invitation,
  Lease,
  Milestones,
  PeerEvent,
  PeerInfo,
  PutOptions,
  Ring,
  RingEvents,
  RingState,
  Role,
  ServiceState,
  Snapshot,
  StoredValue,
} from './peer/ring.ts'
export type { CandidatePair, ChannelKind, Storage } from './ports.ts'
