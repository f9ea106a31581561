import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Element, xml } from '../xmpp/stanza.ts'
import { parseStanza } from '../xmpp/stanza-exchange.ts'
import { JingleError, readJingleCondition } from './jingle-error.ts'
import { type JingleStanza, MAX_CANDIDATES_PER_STANZA, readJingle, writeJingle } from './jingle-xml.ts'

const FIXTURES = new URL('fixtures/', import.meta.url)
/** Read but never written: the shape of XEP-0343, and payloads of others. */
const READ_ONLY = ['session-initiate-xep-0343', 'session-info-unsupported']

const names = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.xml'))
  .map((name) => name.slice(0, -'.xml'.length))

describe('a Jingle stanza', () => {
  it.each(names.filter((name) => !name.startsWith('error-')))('is read as its fixture says: %s', (name) => {
    expect(readJingle(parse(xmlOf(name)))).toEqual(jsonOf(name))
  })

  it.each(names.filter((name) => !name.startsWith('error-') && !READ_ONLY.includes(name)))(
    'is written as its fixture says: %s',
    (name) => {
      expect(writeJingle(jsonOf(name) as JingleStanza).toString()).toBe(parse(xmlOf(name)).toString())
    },
  )

  it.each(names.filter((name) => name.startsWith('error-')))('is refused as its fixture says: %s', (name) => {
    const error = parse(xmlOf(name))
    const { stanzaCondition, jingleCondition } = jsonOf(name) as Record<string, string>
    expect(readJingleCondition(error)).toBe(jingleCondition)
    const thrown = new JingleError(readJingleCondition(error) ?? 'tie-break')
    expect(thrown.condition).toBe(stanzaCondition)
    expect(error.toString()).toContain(thrown.application.toString())
  })

  it('is not read when another element or namespace is', () => {
    expect(readJingle(xml('query', { xmlns: 'urn:xmpp:jingle:1', action: 'session-info', sid: 's' }))).toBeUndefined()
    expect(readJingle(xml('jingle', { xmlns: 'urn:xmpp:jingle:0', action: 'session-info', sid: 's' }))).toBeUndefined()
  })

  const initiate = xmlOf('session-initiate')
  it.each([
    ['no session id', 'sid="a73sjjvkla37jfea"', ''],
    ['an unknown action', 'session-initiate', 'session-invent'],
    ['another application', 'urn:overture:jingle:0', 'urn:xmpp:jingle:apps:file-transfer:5'],
    ['no fingerprint', 'urn:xmpp:jingle:apps:dtls:0', 'urn:example'],
    ['a short fingerprint', '7B:8B:F0', '7B:8B'],
    ['a weak hash', 'sha-256', 'md5'],
    ['a line end in the ufrag', 'ufrag="8hhy"', 'ufrag="8hhy&#13;&#10;a=x"'],
    ['a short password', 'asd88fgpdd777uzjYhagZg00', 'short'],
    ['a port out of range', 'sctp-port="5000"', 'sctp-port="70000"'],
    ['a size that is no number', 'max-message-size="262144"', 'max-message-size="1e9"'],
    ['an unknown role', 'actpass', 'holdconn'],
  ])('is not read with %s', (_, from, to) => {
    expect(initiate).toContain(from)
    expect(readJingle(parse(initiate.replace(from, to)))).toBeUndefined()
  })

  it.each([
    ['a space in its address', 'ip="10.0.1.1"', 'ip="10.0.1.1 typ relay"'],
    ['port 0', 'port="8998"', 'port="0"'],
    ['port 65536', 'port="8998"', 'port="65536"'],
    ['an unknown protocol', 'protocol="udp"', 'protocol="ssltcp"'],
    ['an unknown type', 'type="host"', 'type="guest"'],
    ['a negative priority', 'priority="2130706431"', 'priority="-1"'],
    ['a long foundation', 'foundation="1"', `foundation="${'1'.repeat(33)}"`],
    ['tcp without a tcptype', 'protocol="udp"', 'protocol="tcp"'],
  ])('loses only the candidate with %s', (_, from, to) => {
    expect(initiate).toContain(from)
    const read = readJingle(parse(initiate.replace(from, to)))
    expect(read).toMatchObject({ candidates: [{ foundation: '2' }], unreadable: 1 })
  })

  it('gives no more candidates than the limit', () => {
    const one = parse(xmlOf('transport-info'))
    const ice = one.getChild('content')?.getChild('transport')?.getChild('transport')
    const candidate = ice?.getChildren('candidate')[0]
    for (let i = 0; i < 100; i += 1) ice?.append(candidate as Element)
    const read = readJingle(one) as JingleStanza & { action: 'transport-info' }
    expect(read.candidates.length).toBe(MAX_CANDIDATES_PER_STANZA)
    expect(read.unreadable).toBe(102 - MAX_CANDIDATES_PER_STANZA)
  })

  it('bounds the text of a reason and takes control characters out of it', () => {
    const text = `a\r\nb${'c'.repeat(1_000)}`
    const reason = xml('reason', {}, xml('made-up', {}), xml('text', {}, text))
    const read = readJingle(
      xml('jingle', { xmlns: 'urn:xmpp:jingle:1', action: 'session-terminate', sid: 's' }, reason),
    )
    expect(read).toMatchObject({ reason: 'general-error', text: `a  b${'c'.repeat(252)}` })
  })

  it('never makes the reader throw, whatever a stranger puts in it', () => {
    const attribute = fc.oneof(
      fc.string(),
      fc.constantFrom('session-initiate', 'session-accept', 'transport-info', 'session-terminate', 'session-info'),
      fc.constantFrom('urn:xmpp:jingle:1', 'urn:overture:jingle:0', 'urn:xmpp:jingle:transports:ice-udp:1', 'udp', '1'),
      fc.constant(undefined),
    )
    const name = fc.constantFrom('content', 'description', 'transport', 'candidate', 'fingerprint', 'sctpmap', 'reason')
    const keys = ['xmlns', 'action', 'sid', 'ufrag', 'pwd', 'hash', 'setup', 'ip', 'port', 'type', 'protocol']
    const attrs = fc.dictionary(fc.constantFrom(...keys, '__proto__'), attribute)
    const { tree } = fc.letrec<{ tree: Element }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.tuple(name, attrs).map(([n, a]) => new Element(n, a)),
        fc
          .tuple(name, attrs, fc.array(fc.oneof(tie('tree'), fc.string()), { maxLength: 4 }))
          .map(([n, a, children]) => {
            const element = new Element(n, a)
            for (const child of children) element.append(child as Element)
            return element
          }),
      ),
    }))
    fc.assert(
      fc.property(attrs, fc.array(tree, { maxLength: 3 }), (rootAttrs, children) => {
        const jingle = new Element('jingle', { ...rootAttrs, xmlns: 'urn:xmpp:jingle:1' })
        jingle.append(...children)
        readJingle(jingle)
      }),
    )
  })

  it('never makes the reader throw when a good one is damaged', () => {
    const source = fc.constantFrom(...names.filter((name) => !name.startsWith('error-')).map(xmlOf))
    fc.assert(
      fc.property(source, fc.nat(), fc.nat({ max: 40 }), fc.string(), (text, at, length, insert) => {
        const start = at % text.length
        const element = parseStanza(text.slice(0, start) + insert + text.slice(start + length))
        if (element !== undefined) readJingle(element)
      }),
    )
  })
})

function xmlOf(name: string): string {
  return readFileSync(new URL(`${name}.xml`, FIXTURES), 'utf8')
}

function jsonOf(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FIXTURES), 'utf8'))
}

/** Without the indentation that fixtures have for people. */
function parse(text: string): Element {
  const element = parseStanza(text.trim().replace(/>\s+</g, '><'))
  if (element === undefined) throw new Error(`A fixture is not XML: ${text}`)
  return element
}
