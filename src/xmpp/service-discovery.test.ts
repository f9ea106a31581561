import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createXmppService } from '../service/xmpp-service.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import { discover, hrefsInJson, hrefsInXrd } from './service-discovery.ts'
import { afterwards, closeTestSessions, newSession, serve, wireTo } from './test-sessions.ts'

const RELATION = 'urn:xmpp:alt-connections:websocket'
const JSON_PATH = '/.well-known/host-meta.json'
const XRD_PATH = '/.well-known/host-meta'

beforeAll(installNodeWebSocket)
afterEach(async () => {
  vi.unstubAllGlobals()
  await closeTestSessions()
})

describe('service discovery', () => {
  test('the JSON names the address, and is asked for over https', async () => {
    const asked = stubFetch({ [JSON_PATH]: json('wss://example.org/ws') })
    expect(await find('example.org')).toBe('wss://example.org/ws')
    for (const url of asked) expect(url).toMatch(/^https:\/\/example\.org\/\.well-known\/host-meta(\.json)?$/)
  })

  test('the XRD names it where there is no JSON, or none that does', async () => {
    stubFetch({ [XRD_PATH]: xrd('wss://example.org/ws') })
    expect(await find('example.org')).toBe('wss://example.org/ws')
    stubFetch({ [JSON_PATH]: '{"links":[]}', [XRD_PATH]: xrd('wss://example.org/ws') })
    expect(await find('example.org')).toBe('wss://example.org/ws')
  })

  test('the JSON is preferred', async () => {
    stubFetch({ [JSON_PATH]: json('wss://a.example/'), [XRD_PATH]: xrd('wss://b.example/') })
    expect(await find('example.org')).toBe('wss://a.example/')
  })

  test.each([
    'ws://example.org/',
    'ws://localhost/',
    'http://example.org/',
    'javascript:alert(1)',
    'wss://me:secret@example.org/',
    'wss://example.org/#x',
    'wss://',
    '',
    `wss://example.org/${'x'.repeat(2_048)}`,
  ])('“%s” is not believed of a domain', async (href) => {
    stubFetch({ [JSON_PATH]: json(href) })
    await expect(find('example.org')).rejects.toMatchObject({ code: 'service-not-found' })
  })

  test('what is usable is taken from among what is not', async () => {
    const links = [1, null, { rel: RELATION }, link('ws://example.org/'), link('wss://example.org/'), link('wss://b/')]
    stubFetch({ [JSON_PATH]: JSON.stringify({ links }) })
    expect(await find('example.org')).toBe('wss://example.org/')
  })

  test('a domain that says nothing is told of in a sentence that says what is missing', async () => {
    stubFetch({})
    const expected = { code: 'service-not-found', retryable: true, message: expect.stringContaining('host-meta.json') }
    await expect(find('example.org')).rejects.toMatchObject(expected)
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    await expect(find('example.org')).rejects.toMatchObject(expected)
  })

  test('an answer over plain http, to which a domain has redirected, is not read', async () => {
    const answer = new Response(json('wss://example.org/'))
    Object.defineProperty(answer, 'url', { value: 'http://example.org/' })
    vi.stubGlobal('fetch', async () => answer)
    await expect(find('example.org')).rejects.toMatchObject({ code: 'service-not-found' })
  })

  test('an endless answer is read no further than a file of that kind goes', async () => {
    let bytes = 0
    const body = () =>
      new ReadableStream({
        pull(controller) {
          bytes += 1_024
          controller.enqueue(new Uint8Array(1_024).fill(0x20))
        },
      })
    vi.stubGlobal('fetch', async () => new Response(body()))
    await expect(find('example.org')).rejects.toMatchObject({ code: 'service-not-found' })
    expect(bytes).toBeLessThan(3 * 65_536)
  })

  test('a search that is given up ends, though nobody answers', async () => {
    const { host, asked } = await webServer(() => {})
    const abort = new AbortController()
    const finding = discover(host, abort.signal)
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    abort.abort()
    await expect(finding).rejects.toMatchObject({ code: 'service-not-found' })
  })

  test('whatever the files hold, nothing is thrown and nothing but text is found', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.json().map((value) => `{"links":[${value},{"rel":"${RELATION}","href":${value}}]}`),
      fc.string().map((value) => xrd(value)),
      fc.string().map((value) => `<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>${value}`),
    )
    fc.assert(
      fc.property(texts, (text) => {
        for (const href of [...hrefsInJson(text), ...hrefsInXrd(text)]) expect(typeof href).toBe('string')
      }),
    )
  })
})

