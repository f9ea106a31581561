/** What a page reads back from its storages, as decoders: another version of ours, or another script, may have written it. */
import fc from 'fast-check'
import { loadName } from '../../src/app/person-name.ts'
import type { Storage } from '../../src/ports.ts'
import { InvitationRendezvous } from '../../src/rendezvous/invitation.ts'
import { RecentPeers, reachOverXmpp } from '../../src/rendezvous/recent-peers.ts'
import { ScriptedClock, ScriptedStanzas } from '../../src/rendezvous/scripted-stanzas.ts'
import { SignIn } from '../../src/xmpp/sign-in.ts'
import { type Decoder, fullJids, HASH, storedDecoder, textDecoder } from './decoder.ts'

const NOW_MS = 1_000_000_000_000
const JID = `ann@example.org/${HASH}.self`

/** Under every key the same. */
function storageOf(value: unknown): Storage {
  return { get: async () => value, set: async () => {}, delete: async () => {} }
}

/** Lets what waits for storage go on: it never waits for anything else. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

async function whomWeTry(value: unknown): Promise<unknown> {
  const stanzas = new ScriptedStanzas(JID)
  const recent = new RecentPeers({
    reach: reachOverXmpp(stanzas, HASH),
    namespaceHash: HASH,
    storage: storageOf(value),
    clock: new ScriptedClock(),
    timeOfDay: () => NOW_MS,
  })
  const tried: unknown[] = []
  recent.start({ appeared: (candidate) => tried.push(candidate), vanished: () => {} })
  await settled()
  recent.stop()
  return tried
}

async function whomWeAsk(value: unknown): Promise<unknown> {
  const stanzas = new ScriptedStanzas(JID)
  const invitations = new InvitationRendezvous({
    stanzas,
    namespaceHash: HASH,
    storage: storageOf(value),
    clock: new ScriptedClock(),
    random: () => 0.5,
    account: 'ann@example.org',
  })
  invitations.start({ appeared: () => {}, vanished: () => {} })
  await settled()
  const ours = await invitations.invite()
  invitations.stop()
  return [ours, stanzas.sent.map(String)]
}

async function asWhomWeSignIn(value: unknown): Promise<unknown> {
  const used: unknown[] = []
  const signIn = new SignIn({
    address: { domain: 'example.org', username: undefined },
    password: undefined,
    storage: storageOf(value),
    random: () => 0.5,
  })
  await signIn.through({
    mechanisms: ['PLAIN'],
    authenticate: async (_mechanism, credentials) => {
      used.push(credentials)
    },
    register: async () => {},
  })
  return used
}

const invitations = fc.array(
  fc.record({ inviter: fc.domain().map((domain) => `bob@${domain}`), token: fc.stringMatching(/^[a-z]{10}$/) }),
  { maxLength: 4 },
)

export const STORED_DECODERS: Decoder[] = [
  storedDecoder(
    'recent-peers',
    fc.array(
      fullJids.map((jid) => ({ endpoint: `xmpp:${jid}`, atMs: NOW_MS - 1_000 })),
      { maxLength: 4 },
    ),
    whomWeTry,
  ),
  storedDecoder('stored-invitations', fc.oneof(invitations, fc.string()), whomWeAsk),
  storedDecoder('stored-account', fc.record({ username: fc.string(), password: fc.string() }), asWhomWeSignIn),
  textDecoder('stored-name', fc.string(), (text) => {
    const storage = { getItem: () => text, setItem: () => {} }
    return loadName(() => ({ chosen: storage, madeUp: storage }))
  }),
]
