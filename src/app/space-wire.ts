/**
 * What do the members of a space say to each other? JSON in UTF-8, over the ring's `send` and `broadcast`:
 *
 *   hello  { seq, name, links }  to all when something about us changed, to one who does not know us yet
 *   bye    { seq }               to all when we leave
 *   gone   { address }           to all when a peer that we had a link to has vanished
 *   say    { id, text }          to all or to one
 *
 * `seq` rises with each hello and bye of one member, so that a late hello does not bring back who said goodbye.
 */
import { type Address, parseAddress } from '../overlay/address.ts'
import { CHANNEL_KINDS, type ChannelKind } from '../ports.ts'
import { cleanName } from './person-name.ts'

/** A guess: two pages of text. */
export const MAX_TEXT_LENGTH = 4_000
/** A text of `MAX_TEXT_LENGTH` three-byte characters, and room for the JSON around it. */
export const MAX_MESSAGE_BYTES = 16_384
/** A guess: more links than a member of a drawable ring has. */
export const MAX_LINKS = 64
const MAX_ID_LENGTH = 64

export type MemberLink = { to: Address; kind: ChannelKind }

export type SpaceMessage =
  | { type: 'hello'; seq: number; name: string; links: MemberLink[] }
  | { type: 'bye'; seq: number }
  | { type: 'gone'; address: Address }
  | { type: 'say'; id: string; text: string }

export function encodeSpaceMessage(message: SpaceMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message))
}

/** Returns the message, or the reason to drop the bytes. Never throws. */
export function decodeSpaceMessage(bytes: Uint8Array): SpaceMessage | { type: 'dropped'; reason: string } {
  if (bytes.length > MAX_MESSAGE_BYTES) return dropped('too large')
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return dropped('not JSON')
  }
  if (typeof value !== 'object' || value === null) return dropped('not an object')
  const fields = value as Record<string, unknown>
  switch (fields.type) {
    case 'hello': {
      const { seq, links } = fields
      const name = typeof fields.name === 'string' ? cleanName(fields.name) : undefined
      if (!isSeq(seq) || name === undefined) return dropped('bad hello')
      return { type: 'hello', seq, name, links: readLinks(links) }
    }
    case 'bye':
      return isSeq(fields.seq) ? { type: 'bye', seq: fields.seq } : dropped('bad bye')
    case 'gone': {
      const address = typeof fields.address === 'string' ? parseAddress(fields.address) : undefined
      return address === undefined ? dropped('bad gone') : { type: 'gone', address }
    }
    case 'say': {
      const { id, text } = fields
      if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH) return dropped('bad say')
      if (typeof text !== 'string' || text.trim() === '' || text.length > MAX_TEXT_LENGTH) return dropped('bad say')
      return { type: 'say', id, text }
    }
    default:
      return dropped('unknown type')
  }
}

/** Links only decorate the picture, so a bad one is left out and the rest is kept. */
function readLinks(value: unknown): MemberLink[] {
  if (!Array.isArray(value)) return []
  const links: MemberLink[] = []
  for (const item of value.slice(0, MAX_LINKS) as unknown[]) {
    if (typeof item !== 'object' || item === null) continue
    const { to, kind } = item as Record<string, unknown>
    const address = typeof to === 'string' ? parseAddress(to) : undefined
    const known = CHANNEL_KINDS.find((candidate) => candidate === kind)
    if (address !== undefined && known !== undefined) links.push({ to: address, kind: known })
  }
  return links
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function dropped(reason: string): { type: 'dropped'; reason: string } {
  return { type: 'dropped', reason }
}
