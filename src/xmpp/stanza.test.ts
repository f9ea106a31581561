import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Element, parseXml, xml } from './stanza.ts'

describe('stanza', () => {
  test('an element is read with its children, texts and namespaces', () => {
    const element = parseXml(`<iq type='set' id='1'><query xmlns='q'>a &amp; <b>c</b></query></iq>`)
    expect(element?.attrs).toEqual({ type: 'set', id: '1' })
    expect(element?.getChild('query', 'q')?.getText()).toBe('a & ')
    expect(element?.getChild('query')?.getChildText('b')).toBe('c')
  })

  test.each(['', 'text', '<a>', '<a><b></a></b>', '</a>', '<a/><b/>', 'x<a/>', '<a/>x', '<a/><b', '<a', '<a/>x<b/>'])(
    '“%s” is not one whole element',
    (text) => {
      expect(parseXml(text)).toBeUndefined()
    },
  )

  test('whatever is written can be read again', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/)
    const text = fc.string({ minLength: 1 }).filter((it) => it.trim() !== '')
    const attrs = fc.dictionary(name, fc.string(), { maxKeys: 3 })
    const { element } = fc.letrec<{ element: Element }>((tie) => ({
      element: fc
        .tuple(
          name,
          attrs,
          fc.array(fc.oneof({ maxDepth: 3 }, text, tie('element') as fc.Arbitrary<Element>), { maxLength: 3 }),
        )
        .map(([tag, attributes, children]) => xml(tag, { ...attributes }, ...children)),
    }))
    fc.assert(
      fc.property(element, (it) => {
        expect(parseXml(it.toString())?.toString()).toBe(it.toString())
      }),
    )
  })

  test('nothing that is read throws', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '<a',
      '</a>',
      "='",
      '"',
      '&amp;',
      '&',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      'a',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          parseXml(text)
        },
      ),
    )
  })
})
