import { describe, expect, test } from 'vitest'
import { type Element, parseXml, xml } from '../xmpp/stanza.ts'
import { isProved, prove } from './jingle-proof.ts'
import { readJingle, writeJingle } from './jingle-xml.ts'

const KEY = new Uint8Array(32).fill(5)
const PATH = { from: 'a@example.org/1', to: 'b@example.net/2' }
const OFFER = writeJingle({
  action: 'session-initiate',
  sid: '0123456789abcdef',
  description: {
    ufrag: 'abcd',
    pwd: 'asd88fgpdd777uzjYhagZg00',
    fingerprint: { hash: 'sha-256', value: Array(32).fill('AB').join(':') },
    setup: 'actpass',
    sctpPort: 5000,
    maxMessageSize: 262_144,
  },
  candidates: [
    {
      foundation: '1',
      component: 1,
      protocol: 'udp',
      priority: 2_113_937_151,
      ip: '192.0.2.1',
      port: 50_000,
      type: 'host',
    },
  ],
  unreadable: 0,
}).toString()

const offer = () => prove(parseXml(OFFER) as Element, PATH, KEY)
const overTheWire = (text: string) => parseXml(text) as Element

describe('what a member has said', () => {
  test('is proved when it arrives, and means what it meant', () => {
    const arrived = overTheWire(offer().toString())
    expect(isProved(arrived, PATH, KEY)).toBe(true)
    expect(readJingle(arrived)).toEqual(readJingle(overTheWire(OFFER)))
  })

  test('is proved also when a service has written it another way', () => {
    const text = offer().toString()
    const prefixed = text.replace(
      /<jingle ([^>]*)>/,
      (_, attributes) => `<jingle ${attributes.split(' ').reverse().join(' ')} >`,
    )
    expect(prefixed).not.toBe(text)
    expect(isProved(overTheWire(prefixed), PATH, KEY)).toBe(true)
  })

  test.each([
    ['a fingerprint', 'AB:AB', 'AB:AC'],
    ['a candidate', '192.0.2.1', '192.0.2.9'],
    ['a port', '50000', '50001'],
    ['the session', '0123456789abcdef', '0123456789abcdee'],
    ['the action', 'session-initiate', 'session-accept'],
    ['the credentials', 'asd88fgpdd777uzjYhagZg00', 'asd88fgpdd777uzjYhagZg01'],
    ['the meaning of an element', 'urn:xmpp:jingle:apps:dtls:0', 'urn:xmpp:jingle:apps:dtls:1'],
    ['something', '</jingle>', '<more/></jingle>'],
  ])('is not when somebody in between has changed or added %s', (_, from, to) => {
    const text = offer().toString()
    const changed = text.replace(from, to)
    expect(changed).not.toBe(text)
    expect(isProved(overTheWire(changed), PATH, KEY)).toBe(false)
  })

  test('is not when it seems to come from another, or went to another', () => {
    const arrived = overTheWire(offer().toString())
    expect(isProved(arrived, { ...PATH, from: 'c@example.org/1' }, KEY)).toBe(false)
    expect(isProved(arrived, { ...PATH, to: 'c@example.org/1' }, KEY)).toBe(false)
  })

  test('is not when it was proved by another key, by nothing, or is deeper than anything we write', () => {
    expect(isProved(prove(overTheWire(OFFER), PATH, new Uint8Array(32)), PATH, KEY)).toBe(false)
    expect(isProved(overTheWire(OFFER), PATH, KEY)).toBe(false)
    let deep: Element = xml('a')
    for (let depth = 0; depth < 500; depth++) deep = xml('a', {}, deep)
    const proof = xml('proof', { xmlns: 'urn:overture:signal:0' }, `${'A'.repeat(43)}=`)
    expect(isProved(xml('jingle', { xmlns: 'urn:xmpp:jingle:1' }, deep, proof), PATH, KEY)).toBe(false)
  })
})
