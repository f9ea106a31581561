/**
 * SpaceLink: what does the link to a space carry, and is this text such a link?
 *
 * Everything sits in the URL's fragment, which browsers never send to a server (RFC 3986 §3.5):
 *
 *   #n=<namespace>&k=<secret>&s=<XMPP service>&d=<XMPP domain>&r=<public ring>&i=<inviter's JID>&t=<inviter's token>
 *
 * `n` and `k` are the space; `s` and `d` say where its people meet and may be missing; `i` and `t` say who gave the link
 * away and may be missing together. Who wants to tell the key by another way leaves `k` out, and who follows the link is asked for
 * it. With `r` its people meet inside that ring, which is joined at `s` and `d`. Unknown fields are ignored.
 */
import { OvertureError } from '../overture-error.ts'
import type { Invitation } from '../peer/ring.ts'

/** A guess: longer than any name that somebody reads to the end. */
export const MAX_NAMESPACE_LENGTH = 80
/** A guess: four times what `newSecret` makes, for those who choose their own. */
export const MAX_SECRET_LENGTH = 128
/** A guess, well above real service addresses. */
export const MAX_SERVICE_LENGTH = 512
/** RFC 1035 §2.3.4. */
export const MAX_DOMAIN_LENGTH = 255
/** A guess, well above real accounts. */
export const MAX_INVITER_LENGTH = 512
/** A guess: four times what an inviter makes. */
export const MAX_TOKEN_LENGTH = 128
/** Each character of a field may take nine in percent-encoded UTF-8. */
const MAX_FRAGMENT_LENGTH =
  9 *
  (2 * MAX_NAMESPACE_LENGTH +
    MAX_SECRET_LENGTH +
    MAX_SERVICE_LENGTH +
    MAX_DOMAIN_LENGTH +
    MAX_INVITER_LENGTH +
    MAX_TOKEN_LENGTH)
/** 128 bits: nobody guesses it. */
const SECRET_BYTES = 16

export type SpaceLink = {
  namespace: string
  secret: string
  service?: string
  domain?: string
  /** The public ring that the space is inside. */
  within?: string
  invitation?: Invitation
}

/** Whether `encodeSpaceLink` takes it. */
export function isCarriable(link: SpaceLink): boolean {
  return whatIsWrongWith(link) === undefined
}

/** Returns the fragment with its `#`. Throws an OvertureError for a name or service that no link may carry. */
export function encodeSpaceLink(link: SpaceLink): string {
  const wrong = whatIsWrongWith(link)
  if (wrong !== undefined) throw wrong
  const fields = new URLSearchParams({ n: link.namespace, k: link.secret })
  if (link.service !== undefined) fields.set('s', link.service)
  if (link.domain !== undefined) fields.set('d', link.domain)
  if (link.within !== undefined) fields.set('r', link.within)
  if (link.invitation !== undefined) {
    fields.set('i', link.invitation.inviter)
    fields.set('t', link.invitation.token)
  }
  return `#${fields}`
}

function whatIsWrongWith({
  namespace,
  secret,
  service,
  domain,
  within,
  invitation,
}: SpaceLink): OvertureError | undefined {
  const wrong = whatIsWrongWithName(namespace)
  if (wrong !== undefined) return OvertureError.badNamespace(wrong)
  if (!isPlainText(secret, MAX_SECRET_LENGTH)) return OvertureError.badNamespace('its key is unusable')
  if (service !== undefined && !isService(service)) return OvertureError.badService(service)
  if (domain !== undefined && !isDomain(domain)) return OvertureError.badService(domain)
  if (within !== undefined && whatIsWrongWithName(within) !== undefined) {
    return OvertureError.badNamespace('the public ring that it is inside has no usable name')
  }
  if (invitation !== undefined && !isInvitation(invitation)) return OvertureError.badAccount(invitation.inviter)
  return undefined
}

