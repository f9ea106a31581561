/** How many presences does a server hold of one account and its room? Asked by one more resource, which is no peer. */
import { setTimeout as delay } from 'node:timers/promises'
import { joinPresence } from '../../src/rendezvous/room-xml.ts'
import { namespaceKeys } from '../../src/security/namespace-keys.ts'
import { memoryStorage } from '../../src/xmpp/memory-storage.ts'
import { XmppSession } from '../../src/xmpp/session.ts'
import { xml } from '../../src/xmpp/stanza.ts'
import type { Account } from '../account.ts'
import type { XmppServer } from '../xmpp-server.ts'

const QUIET_MS = 3_000 // A guess: a server that has said nothing for so long has said all.

export async function presencesHeld(server: XmppServer, account: Account, namespace: string): Promise<number> {
  const { service, domain } = server
  const session = new XmppSession({
    service,
    domain,
    ...account,
    resource: 'observer',
    storage: memoryStorage(),
    random: Math.random,
  })
  const seen = new Set<string>()
  const room = `${(await namespaceKeys(namespace)).hash}@conference.${domain}`
  session.onPresence(({ attrs }) => {
    const isOwn = attrs.from === session.jid || attrs.from === `${room}/observer`
    if (attrs.type === undefined && !isOwn) seen.add(attrs.from)
  })
  await session.start()
  try {
    session.send(xml('presence'))
    session.send(joinPresence(room, 'observer', session.jid as string))
    let before = -1
    while (seen.size !== before) {
      before = seen.size
      await delay(QUIET_MS)
    }
    return seen.size
  } finally {
    await session.stop()
  }
}