describe('a session that knows only a domain', () => {
  test('signs in at the address that this machine names', async () => {
    const url = await serve(createXmppService())
    const { host } = await webServer(answering({ [JSON_PATH]: json(url) }))
    const session = newSession(host)
    expect(session.domain).toBe('localhost')
    await session.start()
    expect(session.jid).toMatch(/@localhost\/balcony$/)
  })

  test('rejects with the sentence when nothing is named, and may be started again', async () => {
    const files: Record<string, string> = {}
    const { host } = await webServer(answering(files))
    const session = newSession(host)
    await expect(session.start()).rejects.toMatchObject({ code: 'service-not-found' })
    files[XRD_PATH] = xrd(await serve(createXmppService()))
    await session.start()
    expect(session.state.name).toBe('online')
  })

  test('stops while it seeks', async () => {
    const { host, asked } = await webServer(() => {})
    const session = newSession(host)
    const starting = session.start()
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    expect(session.state.name).toBe('connecting')
    void session.stop()
    await expect(starting).rejects.toMatchObject({ code: 'left' })
    expect(session.state).toMatchObject({ name: 'offline', retryAtMs: undefined })
  })

  test('looks again when nobody answers at the address of last time, and finds the service where it has moved', async () => {
    const [before, after] = [await wireTo(await serve(createXmppService())), await serve(createXmppService())]
    const files = { [JSON_PATH]: json(before.url) }
    const { host } = await webServer(answering(files))
    const session = newSession(host, { random: () => 0.01 })
    await session.start()
    files[JSON_PATH] = json(after)
    const states: string[] = []
    session.onState(({ name }) => states.push(name))
    before.down()
    await vi.waitFor(() => expect(states).toContain('online'), 5_000)
    expect(session.jid).toMatch(/@localhost\/balcony$/)
  })

  test('goes on trying the address of last time while nothing is named', async () => {
    const wire = await wireTo(await serve(createXmppService()))
    const files: Record<string, string> = { [JSON_PATH]: json(wire.url) }
    const { host, asked } = await webServer(answering(files))
    const session = newSession(host, { random: () => 0.01 })
    await session.start()
    delete files[JSON_PATH]
    asked.length = 0
    wire.down()
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0), 5_000)
    wire.up()
    await vi.waitFor(() => expect(session.state.name).toBe('online'), 5_000)
  })
})

function find(host: string): Promise<string> {
  return discover(host, new AbortController().signal)
}

function link(href: string): object {
  return { rel: RELATION, href }
}

/** Beside what others are told there. */
function json(href: string): string {
  return JSON.stringify({
    links: [{ rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://example.org/b' }, link(href)],
  })
}

function xrd(href: string): string {
  const other = `<Link rel='urn:xmpp:alt-connections:xbosh' href='https://example.org/b'/>`
  return `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>${other}<Link rel='${RELATION}' href='${href}'/></XRD>\n`
}

/** Returns what was asked for. */
function stubFetch(files: Record<string, string>): string[] {
  const asked: string[] = []
  vi.stubGlobal('fetch', async (url: URL) => {
    asked.push(url.href)
    const body = files[url.pathname]
    return body === undefined ? new Response('Not here', { status: 404 }) : new Response(body)
  })
  return asked
}

function answering(files: Record<string, string>) {
  return ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    const body = files[url]
    response.writeHead(body === undefined ? 404 : 200).end(body)
  }
}

async function webServer(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}
