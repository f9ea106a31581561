import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseXml, xml } from '../xmpp/stanza.ts'
import { chooseIceServers } from './ice-server.ts'
import { JINGLE_INFO_XMLNS, readJingleInfo } from './jingle-info.ts'

function read(inner: string, limit = 32) {
  const query = parseXml(`<query xmlns='${JINGLE_INFO_XMLNS}'>${inner}</query>`)
  if (query === undefined) throw new Error('A test writes XML.')
  return readJingleInfo(query, limit)
}

describe('jingle info', () => {
  test('names STUN servers', () => {
    const { services } = read(
      "<stun><server host='a.example' udp='3478'/><server host='b.example' udp='19302'/></stun>",
    )
    expect(chooseIceServers(services, 0)).toEqual([{ urls: 'stun:a.example:3478' }, { urls: 'stun:b.example:19302' }])
  })

  test('names relays in each way, with the token for name and password', () => {
    const { services } = read(
      "<relay><token>CAESH</token><server host='r.example' udp='3478' tcp='3479' tcpssl='443'/></relay>",
    )
    const credentials = { username: 'CAESH', credential: 'CAESH' }
    expect(chooseIceServers(services, 0)).toEqual([
      { urls: 'turn:r.example:3478?transport=udp', ...credentials },
      { urls: 'turns:r.example:443?transport=tcp', ...credentials },
      { urls: 'turn:r.example:3479?transport=tcp', ...credentials },
    ])
  })

  test('may give a relay credentials of its own', () => {
    const { services } = read("<relay><server host='r' udp='1' username='u' password='p'/></relay>")
    expect(chooseIceServers(services, 0)).toEqual([{ urls: 'turn:r:1?transport=udp', username: 'u', credential: 'p' }])
  })

  test('of which nothing can be used is counted', () => {
    const useless =
      "<stun><server host='a'/><server host='b c' udp='1'/></stun><relay><server host='r' udp='1'/></relay>"
    expect(read(useless)).toEqual({ services: [], unusable: 3 })
  })

  test('is read to a limit', () => {
    expect(read(`<stun>${"<server host='a' udp='1'/>".repeat(1_000)}</stun>`).services).toHaveLength(32)
  })

  test('never throws, whatever it holds', () => {
    const name = fc.constantFrom('stun', 'relay', 'server', 'token', 'other')
    const attributes = fc.dictionary(
      fc.constantFrom('host', 'udp', 'tcp', 'tcpssl', 'username', 'password'),
      fc.string(),
    )
    const leaf = fc.tuple(name, attributes).map(([it, attrs]) => xml(it, attrs, 'text'))
    const section = fc.tuple(name, fc.array(leaf, { maxLength: 6 })).map(([it, children]) => xml(it, {}, ...children))
    fc.assert(
      fc.property(fc.array(section, { maxLength: 6 }), (sections) => {
        expect(() => readJingleInfo(xml('query', { xmlns: JINGLE_INFO_XMLNS }, ...sections), 8)).not.toThrow()
      }),
    )
  })
})
