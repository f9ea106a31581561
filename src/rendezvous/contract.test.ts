import { createXmppService } from '../service/xmpp-service.ts'
import { rendezvousContract } from './contract.ts'

rendezvousContract('the embedded service', async () => {
  const open = createXmppService({ domain: 'open.localhost' })
  const accounts = createXmppService({ domain: 'accounts.localhost', anonymous: false })
  const [anonymous, registering] = await Promise.all([open.listen(), accounts.listen()])
  return {
    anonymous: { service: anonymous.url, domain: open.domain },
    registering: { service: registering.url, domain: accounts.domain },
    close: async () => {
      await Promise.all([open.close(), accounts.close()])
    },
  }
})
