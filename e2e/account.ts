/** An account on a service that lets strangers make one, for tests in which somebody brings their own. */
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { XmppSession } from '../src/xmpp/session.ts'

export type Account = { jid: string; password: string }

export async function makeAccount(service: string, domain: string): Promise<Account> {
  installNodeWebSocket()
  // A session keeps the account that it has made, to use it the next time.
  let kept: { username: string; password: string } | undefined
  const storage = {
    get: async () => kept,
    set: async (_key: string, value: unknown) => {
      kept = value as typeof kept
    },
    delete: async () => {},
  }
  const session = new XmppSession({ service, domain, resource: 'maker', storage, random: Math.random })
  await session.start()
  await session.stop()
  if (kept === undefined) throw new Error(`${domain} made no account.`)
  return { jid: `${kept.username}@${domain}`, password: kept.password }
}
