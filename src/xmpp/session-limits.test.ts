/** Does a session keep to what a service takes, told or not? */
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { installNodeWebSocket } from './node-websocket.ts'
import type { XmppSession } from './session.ts'
import { xml } from './stanza.ts'
import { type Script, ScriptedService } from './test-scripted-service.ts'
import { afterwards, closeTestSessions, newSession } from './test-sessions.ts'

const LIMIT = 2_000
const ANNOUNCED = `<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>${LIMIT}</max-bytes></limits>`

beforeAll(installNodeWebSocket)
afterEach(closeTestSessions)

describe('session: what a service says that it takes', () => {
  test('a larger stanza is refused here, and the stream lives on', async () => {
    const { service, session } = await signedIn({ features: ANNOUNCED, maxFrameBytes: LIMIT })
    expect(session.maxStanzaBytes).toBe(LIMIT)
    await expect(ask(session, 3_000)).rejects.toMatchObject({ condition: 'policy-violation' })
    session.send(xml('message', { to: session.domain }, 'x'.repeat(3_000)))
    expect(session.dropped.get('send-policy-violation')).toBe(1)
    await ask(session, 1_000)
    expect(service.heard.some((text) => text.includes('xxxxx') && text.length > LIMIT)).toBe(false)
  })

  test('the limit is kept to the byte, in UTF-8', async () => {
    const { service, session } = await signedIn({ features: ANNOUNCED })
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 200 }, (_, index) => ask(session, 1_800 + index)),
      ask(session, 1_000, '♥'),
    ])
    const largest = Math.max(...service.heard.map((text) => Buffer.byteLength(text)))
    expect(largest).toBe(LIMIT)
    expect(outcomes.at(-1)?.status).toBe('rejected')
  })

  test('an answer that would be larger is an error instead', async () => {
    const { service, session } = await signedIn({ features: ANNOUNCED })
    session.onIq('get', 'much', 'test', () => xml('much', { xmlns: 'test' }, 'x'.repeat(3_000)))
    service.say(`<iq xmlns='jabber:client' type='get' id='q' from='localhost'><much xmlns='test'/></iq>`)
    await vi.waitFor(() => expect(service.heard.at(-1)).toContain('id="q"'))
    expect(service.heard.at(-1)).toContain('policy-violation')
    expect(session.dropped.get('answer-too-large')).toBe(1)
  })

  test('a service that says nothing takes what servers take', async () => {
    const { session } = await signedIn({})
    expect(session.maxStanzaBytes).toBe(200_000)
    await ask(session, 100_000)
  })
})

describe('session: a service that ends the stream over a stanza', () => {
  test.each(['stream error', 'close code', 'silence', 'small talk'] as const)(
    'it is not sent again, where the end is by %s, nor is another of the kind',
    async (endsBy) => {
      const { service, session } = await signedIn({ maxFrameBytes: 20_000, endsBy })
      const before = session.jid
      await expect(ask(session, 50_000)).rejects.toMatchObject({ condition: 'disconnected' })
      await vi.waitFor(() => expect(session.state.name).toBe('online'), 5_000)
      expect(session.jid).not.toBe(before)
      await expect(ask(session, 50_000)).rejects.toMatchObject({ condition: 'policy-violation' })
      await ask(session, 9_000)
      expect(tooLargeOf(service, 20_000)).toBe(1)
    },
  )
})

async function signedIn(script: Script): Promise<{ service: ScriptedService; session: XmppSession }> {
  const service = await ScriptedService.listen(script)
  afterwards(() => service.close())
  const session = newSession(service.url, { jid: 'juliet@localhost', password: 'rose', random: () => 0.01 })
  await session.start()
  await vi.waitFor(() => expect(service.enabled).toBe(1))
  // Two, so that the answer to `enable` has come back, too.
  for (let count = 0; count < 2; count++) await ask(session, 1)
  return { service, session }
}

function ask(session: XmppSession, length: number, letter = 'x'): Promise<unknown> {
  const child = xml('x', { xmlns: 'test' }, letter.repeat(length))
  return session.request({ type: 'set', to: session.domain, child })
}

function tooLargeOf(service: ScriptedService, limit: number): number {
  return service.heard.filter((text) => text.length > limit).length
}
