/** Do strangers meet on a server that others wrote as they do on the embedded service? The same contract, on a real Prosody. */
import { rendezvousContract } from '../src/rendezvous/contract.ts'
import { startProsody } from './prosody.ts'

rendezvousContract('Prosody', async () => {
  const { service, domain, anonymousDomain, stop } = await startProsody()
  return {
    anonymous: { service, domain: anonymousDomain },
    registering: { service, domain },
    close: stop,
  }
})
