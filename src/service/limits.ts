/**
 * How much may strangers make the service hold? Every table, size and wait of the embedded XMPP service has its
 * maximum here; `createXmppService({ limits })` lowers or raises single ones.
 */
export type Limits = {
  stanzaBytes: number
  unauthenticatedStanzaBytes: number
  presenceBytes: number
  elementDepth: number
  connections: number
  unsentBytes: number
  unauthenticatedMs: number
  loginAttempts: number
  accounts: number
  resourcesPerAccount: number
  rosterItems: number
  rosterGroups: number
  rosterTextLength: number
  pendingSubscriptions: number
  directedPresences: number
  rooms: number
  roomsPerSession: number
  occupants: number
}

export const DEFAULT_LIMITS: Limits = {
  stanzaBytes: 262_144, // Prosody 0.12 and ejabberd: c2s stanza size limit.
  unauthenticatedStanzaBytes: 10_000, // Prosody 0.12, before authentication; RFC 6120 §13.12 asks for no less.
  presenceBytes: 16_384, // A guess: presences are kept, and none of ours has 1 KiB.
  elementDepth: 64, // A guess: parsing and writing recurse, and no protocol here nests 10 deep.
  connections: 4_000, // A guess: a thousand tabs of one account and room for as many again, thrice.
  unsentBytes: 16_777_216, // A guess: a thousand presences at once are under 1 MiB.
  unauthenticatedMs: 30_000, // A guess: many slow round trips.
  loginAttempts: 5, // RFC 6120 §6.4.5: at least 2, at most 5 retries.
  accounts: 10_000, // A guess.
  resourcesPerAccount: 2_000, // A guess: twice what the lab asks for.
  rosterItems: 1_000, // Common among servers.
  rosterGroups: 20, // A guess.
  rosterTextLength: 1_023, // RFC 6121 §2.1.2.6: a server should allow at least this for a group.
  pendingSubscriptions: 200, // A guess.
  directedPresences: 2_000, // A guess: everybody in two full rooms.
  rooms: 2_000, // A guess.
  roomsPerSession: 50, // A guess.
  occupants: 1_000, // A guess: as many tabs as one namespace has in the lab.
}
