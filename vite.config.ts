/**
 * How is the page served and built? `npm start` serves src with an embedded XMPP service and says one URL;
 * `vite build` makes dist/app, which any web server can hand out from any folder.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLogger, defineConfig, type Logger, type Plugin } from 'vite'
import { embeddedService } from './src/service/vite-plugin.ts'

const { XMPP_SERVICE, XMPP_DOMAIN, PORT, VITEST } = process.env

export default defineConfig(({ command }) => ({
  root: 'src',
  publicDir: '../public',
  base: command === 'build' ? './' : '/',
  ...(command === 'serve' ? { customLogger: calmLogger() } : {}),
  server: { host: 'localhost', port: Number(PORT ?? 5173), strictPort: true },
  preview: { host: 'localhost', port: Number(PORT ?? 5173), strictPort: true },
  build: { outDir: '../dist/app', emptyOutDir: true, target: 'es2022' },
  plugins: VITEST ? [] : [oneUrl(), serviceConfig(), embeddedService({ enabled: !XMPP_SERVICE })],
}))

/** Warnings, errors and the XMPP service's line: beside the URL below, all that somebody who starts the app must read. */
function calmLogger(): Logger {
  const logger = createLogger()
  const { info } = logger
  logger.info = (message, options) => {
    if (message.includes('XMPP')) info(message, options)
  }
  return logger
}

/** Prints the URL once the server listens. */
function oneUrl(): Plugin {
  return {
    name: 'overture:one-url',
    configureServer({ httpServer }) {
      httpServer?.once('listening', () => {
        const { port } = httpServer.address() as AddressInfo
        console.log(`\n  Overture is at http://localhost:${port}/`)
        if (XMPP_SERVICE) console.log(`  XMPP service: ${XMPP_SERVICE}`)
      })
    },
  }
}

/** Serves `public/config.json` with the service from the environment; without XMPP_SERVICE the page uses its own origin. */
function serviceConfig(): Plugin {
  const kept = JSON.parse(readFileSync(new URL('public/config.json', import.meta.url), 'utf8')) as object
  const service = XMPP_SERVICE ? { service: XMPP_SERVICE, domain: XMPP_DOMAIN || undefined } : {}
  const body = JSON.stringify({ ...kept, ...service })
  const answer = (_request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('content-type', 'application/json')
    response.setHeader('cache-control', 'no-store')
    response.end(body)
  }
  return {
    name: 'overture:service-config',
    configureServer({ middlewares }) {
      middlewares.use('/config.json', answer)
    },
    configurePreviewServer({ middlewares }) {
      middlewares.use('/config.json', answer)
    },
  }
}
