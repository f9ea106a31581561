import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Element, xml } from '../xmpp/stanza.ts'
import { circular, parseFrame, readdressed } from './frame.ts'

const MAX_DEPTH = 8

test('A frame is read with its attributes, children and text', () => {
  const frame = parseFrame(`<a b='1&amp;2'><c xmlns='x'>t<![CDATA[<]]></c></a>`, MAX_DEPTH)
  expect(frame?.attrs.b).toBe('1&2')
  expect(frame?.getChild('c', 'x')?.getText()).toBe('t<')
})

test.each([
  ['nothing', ''],
  ['text', 'hello'],
  ['an unclosed element', '<a>'],
  ['a wrong closing tag', '<a></b>'],
  ['a lone closing tag', '</a>'],
  ['two elements', '<a/><b/>'],
  ['text after the element', '<a/>b'],
  ['text that looks like an end after the element', '<a/>b>'],
  ['an unfinished second element', '<a/><b'],
  ['an unfinished section', '<a/><![CDATA['],
  ['a comment', '<a><!-- b --></a>'],
  ['an instruction', '<?php ?><a/>'],
  ['a document type', '<!DOCTYPE a><a/>'],
  ['an unknown entity', '<a>&b;</a>'],
  ['a reference to a character that XML forbids', '<a>&#0;</a>'],
  ['a character that XML forbids', '<a>\u0000</a>'],
  ['a name that is none', '<a<b/>'],
  ['an attribute name that is none', '<a b<c="1"/>'],
  ['elements nested too deeply', `${'<a>'.repeat(9)}${'</a>'.repeat(9)}`],
  ['elements nested a hundred thousand deep', '<a>'.repeat(100_000)],
])('A frame of %s is refused', (_what, text) => {
  expect(parseFrame(text, MAX_DEPTH)).toBeUndefined()
})

test('No text makes the reader throw, and what it lets in can be written and read again', () => {
  const soup = fc
    .array(
      fc.constantFrom(
        '<',
        '>',
        '/',
        'a',
        'b:c',
        ' ',
        '=',
        '"',
        "'",
        '&',
        ';',
        '#',
        '!',
        '[CDATA[',
        ']]>',
        '?',
        '\0',
        '--',
      ),
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: 'binary' })), (text) => {
      const frame = parseFrame(text, MAX_DEPTH)
      if (frame !== undefined) expect(parseFrame(frame.toString(), MAX_DEPTH)?.toString()).toBe(frame.toString())
    }),
  )
})

test('A circular differs from the stanza in nothing but the receiver', () => {
  const stanza = xml('presence', { from: 'a@b/c', to: 'nobody@b' }, xml('show', {}, 'away'))
  const text = circular(stanza)(`d@e/"'<&>`)
  const read = parseFrame(text, MAX_DEPTH)
  expect(read?.attrs).toEqual({ from: 'a@b/c', to: `d@e/"'<&>` })
  expect(read?.getChildText('show')).toBe('away')
})

test('Readdressing leaves the original as it was', () => {
  const stanza = new Element('iq', { to: 'a' })
  expect(readdressed(stanza, { to: 'b' }).attrs.to).toBe('b')
  expect(stanza.attrs.to).toBe('a')
})
