/**
 * Who may see whose presence? The four subscription stanzas (RFC 6121 §3) between local accounts. Each direction of
 * each pair is the same small machine, of which both sides hold a half: `ask`/`pending` and `to`/`from`.
 *
 *   none --subscribe--> asked --subscribed--> subscribed
 *    ^                    |                       |
 *    +-- unsubscribe(d) --+---- unsubscribe(d) ---+
 */
import { type Element, xml } from '../xmpp/stanza.ts'
import type { Account, Accounts } from './accounts.ts'
import type { StanzaCondition } from './errors.ts'
import { readdressed } from './frame.ts'
import type { Limits } from './limits.ts'
import { deliverTo, type Presences } from './presence.ts'
import { ensureItem, pushItem, pushRemoval } from './roster.ts'
import type { Session } from './session.ts'

export const SUBSCRIPTION_TYPES = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'] as const
export type SubscriptionType = (typeof SUBSCRIPTION_TYPES)[number]

export class Subscriptions {
  private readonly accounts: Accounts
  private readonly presences: Presences
  private readonly limits: Limits

  constructor(accounts: Accounts, presences: Presences, limits: Limits) {
    this.accounts = accounts
    this.presences = presences
    this.limits = limits
  }

  handle(account: Account, type: SubscriptionType, bare: string, stanza: Element): StanzaCondition | undefined {
    if (bare === account.jid.bare) return 'not-allowed'
    switch (type) {
      case 'subscribe':
        return this.subscribe(account, bare, readdressed(stanza, { from: account.jid.bare, to: bare }))
      case 'subscribed':
        return this.approve(account, bare)
      case 'unsubscribe':
        return this.unsubscribe(account, bare)
      case 'unsubscribed':
        return this.cancel(account, bare)
    }
  }

  /** RFC 6121 §3.1.3: a request is repeated at each initial presence until it is answered. */
  remind(session: Session): void {
    const { roster } = session.account
    for (const request of roster.pending.values()) session.deliver(request.toString())
  }

  /** RFC 6121 §2.5.2: removing an item ends the subscriptions in both directions. */
  removeItem(account: Account, bare: string): boolean {
    if (!account.roster.items.has(bare)) return false
    this.unsubscribe(account, bare)
    this.cancel(account, bare)
    account.roster.items.delete(bare)
    pushRemoval(account, bare)
    return true
  }

  /** Ends everything between an account that goes and those it knew, so that nobody inherits it with the name. */
  forget(account: Account): void {
    for (const bare of [...account.roster.items.keys()]) this.removeItem(account, bare)
    for (const bare of [...account.roster.pending.keys()]) this.cancel(account, bare)
  }

  private subscribe(account: Account, bare: string, request: Element): StanzaCondition | undefined {
    const contact = this.accounts.findBare(bare)
    if (contact !== undefined && this.isFull(contact, account)) return 'resource-constraint'
    const item = ensureItem(account, bare, this.limits)
    if (item === undefined) return 'resource-constraint'
    if (item.to) return undefined
    item.ask = true
    pushItem(account, item)
    if (contact === undefined) return undefined
    if (contact.roster.items.get(account.jid.bare)?.from) {
      this.grant(contact, account)
      return undefined
    }
    contact.roster.pending.set(account.jid.bare, request)
    deliverTo(contact, request)
    return undefined
  }

  private approve(account: Account, bare: string): StanzaCondition | undefined {
    if (!account.roster.pending.has(bare)) return undefined
    const item = ensureItem(account, bare, this.limits)
    if (item === undefined) return 'resource-constraint'
    account.roster.pending.delete(bare)
    item.from = true
    pushItem(account, item)
    const asker = this.accounts.findBare(bare)
    if (asker !== undefined) this.grant(account, asker)
    return undefined
  }

  /** The asker's half of an approval. */
  private grant(account: Account, asker: Account): void {
    const item = asker.roster.items.get(account.jid.bare)
    if (!item?.ask) return
    item.ask = false
    item.to = true
    deliverTo(asker, subscriptionStanza('subscribed', account.jid.bare))
    pushItem(asker, item)
    this.presences.show(account, asker)
  }

  private unsubscribe(account: Account, bare: string): undefined {
    const item = account.roster.items.get(bare)
    if (item?.to || item?.ask) {
      item.to = false
      item.ask = false
      pushItem(account, item)
    }
    const contact = this.accounts.findBare(bare)
    if (contact === undefined) return
    const wasPending = contact.roster.pending.delete(account.jid.bare)
    const theirs = contact.roster.items.get(account.jid.bare)
    const wasSubscribed = theirs?.from === true
    if (!wasPending && !wasSubscribed) return
    deliverTo(contact, subscriptionStanza('unsubscribe', account.jid.bare))
    if (theirs === undefined || !wasSubscribed) return
    theirs.from = false
    pushItem(contact, theirs)
    this.presences.show(contact, account, 'unavailable')
  }

  private cancel(account: Account, bare: string): undefined {
    const wasPending = account.roster.pending.delete(bare)
    const item = account.roster.items.get(bare)
    const wasSubscribed = item?.from === true
    if (!wasPending && !wasSubscribed) return
    if (item !== undefined && wasSubscribed) {
      item.from = false
      pushItem(account, item)
    }
    const contact = this.accounts.findBare(bare)
    if (contact === undefined) return
    if (wasSubscribed) this.presences.show(account, contact, 'unavailable')
    const theirs = contact.roster.items.get(account.jid.bare)
    if (theirs === undefined) return
    theirs.to = false
    theirs.ask = false
    deliverTo(contact, subscriptionStanza('unsubscribed', account.jid.bare))
    pushItem(contact, theirs)
  }

  private isFull(contact: Account, asker: Account): boolean {
    const { pending } = contact.roster
    return pending.size >= this.limits.pendingSubscriptions && !pending.has(asker.jid.bare)
  }
}

function subscriptionStanza(type: SubscriptionType, from: string): Element {
  return xml('presence', { xmlns: 'jabber:client', type, from })
}
