/**
 * What do the stanzas of an invitation say? Requests for a presence subscription (RFC 6121 §3) that carry a proof, and
 * what the roster (§2) knows of somebody.
 *
 *   <presence type='subscribe' to='alice@one.example'>
 *     <status>…for people…</status>
 *     <invitation xmlns='urn:overture:invitation:0' proof='…64 hex digits…'/>
 *   </presence>
 */
import type { Element } from '../xmpp/stanza.ts'
import { xml } from '../xmpp/stanza.ts'
import { bareOf } from './resource.ts'

export const ROSTER_NS = 'jabber:iq:roster'
const INVITATION_NS = 'urn:overture:invitation:0'
/** Somebody may see it in another client than ours. */
const FOR_PEOPLE = 'Overture: I have a link of yours to a space.'

export type SubscriptionRequest = { from: string; proof: string | undefined }

/** How we stand to somebody: `friend` if we see their presence, `asked` if they have not answered. */
export type Standing = 'stranger' | 'asked' | 'friend'

export function subscribePresence(to: string, proof: string): Element {
  const child = xml('invitation', { xmlns: INVITATION_NS, proof })
  return xml('presence', { type: 'subscribe', to }, xml('status', {}, FOR_PEOPLE), child)
}

export function subscribedPresence(to: string): Element {
  return xml('presence', { type: 'subscribed', to })
}

/** Takes a request back that was not answered, so that the next one is seen as new. */
export function unsubscribePresence(to: string): Element {
  return xml('presence', { type: 'unsubscribe', to })
}

/** Undefined for every other presence. Never throws. */
export function readSubscriptionRequest(presence: Element): SubscriptionRequest | undefined {
  const { type, from } = presence.attrs as { type?: string; from?: string }
  if (type !== 'subscribe' || from === undefined || from === '') return undefined
  const proof: unknown = presence.getChild('invitation', INVITATION_NS)?.attrs.proof
  const isProof = typeof proof === 'string' && /^[0-9a-f]{64}$/.test(proof)
  return { from: bareOf(from), proof: isProof ? proof : undefined }
}

export function rosterQuery(): Element {
  return xml('query', { xmlns: ROSTER_NS })
}

/** A roster that cannot be read knows nobody. */
export function standingIn(roster: Element | undefined, bare: string): Standing {
  const item = roster?.getChildren('item').find(({ attrs }) => attrs.jid === bare)
  const { subscription, ask } = (item?.attrs ?? {}) as { subscription?: string; ask?: string }
  if (subscription === 'to' || subscription === 'both') return 'friend'
  return ask === 'subscribe' ? 'asked' : 'stranger'
}
