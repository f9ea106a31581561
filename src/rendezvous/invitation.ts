/**
 * How do those become friends who share nothing but a link? The link names the inviter. The newcomer asks for a presence
 * subscription with a proof that it holds the link; the inviter's page accepts and asks back, and the newcomer's page
 * accepts that. From then on each sees the other's presence, whatever servers they are at (RFC 6121 §3).
 *
 *   newcomer:  stranger --subscribe, proof--> asked --the inviter's subscribe, proof / subscribed--> friend
 *                            ^                  |
 *                            +-- a while later -+  unsubscribe first, or the service takes it for the same request
 *
 *   inviter:   a subscribe with a good proof / subscribed; subscribe, proof
 *
 * A service keeps a request for who is away. Prosody hands it on with its proof; ejabberd 23.01 does not hand it on at all
 * to a presence of negative priority such as ours (measured), which is why the newcomer asks again.
 * What comes without a good proof is left for people to answer, in whatever client they have.
 */
import type { Clock, Random, Rendezvous, RendezvousEvents, Stanzas, Storage, Visibility } from '../ports.ts'
import { randomText } from '../xmpp/random-text.ts'
import type { Element } from '../xmpp/stanza.ts'
import { type Invitation, invitationProof } from './invitation-proof.ts'
import {
  ROSTER_NS,
  readSubscriptionRequest,
  rosterQuery,
  type SubscriptionRequest,
  standingIn,
  subscribedPresence,
  subscribePresence,
  unsubscribePresence,
} from './invitation-xml.ts'
import { bareOf } from './resource.ts'

const TOKEN_LENGTH = 26 // 130 bits: nobody guesses it.
/** Guesses: soon for an inviter who is about to open the page, and seldom enough for somebody's telephone. */
export const ASKED_AGAIN_AFTER_MS = [20_000, 60_000, 300_000, 900_000, 3_600_000]
export const MAX_ASKED = 8 // A guess: unanswered invitations to one space.
export const MAX_NEWCOMERS = 256 // A guess: friends made in one sitting.
export const MAX_ANSWERS = 4 // A guess: a newcomer's tabs and reloads; more is somebody who says the same again.
export const MAX_EARLY = 64 // A guess: requests that wait until the storage has been read.

export type InvitationOptions = {
  stanzas: Stanzas
  namespaceHash: string
  storage: Storage
  clock: Clock
  /** Must be unpredictable: it makes tokens. */
  random: Random
  /** The account that we sign in with, as a bare JID. */
  account: string
  /** What the link said that we came by. */
  invitation?: Invitation | undefined
}

type Asking = { invitation: Invitation; times: number; cancel: () => void }

export class InvitationRendezvous implements Rendezvous {
  readonly name = 'invitation'
  readonly isSeen = false
  readonly dropped = new Map<string, number>()
  private readonly options: InvitationOptions
  private readonly account: string
  /** Ours, once we have invited anybody to this space. */
  private token: string | undefined
  private readonly asking = new Map<string, Asking>()
  private readonly answers = new Map<string, number>()
  /** Requests that came while the storage was being read. */
  private early: SubscriptionRequest[] | undefined
  private loaded: Promise<void> | undefined
  private stops: (() => void)[] = []

  constructor(options: InvitationOptions) {
    this.options = options
    this.account = bareOf(options.account)
  }

  /** Whom we become friends with, presence shows. */
  start(_events: RendezvousEvents): void {
    if (this.stops.length > 0) throw new Error('This rendezvous is started already.')
    const { stanzas } = this.options
    this.early = []
    this.loaded = this.load().then(() => {
      const { early } = this
      this.early = undefined
      if (this.stops.length > 0) for (const request of early ?? []) this.handle(request)
    })
    this.stops = [
      stanzas.onPresence((presence) => this.hear(presence)),
      // Who has asked for the roster is told of its changes and has to answer (RFC 6121 §2.1.6).
      stanzas.onIq('set', 'query', ROSTER_NS, () => undefined),
      stanzas.onOnline((jid) => {
        void this.loaded?.then(() => this.askAll(jid))
      }),
    ]
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    for (const { cancel } of this.asking.values()) cancel()
    this.asking.clear()
  }

  /** Friendship is formed by those, too, who do not show themselves to strangers. */
  show(_visibility: Visibility): void {}

  /** What names us in a link. From now on whoever holds it is accepted by this account's pages in this browser. */
  async invite(): Promise<Invitation> {
    await this.loaded
    if (this.token === undefined) {
      this.token = randomText(this.options.random, TOKEN_LENGTH)
      await this.keep(this.tokenKey, this.token)
    }
    return { inviter: this.account, token: this.token }
  }

  private get tokenKey(): string {
    return `invitation-token:${this.options.namespaceHash}:${this.account}`
  }

