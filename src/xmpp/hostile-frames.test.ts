/** What if what comes in over the WebSocket is made to hurt? The stream ends, or the stanza is dropped and counted. */
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { installNodeWebSocket } from './node-websocket.ts'
import type { XmppSession } from './session.ts'
import { type Element, xml } from './stanza.ts'
import { ScriptedService } from './test-scripted-service.ts'
import { afterwards, closeTestSessions, newSession } from './test-sessions.ts'
import { XML_LIMITS } from './xml-reader.ts'

const DEEP = 100_000
const NESTED = `${'<b>'.repeat(DEEP)}${'</b>'.repeat(DEEP)}`
const FLOOD = `<b ${Array.from({ length: DEEP }, (_, index) => `a${index}=""`).join(' ')}/>`

beforeAll(installNodeWebSocket)
afterEach(closeTestSessions)

test.each([
  ['nested a hundred thousand deep', NESTED],
  ['with a hundred thousand attributes', FLOOD],
  ['with a name of a hundred thousand letters', `<${'b'.repeat(DEEP)}/>`],
  ['with a hundred thousand elements', '<b/>'.repeat(DEEP)],
])('a message %s arrives without its content, is counted, and the stream lives on', async (_what, content) => {
  const { service, session } = await signedIn()
  const messages: Element[] = []
  session.onMessage((message) => messages.push(message))
  service.say(`<message xmlns='jabber:client' from='eve@localhost/x'>${content}</message>`)
  service.say(`<message xmlns='jabber:client' from='ann@localhost/x'><body>Good evening</body></message>`)
  await vi.waitFor(() => expect(messages).toHaveLength(2))
  expect(messages.map(({ children }) => children.length)).toEqual([0, 1])
  expect(session.dropped.get('stanza-too-much')).toBe(1)
  expect(session.state.name).toBe('online')
})

test('a question that is too much is answered by an error', async () => {
  const { service, session } = await signedIn()
  service.say(`<iq xmlns='jabber:client' type='get' id='q' from='eve@localhost/x'>${NESTED}</iq>`)
  await vi.waitFor(() => expect(service.heard.at(-1)).toContain('id="q"'))
  expect(service.heard.at(-1)).toContain('type="error"')
  expect(session.state.name).toBe('online')
})

test('what was cut counts for the service as received', async () => {
  const { service, session } = await signedIn()
  service.say(`<message xmlns='jabber:client' from='eve@localhost/x'>${NESTED}</message>`)
  const before = service.heard.length
  service.say(`<r xmlns='urn:xmpp:sm:3'/>`)
  await vi.waitFor(() => expect(service.heard.length).toBeGreaterThan(before))
  const [, received] = service.heard.at(-1)?.match(/h="(\d+)"/) ?? []
  service.say(`<message xmlns='jabber:client' from='ann@localhost/x'/>`)
  service.say(`<r xmlns='urn:xmpp:sm:3'/>`)
  await vi.waitFor(() => expect(service.heard.at(-1)).toContain(`h="${Number(received) + 1}"`))
  expect(session.dropped.get('stanza-too-much')).toBe(1)
})

test.each([
  ['a document type', '<!DOCTYPE a [<!ENTITY e "e">]><message/>'],
  ['an entity that nobody has defined', `<message xmlns='jabber:client'><body>&lol;</body></message>`],
  ['the beginning of a stanza that never ends', `<message xmlns='jabber:client'><body>`],
  ['a part of a stanza', 'x'.repeat(1_000)],
  ['more at once than we take', `<message>${'x'.repeat(XML_LIMITS.length)}</message>`],
])('%s ends the stream', async (_what, frame) => {
  const { service, session } = await signedIn()
  const ended = new Promise<string>((resolve) =>
    session.onState((state) => {
      if (state.name === 'offline') resolve(state.reason)
    }),
  )
  service.say(frame)
  expect(await ended).toContain('it sends what is not XML')
})

async function signedIn(): Promise<{ service: ScriptedService; session: XmppSession }> {
  const service = await ScriptedService.listen()
  afterwards(() => service.close())
  const session = newSession(service.url, { jid: 'juliet@localhost', password: 'rose', random: () => 0.01 })
  await session.start()
  await vi.waitFor(() => expect(service.enabled).toBe(1))
  await session.request({ type: 'set', to: session.domain, child: xml('x', { xmlns: 'test' }) })
  return { service, session }
}
