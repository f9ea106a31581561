/** Has the stranger proved who they are? SASL PLAIN (RFC 4616) and ANONYMOUS (RFC 4505), framed by RFC 6120 §6. */
import type { Element } from '../xmpp/stanza.ts'
import type { Account, Accounts } from './accounts.ts'

export const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** RFC 6120 §6.5. */
export type SaslCondition =
  | 'aborted'
  | 'incorrect-encoding'
  | 'invalid-authzid'
  | 'invalid-mechanism'
  | 'malformed-request'
  | 'not-authorized'
  | 'temporary-auth-failure'

export type SaslOutcome =
  | { type: 'success'; account: Account }
  | { type: 'challenge' }
  | { type: 'failure'; condition: SaslCondition }

export function mechanisms(anonymous: boolean): string[] {
  return anonymous ? ['ANONYMOUS', 'PLAIN'] : ['PLAIN']
}

/** Judges `<auth/>`. */
export function startSasl(auth: Element, accounts: Accounts, anonymous: boolean): SaslOutcome {
  const mechanism = auth.attrs.mechanism
  if (!mechanisms(anonymous).includes(mechanism)) return failure('invalid-mechanism')
  if (mechanism === 'PLAIN') {
    // RFC 6120 §6.4.2: without an initial response the server asks for it with an empty challenge.
    return auth.getText().trim() === '' ? { type: 'challenge' } : judgePlain(auth, accounts)
  }
  const account = accounts.createAnonymous()
  return account === undefined ? failure('temporary-auth-failure') : { type: 'success', account }
}

/** Judges a PLAIN message in `<auth/>` or `<response/>`. */
export function judgePlain(element: Element, accounts: Accounts): SaslOutcome {
  const bytes = decodeBase64(element.getText().trim())
  if (bytes === undefined) return failure('incorrect-encoding')
  const text = decodeUtf8(bytes)
  const [authzid, username, password, ...rest] = text?.split('\0') ?? []
  if (authzid === undefined || !username || !password || rest.length > 0) return failure('malformed-request')
  const account = accounts.check(username, password)
  if (account === undefined) return failure('not-authorized')
  if (authzid !== '' && authzid !== account.jid.bare && authzid !== username) return failure('invalid-authzid')
  return { type: 'success', account }
}

function failure(condition: SaslCondition): SaslOutcome {
  return { type: 'failure', condition }
}

function decodeBase64(text: string): Buffer | undefined {
  if (text === '=') return Buffer.alloc(0)
  const valid = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
  return valid ? Buffer.from(text, 'base64') : undefined
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
