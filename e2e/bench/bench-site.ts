/** The pages of the benchmarks, built as a user's bundler would build them, on a port of their own. */
import { createReadStream, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { type WebSocket, WebSocketServer } from 'ws'

const PAGES = fileURLToPath(new URL('./pages', import.meta.url))
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

export type BenchSite = { url: string; signaller: string; close: () => Promise<void> }

export async function startBenchSite(): Promise<BenchSite> {
  const folder = await mkdtemp(join(tmpdir(), 'overture-bench-'))
  await build({
    root: PAGES,
    configFile: false,
    logLevel: 'error',
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      rollupOptions: { input: ['join.html', 'link.html', 'paths.html'].map((page) => join(PAGES, page)) },
    },
  })
  const server = createServer((request, response) => {
    const path = join(folder, normalize(new URL(request.url ?? '/', 'http://localhost').pathname))
    if (!path.startsWith(folder) || !existsSync(path)) {
      response.writeHead(404).end()
      return
    }
    // An isolated page has a clock of 5 µs, any other one of 100 µs.
    response.setHeader('cross-origin-opener-policy', 'same-origin')
    response.setHeader('cross-origin-embedder-policy', 'require-corp')
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream')
    createReadStream(path).pipe(response)
  })
  const signaller = new WebSocketServer({ server, path: '/signal' })
  signaller.on('connection', (socket, request) => relay(socket, new URL(request.url ?? '/', 'http://localhost')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    signaller: `ws://localhost:${port}/signal`,
    close: async () => {
      for (const client of signaller.clients) client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const rooms = new Map<string, Map<string, WebSocket>>()

/** The least that a mesh needs: tells a newcomer who is there, and passes on what one sends to another. */
function relay(socket: WebSocket, url: URL): void {
  const room = url.searchParams.get('room') ?? ''
  const id = url.searchParams.get('id') ?? ''
  const members = rooms.get(room) ?? new Map<string, WebSocket>()
  rooms.set(room, members)
  socket.send(JSON.stringify({ members: [...members.keys()] }))
  members.set(id, socket)
  socket.on('message', (data) => {
    const { to, signal } = JSON.parse(String(data))
    members.get(to)?.send(JSON.stringify({ from: id, signal }))
  })
  socket.on('close', () => {
    members.delete(id)
    if (members.size === 0) rooms.delete(room)
  })
}