  private get askedKey(): string {
    return `invitations-asked:${this.options.namespaceHash}:${this.account}`
  }

  // ------------------------------------------------------------------------------------------ what outlives the page

  /** Our own token, and whom we have asked before: the link in the address bar names us by now. Never rejects. */
  private async load(): Promise<void> {
    const { invitation } = this.options
    const [token, asked] = await Promise.all([this.read(this.tokenKey), this.read(this.askedKey)])
    if (typeof token === 'string' && this.token === undefined) this.token = token
    const unanswered = (Array.isArray(asked) ? asked : []).filter(isInvitation)
    for (const each of invitation === undefined ? unanswered : [invitation, ...unanswered]) {
      const inviter = bareOf(each.inviter)
      if (inviter === this.account || this.asking.has(inviter)) continue
      if (this.asking.size < MAX_ASKED) this.asking.set(inviter, { invitation: each, times: 0, cancel: () => {} })
    }
    if (invitation !== undefined) await this.keepAsked()
  }

  private keepAsked(): Promise<void> {
    return this.keep(
      this.askedKey,
      [...this.asking.values()].map(({ invitation }) => invitation),
    )
  }

  private async read(key: string): Promise<unknown> {
    try {
      return await this.options.storage.get(key)
    } catch {
      this.drop('not-loaded')
      return undefined
    }
  }

  private async keep(key: string, value: unknown): Promise<void> {
    try {
      await this.options.storage.set(key, value)
    } catch {
      this.drop('not-saved')
    }
  }

  // ------------------------------------------------------------------------------------------ the newcomer

  private askAll(jid: string): void {
    if (this.asking.size === 0 || bareOf(jid) !== this.account) return
    const { stanzas } = this.options
    const ask = (roster: Element | undefined) => {
      for (const [inviter, asking] of this.asking) {
        const standing = standingIn(roster, inviter)
        if (standing === 'friend') this.answered(inviter)
        else {
          asking.times = 0
          this.ask(inviter, asking, standing === 'asked')
        }
      }
    }
    stanzas.request({ type: 'get', child: rosterQuery() }).then(ask, () => ask(undefined))
  }

  private ask(inviter: string, asking: Asking, again: boolean): void {
    if (this.stops.length === 0) return
    const { stanzas, namespaceHash, clock } = this.options
    if (again) stanzas.send(unsubscribePresence(inviter))
    stanzas.send(subscribePresence(inviter, invitationProof(asking.invitation, namespaceHash, this.account, 'ask')))
    asking.cancel()
    const delayMs = ASKED_AGAIN_AFTER_MS[asking.times++]
    asking.cancel = delayMs === undefined ? () => {} : clock.wakeAt(clock.now() + delayMs, () => this.askAgain(inviter))
  }

  private askAgain(inviter: string): void {
    const asking = this.asking.get(inviter)
    // At the next sign-in all are asked anyway.
    if (asking !== undefined && this.options.stanzas.jid !== undefined) this.ask(inviter, asking, true)
  }

  private answered(inviter: string): void {
    this.asking.get(inviter)?.cancel()
    this.asking.delete(inviter)
    void this.keepAsked()
  }

  // ------------------------------------------------------------------------------------------ both

  private hear(presence: Element): void {
    const request = readSubscriptionRequest(presence)
    if (request === undefined) return
    if (request.proof === undefined) this.drop('no-proof')
    else if (this.early === undefined) this.handle(request)
    else if (this.early.length < MAX_EARLY) this.early.push(request)
    else this.drop('too-many-early')
  }

  private handle({ from, proof }: SubscriptionRequest): void {
    const { namespaceHash, stanzas } = this.options
    const asking = this.asking.get(from)
    if (asking !== undefined && proof === invitationProof(asking.invitation, namespaceHash, this.account, 'answer')) {
      stanzas.send(subscribedPresence(from))
      this.answered(from)
      return
    }
    const own = this.token === undefined ? undefined : { inviter: this.account, token: this.token }
    if (own === undefined || proof !== invitationProof(own, namespaceHash, from, 'ask')) {
      this.drop('bad-proof')
      return
    }
    const before = this.answers.get(from) ?? 0
    if (before === 0 && this.answers.size >= MAX_NEWCOMERS) this.drop('too-many-newcomers')
    else if (before >= MAX_ANSWERS) this.drop('answered-often')
    else {
      this.answers.set(from, before + 1)
      stanzas.send(subscribedPresence(from))
      stanzas.send(subscribePresence(from, invitationProof(own, namespaceHash, from, 'answer')))
    }
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}

function isInvitation(value: unknown): value is Invitation {
  const { inviter, token } = (value ?? {}) as Record<string, unknown>
  return typeof inviter === 'string' && typeof token === 'string'
}
