/**
 * The lab's server: a process of its own within the server's namespace, started as
 *
 *   ip netns exec NAMESPACE node --import tsx e2e/lab/server-machine.ts '{ "server": …, "coturn": …, "folder": … }'
 *
 * Runs the XMPP server, coturn and the app's web server, prints where they are as one line of JSON, and ends with them
 * when its standard input ends, which it does however the lab ends.
 */
import { createReadStream, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import type { ExternalService } from '../../src/service/external-services.ts'
import { createXmppService } from '../../src/service/xmpp-service.ts'
import { type Coturn, startCoturn, turnCredentials } from '../coturn.ts'
import { startEjabberd } from '../ejabberd.ts'
import { startProsody } from '../prosody.ts'
import type { ServerReport, ServerRequest } from './server-request.ts'

type XmppServer = { service: string; domain: string; stop(): Promise<void> }

const WEB_PORT = 8080
/** RFC 8656 §16.2: the ports that everybody expects. */
const TURN = { port: 3478, tlsPort: 5349 }
const CREDENTIALS_LIFE_MS = 3_600_000
const MIME_TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
}

const request = JSON.parse(process.argv[2] ?? '') as ServerRequest
const coturn = request.coturn ? await startCoturn({ host: request.host, ...TURN }) : undefined
const xmpp = await startXmpp(request, coturn)
const url = await serveFolder(request.folder, request.host)
const report: ServerReport = { url, service: xmpp.service, domain: xmpp.domain }
console.log(JSON.stringify(report))

process.stdin.resume()
process.stdin.once('end', async () => {
  await Promise.all([xmpp.stop(), coturn?.stop()])
  process.exit()
})

async function startXmpp({ server, host }: ServerRequest, turn: Coturn | undefined): Promise<XmppServer> {
  switch (server) {
    case 'prosody': {
      const { service, anonymousDomain, stop } = await startProsody({ host, ...(turn ? { turn } : {}) })
      return { service, domain: anonymousDomain, stop }
    }
    case 'ejabberd': {
      const { service, anonymousDomain, stop } = await startEjabberd({ host, ...(turn ? { turn } : {}) })
      return { service, domain: anonymousDomain, stop }
    }
    case 'embedded': {
      const xmppService = createXmppService({ externalServices: () => (turn ? servicesOf(turn) : []) })
      const { url: service, close } = await xmppService.listen(0, host)
      return { service, domain: xmppService.domain, stop: close }
    }
  }
}

function servicesOf({ host, port, tlsPort, secret }: Coturn): ExternalService[] {
  const expiresMs = Date.now() + CREDENTIALS_LIFE_MS
  const { username, password } = turnCredentials(secret, expiresMs)
  const credentials = { username, password, expires: new Date(expiresMs).toISOString() }
  return [
    { type: 'stun', host, port, transport: 'udp' },
    { type: 'turn', host, port, transport: 'udp', ...credentials },
    { type: 'turn', host, port, transport: 'tcp', ...credentials },
    { type: 'turns', host, port: tlsPort, transport: 'tcp', ...credentials },
  ]
}

async function serveFolder(folder: string, host: string): Promise<string> {
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const path = join(folder, normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname))
    if (!path.startsWith(folder) || !existsSync(path)) {
      response.writeHead(404).end()
      return
    }
    response.setHeader('content-type', MIME_TYPES[extname(path)] ?? 'application/octet-stream')
    createReadStream(path).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(WEB_PORT, host, resolve))
  return `http://${host}:${WEB_PORT}/`
}
