/**
 * What does one WebSocket frame say (RFC 7395 §3.3.1: one whole element each)? Reading refuses whatever another
 * client's parser could stumble over, because a frame that is let in is written out again to others.
 */
import { Element, parseXml, XML_LIMITS } from '../xmpp/stanza.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/ // XML 1.0 §2.2.
const MAX_ELEMENTS = 10_000 // A guess: the longest roster that is kept here, each item in a few groups.

/** Undefined for anything but one whole, harmless element. Never throws. */
export function parseFrame(text: string, maxDepth: number): Element | undefined {
  if (NOT_XML.test(text)) return undefined
  return parseXml(text, { ...XML_LIMITS, depth: maxDepth, elements: MAX_ELEMENTS })
}

/** The same stanza under other attributes; the children are shared, so neither may be changed afterwards. */
export function readdressed(stanza: Element, attrs: Record<string, string | undefined>): Element {
  const copy = new Element(stanza.name, { ...stanza.attrs, ...attrs })
  copy.children = stanza.children
  return copy
}

/** Writes a stanza once for many receivers: what is returned gives the text for one of them. */
export function circular(stanza: Element): (to: string) => string {
  const text = readdressed(stanza, { to: undefined }).toString()
  const nameEnd = stanza.name.length + 1
  const [head, tail] = [text.slice(0, nameEnd), text.slice(nameEnd)]
  return (to) => `${head} to="${escapeAttribute(to)}"${tail}`
}

/** Child elements without the text between them. */
export function childElements(element: Element): Element[] {
  return element.children.filter((child): child is Element => child instanceof Element)
}

function escapeAttribute(value: string): string {
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
