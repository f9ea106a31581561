/** Is a server that others wrote as good as the embedded service? The same contracts, on a real Prosody. */
import { rendezvousContract } from '../src/rendezvous/contract.ts'
import { relayContract } from '../src/transport/relay-contract.ts'
import { resumptionContract } from '../src/xmpp/resumption-contract.ts'
import { startProsody } from './prosody.ts'

rendezvousContract('Prosody', async () => {
  const { service, domain, anonymousDomain, stop } = await startProsody()
  return {
    anonymous: { service, domain: anonymousDomain },
    registering: { service, domain },
    close: stop,
  }
})

resumptionContract('Prosody', async () => {
  const { service, domain, stop } = await startProsody()
  return { service, domain, close: stop }
})

relayContract('Prosody', async () => {
  const { service, anonymousDomain: domain, stop } = await startProsody()
  return { service, domain, close: stop }
})
