/** Tab lobby: is another tab of this browser in the space, or waits for it as we do? For a page that could not sign in. */
import { endpointOf } from '../overlay/endpoint.ts'
import { LocalTabs } from '../rendezvous/local-tabs.ts'
import { namespaceKeys } from '../security/namespace-keys.ts'
import { LocalTabTransport } from '../transport/local-tab.ts'
import { randomText } from '../xmpp/random-text.ts'
import { realClock } from '../xmpp/real-clock.ts'

const ID_LENGTH = 16

/** Calls `met` once, as soon as there is one. Returns what ends the wait. Nobody is linked to who waits. */
export function waitForTab({ namespace, secret }: { namespace: string; secret?: string }, met: () => void): () => void {
  if (!LocalTabTransport.supported) return () => {}
  let stop = () => {}
  let ended = false
  void namespaceKeys(namespace, secret).then(({ hash }) => {
    if (ended) return
    const endpoint = endpointOf('tab', randomText(Math.random, ID_LENGTH))
    const tabs = new LocalTabs({ namespaceHash: hash, endpoint, clock: realClock })
    stop = () => tabs.stop()
    tabs.start({
      appeared: () => {
        stop()
        met()
      },
      vanished: () => {},
    })
  })
  return () => {
    ended = true
    stop()
  }
}
