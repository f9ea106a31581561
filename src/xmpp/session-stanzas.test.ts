import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { StanzaError } from '../ports.ts'
import { createXmppService } from '../service/xmpp-service.ts'
import { installNodeWebSocket } from './node-websocket.ts'
import type { XmppSession } from './session.ts'
import { xml } from './stanza.ts'
import { closeTestSessions, fullJid, newSession, online, serve, wireTo } from './test-sessions.ts'

const PING = () => xml('ping', { xmlns: 'urn:xmpp:ping' })

beforeAll(installNodeWebSocket)
afterEach(async () => {
  vi.restoreAllMocks()
  await closeTestSessions()
})

describe('session: stanzas', () => {
  test('a request gets the child of its result', async () => {
    const session = await online(await serve(createXmppService()))
    const child = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' })
    const answer = await session.request({ type: 'get', to: session.domain, child })
    expect(answer?.getChild('identity')?.attrs.category).toBe('server')
  })

  test('a request rejects with the condition of its error', async () => {
    const [asker, answerer] = await pair()
    const request = asker.request({ type: 'get', to: fullJid(answerer), child: xml('x', { xmlns: 'unheard:of' }) })
    await expect(request).rejects.toMatchObject({ name: 'StanzaError', condition: 'service-unavailable' })
  })

  test('a request that nobody answers times out', async () => {
    const wire = await wireTo(await serve(createXmppService()))
    const session = newSession(wire.url)
    await session.start()
    wire.silence()
    const request = session.request({ type: 'get', to: session.domain, child: PING(), timeoutMs: 20 })
    await expect(request).rejects.toMatchObject({ condition: 'timeout' })
  })

  test('requests on their way reject when the binding is gone, and offline at once', async () => {
    const wire = await wireTo(await serve(createXmppService()))
    const session = newSession(wire.url)
    await session.start()
    wire.silence()
    const request = session.request({ type: 'get', to: session.domain, child: PING() })
    void session.stop()
    await expect(request).rejects.toMatchObject({ condition: 'disconnected' })
    const late = session.request({ type: 'get', to: session.domain, child: PING() })
    await expect(late).rejects.toMatchObject({ condition: 'disconnected' })
  })

  test('every question is answered: by a handler, by its error, or by ours', async () => {
    const [asker, answerer] = await pair()
    const complaint = vi.spyOn(console, 'error').mockImplementation(() => {})
    answerer.onIq('get', 'echo', 'test', (child, from) => xml('echo', { xmlns: 'test', from }, child.getText()))
    answerer.onIq('set', 'quiet', 'test', () => undefined)
    answerer.onIq('get', 'no', 'test', () => {
      throw new StanzaError('not-allowed')
    })
    answerer.onIq('get', 'bug', 'test', () => {
      throw new TypeError('a bug')
    })
    const ask = (type: 'get' | 'set', name: string) =>
      asker.request({ type, to: fullJid(answerer), child: xml(name, { xmlns: 'test' }, 'hello') })
    const echo = await ask('get', 'echo')
    expect([echo?.getText(), echo?.attrs.from]).toEqual(['hello', asker.jid])
    expect(await ask('set', 'quiet')).toBeUndefined()
    await expect(ask('get', 'no')).rejects.toMatchObject({ condition: 'not-allowed' })
    await expect(ask('set', 'echo')).rejects.toMatchObject({ condition: 'service-unavailable' })
    await expect(ask('get', 'bug')).rejects.toMatchObject({ condition: 'internal-server-error' })
    expect(answerer.dropped.get('iq-handler-failed')).toBe(1)
    expect(complaint).toHaveBeenCalledOnce()
  })

  test('it says who it is and what it can do, and answers a ping', async () => {
    const [asker, answerer] = await pair()
    const stop = answerer.onIq('set', 'x', 'urn:example:x', () => undefined)
    const to = fullJid(answerer)
    const features = async () => {
      const child = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' })
      const info = await asker.request({ type: 'get', to, child })
      expect(info?.getChild('identity')?.attrs).toMatchObject({ category: 'client', type: 'web' })
      return info?.getChildren('feature').map((feature) => feature.attrs.var)
    }
    expect(await features()).toEqual(expect.arrayContaining(['urn:xmpp:ping', 'urn:example:x']))
    stop()
    expect(await features()).not.toContain('urn:example:x')
    expect(await asker.request({ type: 'get', to, child: PING() })).toBeUndefined()
    const node = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info', node: 'x' })
    await expect(asker.request({ type: 'get', to, child: node })).rejects.toMatchObject({ condition: 'item-not-found' })
  })

  test('a burst of 200 requests arrives in the order sent', async () => {
    const [asker, answerer] = await pair()
    const arrived: number[] = []
    answerer.onIq('set', 'n', 'test', (child) => {
      arrived.push(Number(child.getText()))
      return undefined
    })
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    const ask = (number: number) =>
      asker.request({ type: 'set', to: fullJid(answerer), child: xml('n', { xmlns: 'test' }, `${number}`) })
    await Promise.all(numbers.map(ask))
    expect(arrived).toEqual(numbers)
  })

  test('a stanza that would end the stream is refused, and the stream lives on', async () => {
    const session = await online(await serve(createXmppService()))
    const child = xml('x', { xmlns: 'test' }, 'x'.repeat(200_001))
    const large = session.request({ type: 'get', to: session.domain, child })
    await expect(large).rejects.toMatchObject({ condition: 'policy-violation' })
    session.send(xml('message', { to: session.domain }, child))
    expect(session.dropped.get('send-policy-violation')).toBe(1)
    await session.request({ type: 'get', to: session.domain, child: PING() })
  })

  test('more requests than may wait are refused', async () => {
    const wire = await wireTo(await serve(createXmppService()))
    const session = newSession(wire.url)
    await session.start()
    wire.silence()
    const ask = () => session.request({ type: 'get', to: session.domain, child: PING() })
    const outcomes = Promise.allSettled(Array.from({ length: 1_000 }, ask))
    await expect(ask()).rejects.toMatchObject({ condition: 'resource-constraint' })
    void session.stop()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { condition: 'disconnected' } })
  })

  test('a listener that throws does not end the stream', async () => {
    const [sender, receiver] = await pair()
    vi.spyOn(console, 'error').mockImplementation(() => {})
    receiver.onMessage(() => {
      throw new Error('a bug')
    })
    const bodies: unknown[] = []
    receiver.onMessage((message) => bodies.push(message.getChildText('body')))
    for (const body of ['1', '2']) sender.send(xml('message', { to: fullJid(receiver) }, xml('body', {}, body)))
    await vi.waitFor(() => expect(bodies).toEqual(['1', '2']))
    expect(receiver.dropped.get('listener-failed')).toBe(2)
  })
})

async function pair(): Promise<[XmppSession, XmppSession]> {
  const url = await serve(createXmppService())
  return Promise.all([online(url), online(url)])
}
