/** Stream limits: how much does the service take in one stanza, and how long does it wait for who says nothing? XEP-0478. */
import type { Element } from './stanza.ts'

/** Undefined where the service says nothing of it. */
export type StreamLimits = { maxStanzaBytes: number | undefined; idleMs: number | undefined }

/** RFC 6120 §13.12: what every service has to take. */
export const GUARANTEED_STANZA_BYTES = 10_000
/** A guess: a service that takes less than this and not even what it has to is not believed, for nothing would fit. */
const MIN_STANZA_BYTES = 1_000

const LIMITS_NS = 'urn:xmpp:stream-limits:0'
/** Before sign-in a service may take less than after it; nothing of ours is large then. */
const SIGN_IN_FEATURES: [name: string, xmlns: string][] = [
  ['mechanisms', 'urn:ietf:params:xml:ns:xmpp-sasl'],
  ['authentication', 'urn:xmpp:sasl:2'],
]

/** What holds from these features on; undefined for those of a stream that nobody has signed in on. */
export function readStreamLimits(features: Element): StreamLimits | undefined {
  if (SIGN_IN_FEATURES.some(([name, xmlns]) => features.getChild(name, xmlns) !== undefined)) return undefined
  const limits = features.getChild('limits', LIMITS_NS)
  const bytes = numberIn(limits, 'max-bytes')
  const seconds = numberIn(limits, 'idle-seconds')
  return {
    maxStanzaBytes: bytes && Math.max(MIN_STANZA_BYTES, bytes),
    idleMs: seconds && 1_000 * seconds,
  }
}

/** Positive and exact; nothing else is a limit. */
function numberIn(limits: Element | undefined, name: string): number | undefined {
  const text = limits?.getChildText(name)?.trim() ?? ''
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined
}
