/**
 * Whom does an account know? Roster items, the roster IQ (RFC 6121 §2) and pushes. What subscriptions do to items is
 * decided in subscriptions.ts.
 */
import { randomUUID } from 'node:crypto'
import { type Element, xml } from '../xmpp/stanza.ts'
import type { Account } from './accounts.ts'
import { childElements } from './frame.ts'
import type { Answer, Request } from './iq.ts'
import { parseJid } from './jid.ts'
import type { Limits } from './limits.ts'
import type { Session } from './session.ts'
import type { Subscriptions } from './subscriptions.ts'

export const ROSTER_NS = 'jabber:iq:roster'

export type RosterItem = {
  readonly jid: string
  name: string | undefined
  groups: string[]
  /** We get their presence. */
  to: boolean
  /** They get our presence. */
  from: boolean
  /** We asked and have no answer. */
  ask: boolean
}

export type Roster = {
  readonly items: Map<string, RosterItem>
  /** Who asked us and has no answer, with all that the request said (RFC 6121 §3.1.3). */
  readonly pending: Map<string, Element>
}

export function answerRoster({ session, type, query }: Request, subscriptions: Subscriptions, limits: Limits): Answer {
  const { account } = session
  if (type === 'get') {
    session.interested = true
    return xml('query', { xmlns: ROSTER_NS }, ...[...account.roster.items.values()].map(itemElement))
  }
  const [item, ...rest] = childElements(query)
  if (item === undefined || item.getName() !== 'item' || rest.length > 0) return 'bad-request'
  const jid = parseJid(item.attrs.jid ?? '')
  if (jid === undefined || jid.bare === account.jid.bare) return 'not-allowed'
  if (item.attrs.subscription === 'remove') {
    return subscriptions.removeItem(account, jid.bare) ? undefined : 'item-not-found'
  }
  return changeItem(account, jid.bare, item, limits)
}

/** The item, made if there is room; undefined if the roster is full. */
export function ensureItem(account: Account, bare: string, limits: Limits): RosterItem | undefined {
  const { items } = account.roster
  const known = items.get(bare)
  if (known !== undefined) return known
  if (items.size >= limits.rosterItems) return undefined
  const item: RosterItem = { jid: bare, name: undefined, groups: [], to: false, from: false, ask: false }
  items.set(bare, item)
  return item
}

export function pushItem(account: Account, item: RosterItem): void {
  push(account, itemElement(item))
}

export function pushRemoval(account: Account, bare: string): void {
  push(account, xml('item', { jid: bare, subscription: 'remove' }))
}

export function interestedSessions(account: Account): Session[] {
  return [...account.sessions.values()].filter((session) => session.interested)
}

function changeItem(account: Account, bare: string, element: Element, limits: Limits): Answer {
  const name: string | undefined = element.attrs.name
  const groups = [...new Set(element.getChildren('group').map((group) => group.getText()))]
  if (groups.length > limits.rosterGroups) return 'not-acceptable'
  if ([name ?? '', ...groups].some((text) => text.length > limits.rosterTextLength)) return 'not-acceptable'
  const item = ensureItem(account, bare, limits)
  if (item === undefined) return 'resource-constraint'
  item.name = name
  item.groups = groups
  pushItem(account, item)
  return undefined
}

function itemElement(item: RosterItem): Element {
  const subscription = item.to ? (item.from ? 'both' : 'to') : item.from ? 'from' : 'none'
  return xml(
    'item',
    { jid: item.jid, name: item.name, subscription, ask: item.ask ? 'subscribe' : undefined },
    ...item.groups.map((group) => xml('group', {}, group)),
  )
}

function push(account: Account, item: Element): void {
  for (const session of interestedSessions(account)) {
    const attrs = { xmlns: 'jabber:client', type: 'set', id: randomUUID(), to: session.jid.full }
    session.deliver(xml('iq', attrs, xml('query', { xmlns: ROSTER_NS }, item)).toString())
  }
}
