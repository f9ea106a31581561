import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Storage } from '../ports.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { hostilePresence } from './hostile-presence.ts'
import {
  ASKED_AGAIN_AFTER_MS,
  InvitationRendezvous,
  MAX_ANSWERS,
  MAX_ASKED,
  MAX_EARLY,
  MAX_NEWCOMERS,
} from './invitation.ts'
import { type Invitation, invitationProof } from './invitation-proof.ts'
import { ScriptedClock, ScriptedStanzas } from './scripted-stanzas.ts'

const HASH = 'c0ffee'
const ALICE = 'alice@one.example'
const BOB = 'bob@two.example'

class Page {
  readonly stanzas = new ScriptedStanzas()
  readonly clock = new ScriptedClock()
  readonly rendezvous: InvitationRendezvous
  readonly account: string
  roster: Element | undefined = rosterOf()

  constructor(account: string, invitation?: Invitation, storage: Storage = memoryStorage()) {
    this.account = account
    this.stanzas.answer = async () => this.roster
    const { stanzas, clock } = this
    const options = { stanzas, namespaceHash: HASH, storage, clock, random: Math.random, account, invitation }
    this.rendezvous = new InvitationRendezvous(options)
    this.rendezvous.start({ appeared: () => {}, vanished: () => {} })
  }

  static async online(account: string, invitation?: Invitation, storage?: Storage): Promise<Page> {
    const page = new Page(account, invitation, storage)
    await turn()
    page.stanzas.goOnline(`${account}/${HASH}.tab`)
    await turn()
    return page
  }

  /** What was sent since the last time, in short. */
  said(): string[] {
    return this.stanzas.sent.splice(0).map(({ attrs }) => `${attrs.type} ${attrs.to}`)
  }

