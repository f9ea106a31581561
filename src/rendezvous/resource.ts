/** Which namespace does a full JID show? The paper's way (§III): hash of the namespace and a random part, as resource. */
import type { Random } from '../ports.ts'
import { randomText } from '../xmpp/random-text.ts'

const RANDOM_LENGTH = 10 // 50 bits: a thousand tabs of one account do not collide.

export function resourceOf(namespaceHash: string, random: Random): string {
  return `${namespaceHash}.${randomText(random, RANDOM_LENGTH)}`
}

/** An account's address and a resource (RFC 7622 §3.1). */
export function isFullJid(jid: string): boolean {
  return /^[^/\s]+\/\S+$/.test(jid)
}

/** As services compare it (RFC 7622 §3.3.1: case is mapped). */
export function bareOf(jid: string): string {
  return (jid.split('/')[0] ?? '').toLowerCase()
}

/** True for full JIDs only. A service may append to the resource that we asked for (XEP-0386 §4). */
export function showsNamespace(jid: string, namespaceHash: string): boolean {
  const slash = jid.indexOf('/')
  return slash > 0 && jid.startsWith(`${namespaceHash}.`, slash + 1)
}
