import { createLogger, createServer, type ViteDevServer } from 'vite'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { TestClient } from './test-client.ts'
import { embeddedService } from './vite-plugin.ts'

let server: ViteDevServer | undefined
afterEach(() => server?.close())

async function start(enabled: boolean): Promise<{ port: number; said: string[] }> {
  const said: string[] = []
  const customLogger = createLogger('info')
  customLogger.info = (message) => void said.push(message)
  server = await createServer({
    configFile: false,
    customLogger,
    optimizeDeps: { noDiscovery: true },
    server: { port: 0, host: '127.0.0.1' },
    plugins: [embeddedService({ enabled })],
  })
  await server.listen()
  const address = server.httpServer?.address()
  if (typeof address !== 'object' || address === null) throw new Error('A listening server has an address.')
  return { port: address.port, said }
}

const banners = (said: string[]) => said.filter((line) => /development only.*never.*production/.test(line))

test('The dev server serves XMPP beside its own WebSocket, and says what that is for in one line', async () => {
  const { port, said } = await start(true)
  const visitor = await TestClient.anonymous(`ws://127.0.0.1:${port}/xmpp-websocket`)
  await visitor.settle()
  const token = server?.config.webSocketToken
  const hmr = new WebSocket(`ws://127.0.0.1:${port}/?token=${token}`, 'vite-hmr')
  const greeting = await new Promise((resolve, reject) => {
    hmr.once('message', (data) => resolve(JSON.parse(data.toString())))
    hmr.once('error', reject)
  })
  expect(greeting).toEqual({ type: 'connected' })
  hmr.terminate()
  expect(banners(said)).toHaveLength(1)
})

test('A closed dev server ends the streams', async () => {
  const { port } = await start(true)
  const visitor = await TestClient.anonymous(`ws://127.0.0.1:${port}/xmpp-websocket`)
  await server?.close()
  await visitor.closed
})

test('Where it is not enabled, nothing is said', async () => {
  const { said } = await start(false)
  expect(banners(said)).toEqual([])
})
