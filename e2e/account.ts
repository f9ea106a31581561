/** An account on a service that lets strangers make one, for tests in which somebody brings their own. */
import { memoryStorage } from '../src/xmpp/memory-storage.ts'
import { installNodeWebSocket } from '../src/xmpp/node-websocket.ts'
import { XmppSession } from '../src/xmpp/session.ts'

export type Account = { jid: string; password: string }

export async function makeAccount({ service, domain }: { service: string; domain: string }): Promise<Account> {
  installNodeWebSocket()
  const storage = memoryStorage()
  const session = new XmppSession({ service, domain, resource: 'maker', storage, random: Math.random })
  await session.start()
  await session.stop()
  // A session keeps the account that it has made, to use it the next time.
  const { username, password } = (await storage.get(`xmpp-account:${domain}`)) as Record<
    'username' | 'password',
    string
  >
  return { jid: `${username}@${domain}`, password }
}
