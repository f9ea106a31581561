/** What if a client's frames are made to hurt the service? Its stream ends, nothing of it is passed on, and the others go on. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DEFAULT_LIMITS } from './limits.ts'
import { TestClient } from './test-client.ts'
import { createXmppService, type XmppService } from './xmpp-service.ts'

const MANY = 60_000
const BEGUN = "<message xmlns='jabber:client' to='"

let service: XmppService
let url: string

beforeEach(async () => {
  service = createXmppService()
  url = (await service.listen()).url
})
afterEach(async () => {
  await service.close()
  expect(service.bugs).toEqual([])
})

test.each([
  ['a document type', () => '<!DOCTYPE a [<!ENTITY e "e">]><message/>', 'not-well-formed'],
  [
    'an entity that nobody has defined',
    (to: string) => `${BEGUN}${to}'><body>&lol;</body></message>`,
    'not-well-formed',
  ],
  [
    'elements nested tens of thousands deep',
    (to: string) => `${BEGUN}${to}'>${'<b>'.repeat(MANY / 2)}${'</b>'.repeat(MANY / 2)}</message>`,
    'not-well-formed',
  ],
  [
    'tens of thousands of elements',
    (to: string) => `${BEGUN}${to}'>${'<b/>'.repeat(MANY)}</message>`,
    'not-well-formed',
  ],
  [
    'thousands of attributes',
    (to: string) => `${BEGUN}${to}'><b ${Array.from({ length: 9_999 }, (_, at) => `a${at}=""`).join(' ')}/></message>`,
    'not-well-formed',
  ],
  [
    'a name of tens of thousands of letters',
    (to: string) => `${BEGUN}${to}'><${'b'.repeat(MANY)}/></message>`,
    'not-well-formed',
  ],
  // Looked for anew from each place, the end of these takes seconds.
  [
    'text without end',
    (to: string) => `${BEGUN}${to}'>${'x'.repeat(DEFAULT_LIMITS.stanzaBytes - 200)}`,
    'not-well-formed',
  ],
  ['a value without end', (to: string) => `${BEGUN}${to}${'x'.repeat(MANY)}`, 'not-well-formed'],
  [
    'more than a stanza may have',
    (to: string) => `${BEGUN}${to}'>${'x'.repeat(DEFAULT_LIMITS.stanzaBytes)}</message>`,
    'policy-violation',
  ],
] as const)('%s ends the stream of who sends it, and nobody hears of it', async (_what, frame, condition) => {
  const [eve, ann] = [await TestClient.anonymous(url), await TestClient.anonymous(url)]
  eve.send(frame(ann.jid))
  expect((await eve.next((it) => it.is('error'))).getChild(condition)).toBeDefined()
  await eve.closed
  await ann.settle()
  expect(ann.received).toEqual([])
})

test('a stanza that never ends is not waited for', async () => {
  const eve = await TestClient.anonymous(url)
  eve.send("<message xmlns='jabber:client'><body>")
  expect((await eve.next((it) => it.is('error'))).getChild('not-well-formed')).toBeDefined()
  await eve.closed
  await vi.waitFor(() => expect(service.connectionCount).toBe(0))
})