/** Reads a fragment, with or without its `#`. Never throws, whatever the text. */
export function parseSpaceLink(fragment: string): SpaceLink | OvertureError {
  if (fragment.length > MAX_FRAGMENT_LENGTH) return OvertureError.badLink('it is too long')
  const fields = fieldsOf(fragment)
  for (const field of ['n', 'k', 's', 'd', 'r', 'i', 't']) {
    if (fields.getAll(field).length > 1) return OvertureError.badLink('it says the same thing twice')
  }
  const namespace = fields.get('n')
  const secret = fields.get('k')
  const service = fields.get('s') ?? undefined
  const domain = fields.get('d') ?? undefined
  const within = fields.get('r') ?? undefined
  if (namespace === null) return OvertureError.badLink('it does not name a space')
  const wrong = whatIsWrongWithName(namespace)
  if (wrong !== undefined) return OvertureError.badLink(wrong)
  if (secret === null || secret === '') return OvertureError.badLink('it has lost its key')
  if (!isPlainText(secret, MAX_SECRET_LENGTH)) return OvertureError.badLink('its key is damaged')
  if (service !== undefined && !isService(service)) {
    return OvertureError.badLink('the XMPP service that it gives has no usable address')
  }
  if (domain !== undefined && !isDomain(domain)) {
    return OvertureError.badLink('the XMPP domain that it gives is not a domain')
  }
  if (within !== undefined && whatIsWrongWithName(within) !== undefined) {
    return OvertureError.badLink('the public ring that it is inside has no usable name')
  }
  const [inviter, token] = [fields.get('i'), fields.get('t')]
  if ((inviter === null) !== (token === null)) return OvertureError.badLink('it has lost half of its invitation')
  const invitation = inviter === null || token === null ? undefined : { inviter, token }
  if (invitation !== undefined && !isInvitation(invitation)) return OvertureError.badLink('its invitation is damaged')
  return {
    namespace,
    secret,
    ...(service === undefined ? {} : { service }),
    ...(domain === undefined ? {} : { domain }),
    ...(within === undefined ? {} : { within }),
    ...(invitation === undefined ? {} : { invitation }),
  }
}

/**
 * The namespace of a link of which nothing but the key is missing, so that whoever has followed it can be asked for that;
 * undefined of anything else. Never throws.
 */
export function keylessNamespace(fragment: string): string | undefined {
  if (fragment.length > MAX_FRAGMENT_LENGTH || fieldsOf(fragment).get('k') !== null) return undefined
  const link = parseSpaceLink(withKey(fragment, 'any'))
  return link instanceof OvertureError ? undefined : link.namespace
}

export function withoutKey(fragment: string): string {
  const fields = fieldsOf(fragment)
  fields.delete('k')
  return `#${fields}`
}

export function withKey(fragment: string, secret: string): string {
  const fields = fieldsOf(fragment)
  fields.set('k', secret)
  return `#${fields}`
}

function fieldsOf(fragment: string): URLSearchParams {
  return new URLSearchParams(fragment.startsWith('#') ? fragment.slice(1) : fragment)
}

/** The key of a new space, URL-safe. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** Says why the name cannot be used, or undefined. */
export function whatIsWrongWithName(name: string): string | undefined {
  if (name.trim() === '') return 'the name of the space is empty'
  if (name.length > MAX_NAMESPACE_LENGTH) return `the name of the space has more than ${MAX_NAMESPACE_LENGTH} letters`
  if (!isPlainText(name, MAX_NAMESPACE_LENGTH)) return 'the name of the space has letters that cannot be shown'
  return undefined
}

/** A WebSocket URL without credentials, or a domain to look the service up at (XEP-0156); on this machine with a port. */
export function isService(text: string): boolean {
  if (text.length > MAX_SERVICE_LENGTH) return false
  if (isDomain(text) || /^(localhost|127(\.\d{1,3}){3}):\d{1,5}$/.test(text)) return true
  if (!/^wss?:\/\//.test(text) || !isPlainText(text, MAX_SERVICE_LENGTH) || /\s/.test(text)) return false
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return url.hostname !== '' && url.username === '' && url.password === '' && url.hash === ''
}

export function isDomain(text: string): boolean {
  return text.length <= MAX_DOMAIN_LENGTH && /^[\p{L}\p{N}]([\p{L}\p{N}.-]*[\p{L}\p{N}])?$/u.test(text)
}

/** A bare JID, as far as a page can tell (RFC 7622 §3.3: what the local part may not have), and a token. */
function isInvitation({ inviter, token }: Invitation): boolean {
  if (!isPlainText(inviter, MAX_INVITER_LENGTH) || !/^[\w-]+$/.test(token) || token.length > MAX_TOKEN_LENGTH)
    return false
  const at = inviter.indexOf('@')
  return /^[^\s"&'/:<>@]+$/.test(inviter.slice(0, Math.max(0, at))) && isDomain(inviter.slice(at + 1))
}

/** U+FFFD is what damaged percent-encoding decodes to; bidi controls would make a name look like another. */
function isPlainText(text: string, limit: number): boolean {
  return text !== '' && text.length <= limit && !/[\p{Cc}\p{Cs}\uFFFD\u202A-\u202E\u2066-\u2069]/u.test(text)
}
