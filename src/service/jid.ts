/**
 * Who is meant by an address such as `romeo@example.org/orchard`? Splits and normalises JIDs (RFC 7622), in the
 * simple way that a development service needs: case folding of localpart and domain, no full PRECIS profiles.
 */
export type Jid = { local: string; domain: string; resource: string; bare: string; full: string }

const MAX_PART_LENGTH = 1_023 // RFC 7622 §3.2–§3.4, there in bytes.

const FORBIDDEN_IN_LOCAL = /["&'/:<>@\s\p{C}]/u // RFC 7622 §3.3.1.
const FORBIDDEN_IN_DOMAIN = /["&'/<>@\s\p{C}]/u
const FORBIDDEN_IN_RESOURCE = /\p{Cc}/u

/** Undefined for what is no JID. A missing part is the empty string. */
export function parseJid(text: string): Jid | undefined {
  const slash = text.indexOf('/')
  const resource = slash < 0 ? '' : text.slice(slash + 1)
  if (slash >= 0 && !isResource(resource)) return undefined
  const rest = slash < 0 ? text : text.slice(0, slash)
  const at = rest.indexOf('@')
  const local = at < 0 ? '' : normalLocal(rest.slice(0, at))
  const domain = rest.slice(at + 1).toLowerCase()
  if (local === undefined || domain === '' || domain.length > MAX_PART_LENGTH) return undefined
  if (FORBIDDEN_IN_DOMAIN.test(domain)) return undefined
  return makeJid(local, domain, resource)
}

export function makeJid(local: string, domain: string, resource = ''): Jid {
  const bare = local === '' ? domain : `${local}@${domain}`
  return { local, domain, resource, bare, full: resource === '' ? bare : `${bare}/${resource}` }
}

/** The form under which a localpart is known; undefined for what cannot be one. */
export function normalLocal(local: string): string | undefined {
  const normal = local.normalize('NFKC').toLowerCase()
  if (normal === '' || normal.length > MAX_PART_LENGTH || FORBIDDEN_IN_LOCAL.test(normal)) return undefined
  return normal
}

export function isResource(resource: string): boolean {
  return resource !== '' && resource.length <= MAX_PART_LENGTH && !FORBIDDEN_IN_RESOURCE.test(resource)
}
