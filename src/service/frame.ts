/**
 * What does one WebSocket frame say (RFC 7395 §3.3.1: one whole element each)? Reading refuses whatever another
 * client's parser could stumble over, because a frame that is let in is written out again to others.
 */
import { Parser } from '@xmpp/xml'
import { Element } from '../xmpp/stanza.ts'

const XML_NAME = /^[\p{L}_][\p{L}\p{N}\p{M}_.-]*(:[\p{L}_][\p{L}\p{N}\p{M}_.-]*)?$/u // XML names, without the exotic.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/ // XML 1.0 §2.2.
const RESTRICTED_XML = /<!(?!\[CDATA\[)|<\?(?!xml[\s?])/ // RFC 6120 §11.1: no comments, instructions or DTDs.

const END_MARK = 'end'

/** Undefined for anything but one whole, harmless element. Never throws. */
export function parseFrame(text: string, maxDepth: number): Element | undefined {
  if (NOT_XML.test(text) || RESTRICTED_XML.test(text)) return undefined
  const parser = new FrameParser(maxDepth)
  try {
    parser.write(text)
    return parser.finish()
  } catch {
    return undefined
  }
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

class FrameParser extends Parser {
  private whole: Element | undefined
  private finished: boolean
  private readonly open: Element[]
  private readonly maxDepth: number

  constructor(maxDepth: number) {
    super()
    this.finished = false
    this.open = []
    this.maxDepth = maxDepth
  }

  /** The parser is silent about an unfinished rest; only where there is none, one more tag is read as that tag. */
  finish(): Element | undefined {
    const { whole } = this
    this.finished = whole !== undefined
    this.whole = undefined
    this.write(`<${END_MARK}/>`)
    return this.whole === undefined ? undefined : whole
  }

  override onStartElement(name: string, attrs?: string | Record<string, string>): void {
    if (this.finished && name !== END_MARK) throw new Error('A rest.')
    if (this.whole !== undefined) throw new Error('A second element.')
    if (this.open.length >= this.maxDepth) throw new Error('Nested too deeply.')
    if (!XML_NAME.test(name)) throw new Error('Not a name.')
    const element = new Element(name, attrs)
    if (!Object.keys(element.attrs).every((key) => XML_NAME.test(key))) throw new Error('Not a name.')
    this.open.at(-1)?.append(element)
    this.open.push(element)
  }

  override onEndElement(name: string): void {
    const element = this.open.pop()
    if (element?.name !== name) throw new Error('Closed what was not open.')
    if (this.open.length === 0) this.whole = element
  }

  override onText(text: string): void {
    const element = this.open.at(-1)
    if (element !== undefined) element.t(text)
    else if (text.trim() !== '') throw new Error('Text outside of an element.')
  }
}
