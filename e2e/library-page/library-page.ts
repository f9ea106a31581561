/**
 * LibraryPage: the README's example page, handed out beside `dist/lib` by a web server that knows nothing else, with
 * an embedded XMPP service in place of the one that the example names.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createXmppService } from '../../src/service/xmpp-service.ts'

const PROJECT = new URL('../../', import.meta.url)
const LIBRARY = '/dist/lib/index.js'

export type LibraryPage = { readonly url: string; stop(): Promise<void> }

export async function startLibraryPage(): Promise<LibraryPage> {
  const service = createXmppService()
  const { port: servicePort } = new URL((await service.listen()).url)
  const html = withService(await readmeExample(), `ws://localhost:${servicePort}/xmpp-websocket`)
  const library = await readFile(new URL(`.${LIBRARY}`, PROJECT))
  const server = createServer(({ url }, response) => {
    if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(html)
    else if (url === LIBRARY) response.setHeader('content-type', 'text/javascript').end(library)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: async () => {
      await service.close()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

/** The README's first block of HTML. */
export async function readmeExample(): Promise<string> {
  const readme = await readFile(new URL('README.md', PROJECT), 'utf8')
  const example = /^```html\n(.*?)^```$/ms.exec(readme)?.[1]
  if (example === undefined) throw new Error('README.md has no block of HTML.')
  return example
}

function withService(example: string, service: string): string {
  const named = example.match(/wss?:\/\/[^'"`\s]+/g) ?? []
  if (named.length !== 1) throw new Error(`The README's example names ${named.length} XMPP services, not one.`)
  return example.replace(named[0] as string, service)
}
