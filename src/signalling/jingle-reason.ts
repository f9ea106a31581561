/** Jingle reasons: why may a session end? The conditions of XEP-0166 1.1.2 §7.4. */

export const JINGLE_REASONS = [
  'alternative-session',
  'busy',
  'cancel',
  'connectivity-error',
  'decline',
  'expired',
  'failed-application',
  'failed-transport',
  'general-error',
  'gone',
  'incompatible-parameters',
  'media-error',
  'security-error',
  'success',
  'timeout',
  'unsupported-applications',
  'unsupported-transports',
] as const

export type JingleReason = (typeof JINGLE_REASONS)[number]

export function isJingleReason(text: string): text is JingleReason {
  return (JINGLE_REASONS as readonly string[]).includes(text)
}
