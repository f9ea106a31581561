import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Element } from './stanza.ts'
import { readXml, XML_LIMITS, type XmlLimits } from './xml-reader.ts'

const SMALL: XmlLimits = { length: 1_000, depth: 4, elements: 10, attributes: 3, nameLength: 8 }
const DEEP = 100_000
const LONG = XML_LIMITS.length - 100

describe('xml reader', () => {
  test.each([
    ['<a/>', '<a/>'],
    [` <?xml version='1.0'?><a/>\n`, '<a/>'],
    [`<a b = 'c"d' e="f'g"  />`, `<a b="c&quot;d" e="f&apos;g"/>`],
    ['<a>&lt;&#x41;&#66;<![CDATA[<b>&amp;]]></a >', '<a>&lt;AB&lt;b&gt;&amp;amp;</a>'],
    ['<s:a xml:lang="en"><é·1/></s:a>', '<s:a xml:lang="en"><é·1/></s:a>'],
  ])('%s is read', (text, written) => {
    expect(readXml(text)?.element.toString()).toBe(written)
  })

  test.each([
    ['a document type', '<!DOCTYPE a><a/>'],
    [
      'entities that double ten times',
      `<!DOCTYPE a [${Array.from({ length: 10 }, (_, n) => `<!ENTITY e${n + 1} "&e${n};&e${n};">`).join('')}]><a>&e10;</a>`,
    ],
    ['an entity from elsewhere', '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'],
    ['an entity that nobody has defined', '<a>&e;</a>'],
    ['an ampersand alone', '<a b="c & d"/>'],
    ['a reference to what is no character', '<a>&#x110000;</a>'],
    ['a comment', '<a><!-- b --></a>'],
    ['an instruction', '<a/><?b c?>'],
    ['a declaration within', '<a><?xml version="1.0"?></a>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['an attribute without quotes', '<a b=1/>'],
    ['attributes without space between', '<a b="1"c="2"/>'],
    ['a tag in an attribute', '<a b="<c/>"/>'],
    ['a name that is none', '<1/>'],
    ['half an element', '<a><b/>'],
    ['more than a frame may have', `<a>${'x'.repeat(XML_LIMITS.length)}</a>`],
  ])('%s is refused', (_what, text) => {
    expect(readXml(text)).toBeUndefined()
  })

  test.each([
    ['elements in elements', `<a id="1">${'<b>'.repeat(4)}${'</b>'.repeat(4)}</a>`],
    ['elements', `<a id="1">${'<b/>'.repeat(10)}</a>`],
    ['attributes of one element', '<a id="1"><b c="" d="" e="" f=""/></a>'],
    ['letters of an element’s name', '<a id="1"><bbbbbbbbb/></a>'],
    ['letters of an attribute’s name', '<a id="1"><b ccccccccc=""/></a>'],
    ['attributes of the outermost element', '<a id="1" b="" c="" d=""/>'],
    ['elements in elements, without end', `<a id="1">${'<b>'.repeat(4)}`],
  ])('too many %s leave the outermost element alone', (_what, text) => {
    const read = readXml(text, SMALL)
    expect(read?.cut).toBe(true)
    expect(read?.element.toString()).toBe('<a id="1"/>')
  })

  test.each([
    ['elements in elements', `<a id="1">${'<b>'.repeat(3)}${'</b>'.repeat(3)}</a>`],
    ['elements', `<a id="1">${'<b/>'.repeat(9)}</a>`],
    ['attributes', '<a id="1"><b c="" d="" e=""/></a>'],
    ['letters', '<a id="1"><bbbbbbbb cccccccc=""/></a>'],
  ])('as many %s as are allowed are read', (_what, text) => {
    const read = readXml(text, SMALL)
    expect(read?.cut).toBe(false)
  })

  test('elements a hundred thousand deep are not gone into', () => {
    expect(readXml(`<a>${'<b>'.repeat(DEEP)}${'</b>'.repeat(DEEP)}</a>`)).toMatchObject({ cut: true })
  })

  test('a flood of attributes is not kept', () => {
    const flood = Array.from({ length: DEEP }, (_, index) => `a${index}="x"`).join(' ')
    expect(Object.keys(readXml(`<message to="b" ${flood}/>`)?.element.attrs ?? {})).toEqual(['to'])
  })

  test('names of objects are names like others', () => {
    const element = readXml('<__proto__ __proto__="a" constructor="b" toString="c"/>')?.element as Element
    expect(Object.getPrototypeOf(element.attrs)).toBe(Object.prototype)
    expect(element.attrs.constructor).toBe('b')
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })

  // A reader that looks for the end from each place anew takes minutes for these.
  test.each([
    ['text', `<a>${'x'.repeat(LONG)}`],
    ['text that ends like an element', `<a>${'x'.repeat(LONG)}>`],
    ['a value', `<a b="${'x'.repeat(LONG)}`],
    ['a name', `<${'a'.repeat(LONG)}`],
    ['CDATA', `<a><![CDATA[${'x'.repeat(LONG)}`],
    ['space in a tag', `<a ${' '.repeat(LONG)}`],
    ['a declaration', `<?xml ${'x'.repeat(LONG)}`],
    ['references', `<a>${'&'.repeat(LONG)}`],
    ['half CDATA', `<a>${'<![CDATA['.repeat(LONG / 9)}`],
  ])('%s that does not end is refused in linear time', (_what, text) => {
    expect(readXml(text)?.cut).not.toBe(false)
  })

  test('no text makes it throw, and what it reads whole is within the limits', () => {
    const soup = fc
      .array(fc.constantFrom('<a', '<b>', '</b>', '</a>', '/>', '>', ' c="d"', '&amp;', '&', 'x', '<![CDATA[', ']]>'))
      .map((pieces) => `<a>${pieces.join('')}</a>`)
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: 'binary' })), (text) => {
        const read = readXml(text, SMALL)
        if (read === undefined) return
        const elements = elementsIn(read.element)
        expect(elements.length).toBeLessThanOrEqual(SMALL.elements)
        expect(Math.max(...elements.map(({ depth }) => depth))).toBeLessThanOrEqual(SMALL.depth)
      }),
    )
  })
})

function elementsIn(element: Element, depth = 1): { depth: number }[] {
  return [{ depth }, ...element.getChildElements().flatMap((child) => elementsIn(child, depth + 1))]
}
