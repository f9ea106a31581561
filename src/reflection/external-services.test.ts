import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { xml } from '../xmpp/stanza.ts'
import { StanzaExchange } from '../xmpp/stanza-exchange.ts'
import { EXTDISCO_XMLNS, ExternalServices, readIceServer } from './external-services.ts'

const service = (attributes: Record<string, string>) => xml('service', attributes)

describe('a service that the server names', () => {
  test('becomes an ICE server', () => {
    expect(readIceServer(service({ type: 'stun', host: 'stun.example', port: '3478', transport: 'udp' }))).toEqual({
      urls: 'stun:stun.example:3478',
    })
    const turn = { type: 'turns', host: '2001:db8::1', port: '5349', transport: 'tcp', username: 'u', password: 'p' }
    expect(readIceServer(service(turn))).toEqual({
      urls: 'turns:[2001:db8::1]:5349?transport=tcp',
      username: 'u',
      credential: 'p',
    })
  })

  test('is left out where a browser would refuse it', () => {
    for (const bad of [
      { type: 'ftp', host: 'a' },
      { type: 'stun', host: 'a b' },
      { type: 'stun', host: 'a', port: '0' },
      { type: 'stun', host: 'a', port: '70000' },
      { type: 'stun', host: 'a', transport: 'tcp' },
      { type: 'turn', host: 'a', port: '1' },
    ]) {
      expect(readIceServer(service(bad as unknown as Record<string, string>))).toBeUndefined()
    }
  })

  test('never throws, whatever its attributes hold', () => {
    const attributes = fc.dictionary(fc.constantFrom('type', 'host', 'port', 'transport', 'username'), fc.string())
    fc.assert(
      fc.property(attributes, (hostile) => {
        expect(() => readIceServer(service(hostile))).not.toThrow()
      }),
    )
  })
})

describe('external services', () => {
  test('are asked for at sign-in and again at half of the credentials life', async () => {
    const clock = new VirtualClock()
    const exchange = new StanzaExchange()
    const server = exchange.connect('example.org')
    let asked = 0
    server.onIq('get', 'services', EXTDISCO_XMLNS, () => {
      asked++
      const expires = new Date(Date.now() + 600_000).toISOString()
      const turn = { type: 'turn', host: 'turn.example', username: `u${asked}`, password: 'p', expires }
      return xml('services', { xmlns: EXTDISCO_XMLNS }, service(turn), service({ type: 'nonsense' }))
    })
    const user = exchange.connect('me@example.org/1')
    const reflection = new ExternalServices(user, clock)
    await vi.waitFor(() => expect(reflection.iceServers()).toHaveLength(1))
    expect(reflection.dropped.get('unusable service')).toBe(1)
    clock.run(290_000)
    expect(asked).toBe(1)
    clock.run(20_000)
    await vi.waitFor(() => expect(reflection.iceServers()[0]?.username).toBe('u2'))
    reflection.close()
  })

  test('that the server does not have are no failure', async () => {
    const exchange = new StanzaExchange()
    const reflection = new ExternalServices(exchange.connect('me@example.org/1'), new VirtualClock())
    await vi.waitFor(() => expect(reflection.dropped.get('no answer')).toBe(1))
    expect(reflection.iceServers()).toEqual([])
  })
})
