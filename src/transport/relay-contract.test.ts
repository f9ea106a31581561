import { createXmppService } from '../service/xmpp-service.ts'
import { relayContract } from './relay-contract.ts'

relayContract('the embedded service', async () => {
  const service = createXmppService()
  const { url } = await service.listen()
  return { service: url, domain: service.domain, close: () => service.close() }
})
