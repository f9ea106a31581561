/**
 * Federation: a Prosody and an ejabberd that find each other, so that accounts of two servers can be contacts. The
 * domain of each is a loopback address of its own (RFC 7622 §3.2 allows it): one port for the other server is free at each,
 * and no name needs to be looked up.
 */
import { startFederatedEjabberd } from './ejabberd.ts'
import { portAt } from './free-port.ts'
import { startFederatedProsody } from './prosody.ts'
import { type FederatedServer, S2S_PORT } from './xmpp-server.ts'

export type Federation = {
  readonly prosody: FederatedServer
  readonly ejabberd: FederatedServer
  stop(): Promise<void>
}

export async function startFederation(): Promise<Federation> {
  const started = await Promise.allSettled([
    findFreeDomain().then(({ domain, port }) => startFederatedProsody(domain, port)),
    findFreeDomain().then(({ domain, port }) => startFederatedEjabberd(domain, port)),
  ])
  const stop = async () => {
    for (const server of started) if (server.status === 'fulfilled') await server.value.stop()
  }
  const [prosody, ejabberd] = started
  if (prosody.status === 'fulfilled' && ejabberd.status === 'fulfilled') {
    return { prosody: prosody.value, ejabberd: ejabberd.value, stop }
  }
  await stop()
  throw started.find((server) => server.status === 'rejected')?.reason
}

/** A loopback address at which nobody listens for servers, and a free port of it. */
async function findFreeDomain(): Promise<{ domain: string; port: number }> {
  for (;;) {
    const byte = () => 1 + Math.floor(Math.random() * 254)
    const domain = `127.${byte()}.${byte()}.${byte()}`
    if ((await portAt(domain, S2S_PORT)) === undefined) continue
    const port = await portAt(domain, 0)
    if (port !== undefined) return { domain, port }
  }
}