  dropped(reason: string): number {
    return this.rendezvous.dropped.get(reason) ?? 0
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

/** Carries what one has sent to the other, as their services would: with the sender's account as its origin. */
function carry(from: Page, to: Page): string[] {
  const sent = from.stanzas.sent.splice(0).filter(({ attrs }) => attrs.to === to.account)
  for (const stanza of sent) to.stanzas.receive(received(stanza, from.account))
  return sent.map(({ attrs }) => attrs.type)
}

function received(stanza: Element, from: string): Element {
  return xml('presence', { ...stanza.attrs, from }, ...(stanza.children as Element[]))
}

function request(from: string, proof?: string): Element {
  const child = proof === undefined ? [] : [xml('invitation', { xmlns: 'urn:overture:invitation:0', proof })]
  return xml('presence', { type: 'subscribe', from }, ...child)
}

function rosterOf(...items: Record<string, string>[]): Element {
  return xml('query', { xmlns: 'jabber:iq:roster' }, ...items.map((item) => xml('item', item)))
}

describe('an invitation', () => {
  test('makes friends of two who share nothing but a link, without a word from either', async () => {
    const alice = await Page.online(ALICE)
    const bob = await Page.online(BOB, await alice.rendezvous.invite())
    expect(carry(bob, alice)).toEqual(['subscribe'])
    expect(carry(alice, bob)).toEqual(['subscribed', 'subscribe'])
    expect(carry(bob, alice)).toEqual(['subscribed'])
    expect(alice.said()).toEqual([])
    expect([...alice.rendezvous.dropped, ...bob.rendezvous.dropped]).toEqual([])
    expect(bob.clock.pending).toBe(0)
  })

  test('never travels: no stanza holds its token', async () => {
    const alice = await Page.online(ALICE)
    const invitation = await alice.rendezvous.invite()
    const bob = await Page.online(BOB, invitation)
    const all = [...bob.stanzas.sent]
    carry(bob, alice)
    all.push(...alice.stanzas.sent)
    expect(all).toHaveLength(3)
    for (const stanza of all) expect(stanza.toString()).not.toContain(invitation.token)
  })

  test('is the same after a reload, and in each tab of the browser', async () => {
    const storage = memoryStorage()
    const before = await Page.online(ALICE, undefined, storage)
    const invitation = await before.rendezvous.invite()
    const after = await Page.online(ALICE, undefined, storage)
    after.stanzas.receive(request(BOB, invitationProof(invitation, HASH, BOB, 'ask')))
    expect(after.said()).toEqual([`subscribed ${BOB}`, `subscribe ${BOB}`])
    expect(await after.rendezvous.invite()).toEqual(invitation)
  })

  test('is answered by who was away when it came', async () => {
    const storage = memoryStorage()
    const invitation = await (await Page.online(ALICE, undefined, storage)).rendezvous.invite()
    const alice = new Page(ALICE, undefined, storage)
    alice.stanzas.goOnline(`${ALICE}/${HASH}.tab`)
    // The service hands it on before the storage has been read.
    alice.stanzas.receive(request(BOB, invitationProof(invitation, HASH, BOB, 'ask')))
    await turn()
    expect(alice.said()).toEqual([`subscribed ${BOB}`, `subscribe ${BOB}`])
  })

  test('that nobody has asked for lets nobody in', async () => {
    const alice = await Page.online(ALICE)
    alice.stanzas.receive(request(BOB, invitationProof({ inviter: ALICE, token: 'guess' }, HASH, BOB, 'ask')))
    expect(alice.said()).toEqual([])
    expect(alice.dropped('bad-proof')).toBe(1)
  })
})

describe('the newcomer', () => {
  const invitation = { inviter: ALICE, token: 't0ken' }

  test('asks again a while later, as for the first time, and in the end no more', async () => {
    const bob = await Page.online(BOB, invitation)
    expect(bob.said()).toEqual([`subscribe ${ALICE}`])
    for (const delayMs of ASKED_AGAIN_AFTER_MS) {
      bob.clock.advance(delayMs - 1)
      expect(bob.said()).toEqual([])
      bob.clock.advance(1)
      expect(bob.said()).toEqual([`unsubscribe ${ALICE}`, `subscribe ${ALICE}`])
    }
    expect(bob.clock.pending).toBe(0)
  })

  test('does not ask who is a friend already', async () => {
    const bob = new Page(BOB, invitation)
    bob.roster = rosterOf({ jid: 'x@y', subscription: 'none' }, { jid: ALICE, subscription: 'both' })
    bob.stanzas.goOnline(`${BOB}/x`)
    await turn()
    expect(bob.said()).toEqual([])
    expect(bob.clock.pending).toBe(0)
  })

  test('whose earlier request is not answered asks anew, or the service would keep it back', async () => {
    const bob = new Page(BOB, invitation)
    bob.roster = rosterOf({ jid: ALICE, subscription: 'none', ask: 'subscribe' })
    bob.stanzas.goOnline(`${BOB}/x`)
    await turn()
    expect(bob.said()).toEqual([`unsubscribe ${ALICE}`, `subscribe ${ALICE}`])
  })

  test('who is reloaded still knows whom it has asked, until it is answered', async () => {
    const storage = memoryStorage()
    await Page.online(BOB, invitation, storage)
    const reloaded = await Page.online(BOB, undefined, storage)
    expect(reloaded.said()).toEqual([`subscribe ${ALICE}`])
    reloaded.stanzas.receive(request(ALICE, invitationProof(invitation, HASH, BOB, 'answer')))
    expect(reloaded.said()).toEqual([`subscribed ${ALICE}`])
    await turn()
    expect((await Page.online(BOB, undefined, storage)).said()).toEqual([])
  })

  test('accepts only the inviter, and only with a proof of the other direction', async () => {
    const bob = await Page.online(BOB, invitation)
    bob.said()
    bob.stanzas.receive(request(ALICE))
    bob.stanzas.receive(request(ALICE, invitationProof(invitation, HASH, BOB, 'ask')))
    bob.stanzas.receive(request('eve@one.example', invitationProof(invitation, HASH, BOB, 'answer')))
    expect(bob.said()).toEqual([])
    expect([bob.dropped('no-proof'), bob.dropped('bad-proof')]).toEqual([1, 2])
  })

  test('who follows a link of its own asks nobody', async () => {
    expect((await Page.online(ALICE, invitation)).said()).toEqual([])
  })

  test('remembers as many unanswered invitations as a limit allows', async () => {
    const storage = memoryStorage()
    for (let i = 0; i < MAX_ASKED + 3; i++) await Page.online(BOB, { inviter: `a${i}@b`, token: 't' }, storage)
    expect((await Page.online(BOB, undefined, storage)).said()).toHaveLength(MAX_ASKED)
  })
})

describe('the inviter', () => {
  const ask = (invitation: Invitation, newcomer: string) =>
    request(newcomer, invitationProof(invitation, HASH, newcomer, 'ask'))

  test('leaves requests without a good proof to people, and counts them', async () => {
    const alice = await Page.online(ALICE)
    const invitation = await alice.rendezvous.invite()
    const proofOfBob = invitationProof(invitation, HASH, BOB, 'ask')
    alice.stanzas.receive(request(BOB))
    alice.stanzas.receive(request(BOB, 'x'.repeat(64)))
    alice.stanzas.receive(request(BOB, proofOfBob.toUpperCase()))
    alice.stanzas.receive(request(BOB, invitationProof({ ...invitation, token: 'guess' }, HASH, BOB, 'ask')))
    alice.stanzas.receive(request(BOB, invitationProof(invitation, 'decaf', BOB, 'ask')))
    alice.stanzas.receive(request(BOB, invitationProof(invitation, HASH, BOB, 'answer')))
    alice.stanzas.receive(request('eve@two.example', proofOfBob))
    expect(alice.said()).toEqual([])
    expect([alice.dropped('no-proof'), alice.dropped('bad-proof')]).toEqual([3, 4])
  })

  test('answers who says the same again a few times and no more', async () => {
    const alice = await Page.online(ALICE)
    const invitation = await alice.rendezvous.invite()
    for (let i = 0; i < MAX_ANSWERS + 3; i++) alice.stanzas.receive(ask(invitation, BOB))
    expect(alice.said()).toHaveLength(2 * MAX_ANSWERS)
    expect(alice.dropped('answered-often')).toBe(3)
  })

  test('makes as many friends in one sitting as a limit allows', async () => {
    const alice = await Page.online(ALICE)
    const invitation = await alice.rendezvous.invite()
    for (let i = 0; i < MAX_NEWCOMERS + 3; i++) alice.stanzas.receive(ask(invitation, `bob${i}@two.example`))
    expect(alice.said()).toHaveLength(2 * MAX_NEWCOMERS)
    expect(alice.dropped('too-many-newcomers')).toBe(3)
  })

  test('keeps as many early requests as a limit allows', async () => {
    const alice = new Page(ALICE)
    for (let i = 0; i < MAX_EARLY + 3; i++) alice.stanzas.receive(request(BOB, 'a'.repeat(64)))
    await turn()
    expect([alice.dropped('too-many-early'), alice.dropped('bad-proof')]).toEqual([3, MAX_EARLY])
  })

  test('is known by its account however it is spelt', async () => {
    const alice = await Page.online('Alice@One.example')
    const invitation = await alice.rendezvous.invite()
    alice.stanzas.receive(request('Bob@Two.example/phone', invitationProof(invitation, HASH, BOB, 'ask')))
    expect(alice.said()).toEqual([`subscribed ${BOB}`, `subscribe ${BOB}`])
  })
})

test('after a stop nothing is heard, said or waited for', async () => {
  const alice = await Page.online(ALICE)
  const invitation = await alice.rendezvous.invite()
  alice.rendezvous.stop()
  alice.stanzas.receive(request(BOB, invitationProof(invitation, HASH, BOB, 'ask')))
  const bob = await Page.online(BOB, invitation)
  bob.said()
  bob.rendezvous.stop()
  expect([alice.said(), bob.said(), bob.clock.pending]).toEqual([[], [], 0])
})

test('a storage that fails is counted, and an invitation works as long as the page lives', async () => {
  const broken = () => Promise.reject(new Error('the disk is full'))
  const alice = await Page.online(ALICE, undefined, { get: broken, set: broken, delete: broken })
  const bob = await Page.online(BOB, await alice.rendezvous.invite())
  carry(bob, alice)
  expect(alice.said()).toEqual([`subscribed ${BOB}`, `subscribe ${BOB}`])
  expect([...alice.rendezvous.dropped.keys()].sort()).toEqual(['not-loaded', 'not-saved'])
})

test('whatever presence or storage says, nothing throws and nobody becomes a friend', async () => {
  const proof = fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), fc.string())
  const hostile = fc.oneof(
    hostilePresence([BOB, ALICE, `${BOB}/x`]),
    fc.tuple(fc.constantFrom(BOB, ALICE, '/', ''), proof).map(([from, text]) => request(from, text)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { maxLength: 20 }), fc.anything(), async (presences, stored) => {
      const storage = memoryStorage()
      await storage.set(`invitations-asked:${HASH}:${ALICE}`, stored)
      await storage.set(`invitation-token:${HASH}:${ALICE}`, 't0ken')
      const alice = await Page.online(ALICE, undefined, storage)
      for (const presence of presences) alice.stanzas.receive(presence)
      expect(alice.said().filter((each) => each.startsWith('subscribed'))).toEqual([])
    }),
  )
})
