/** How does one get an account? In-band registration (XEP-0077), before signing in and for the account signed in to. */
import { type Element, xml } from '../xmpp/stanza.ts'
import type { Account, Accounts } from './accounts.ts'
import type { Answer, Request } from './iq.ts'
import { normalLocal } from './jid.ts'

export const REGISTER_NS = 'jabber:iq:register'
export const REGISTER_FEATURE_NS = 'http://jabber.org/features/iq-register'

/** XEP-0077 §3.1, from somebody who has not signed in. */
export function answerStranger(type: 'get' | 'set', query: Element, accounts: Accounts): Answer {
  if (type === 'get') {
    const instructions = 'Choose a username and a password.'
    return registerForm(xml('instructions', {}, instructions), xml('username'), xml('password'))
  }
  const username = query.getChildText('username') ?? ''
  const created = accounts.create(username, query.getChildText('password') ?? '')
  return typeof created === 'string' ? created : undefined
}

/** XEP-0077 §3.2 and §3.3, from the account itself; `remove` takes the account and its streams away. */
export function answerAccount(
  { session, type, query }: Request,
  accounts: Accounts,
  remove: (account: Account) => void,
): Answer {
  const { account } = session
  if (account.passwordDigest === undefined) return 'not-allowed'
  if (type === 'get') return registerForm(xml('registered'), xml('username', {}, account.jid.local), xml('password'))
  if (query.getChild('remove') !== undefined) {
    remove(account)
    return undefined
  }
  const password = query.getChildText('password')
  if (!password) return 'bad-request'
  if (normalLocal(query.getChildText('username') ?? '') !== account.jid.local) return 'not-allowed'
  accounts.changePassword(account, password)
  return undefined
}

function registerForm(...fields: Element[]): Element {
  return xml('query', { xmlns: REGISTER_NS }, ...fields)
}
