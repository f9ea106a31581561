/** How does `npm start` get an XMPP service? Attaches the embedded one to Vite's dev and preview servers. */
import type { Server } from 'node:http'
import type { Logger, Plugin, PreviewServer, ViteDevServer } from 'vite'
import { createXmppService, SERVICE_PATH, type XmppServiceOptions } from './xmpp-service.ts'

export type EmbeddedServiceOptions = XmppServiceOptions & { enabled: boolean }

export function embeddedService({ enabled, ...options }: EmbeddedServiceOptions): Plugin {
  return {
    name: 'overture:embedded-xmpp-service',
    configureServer(server: ViteDevServer) {
      if (enabled) attach(server.httpServer as Server | null, server.config.logger, options)
    },
    configurePreviewServer(server: PreviewServer) {
      if (enabled) attach(server.httpServer as Server, server.config.logger, options)
    },
  }
}

/** Null where Vite is a middleware of somebody else's server, which then has to bring a service itself. */
function attach(server: Server | null, logger: Logger, options: XmppServiceOptions): void {
  if (server === null) return
  const service = createXmppService(options)
  service.attach(server)
  server.once('listening', () => {
    logger.info(`  Embedded XMPP service at ${SERVICE_PATH}: for development only, never for production.`)
  })
  server.once('close', () => void service.close())
}
