/** Is the other server that many run as good as the embedded service? The same contracts, on a real ejabberd. */
import { rendezvousContract } from '../src/rendezvous/contract.ts'
import { relayContract } from '../src/transport/relay-contract.ts'
import { resumptionContract } from '../src/xmpp/resumption-contract.ts'
import { startEjabberd } from './ejabberd.ts'

rendezvousContract('ejabberd', async () => {
  const { service, domain, anonymousDomain, stop } = await startEjabberd()
  return {
    anonymous: { service, domain: anonymousDomain },
    registering: { service, domain },
    close: stop,
  }
})

resumptionContract('ejabberd', async () => {
  const { service, domain, stop } = await startEjabberd()
  return { service, domain, close: stop }
})

relayContract('ejabberd', async () => {
  const { service, anonymousDomain: domain, stop } = await startEjabberd()
  return { service, domain, close: stop }
})
