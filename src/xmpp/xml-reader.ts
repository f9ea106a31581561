/**
 * XmlReader: which element does this text hold? Reads what XMPP allows of XML (RFC 6120 §11.1): elements, attributes,
 * text, CDATA and the five entities that XML has of itself. No document type, and so nothing that could expand; no comment
 * and no instruction, but for a declaration at the beginning.
 *
 * Whoever wrote the text may be a stranger. Time is linear in its length; what is made of it is bounded by `XmlLimits`.
 */
import { Element } from '@xmpp/xml'

export type XmlLimits = {
  length: number
  depth: number
  /** Of the whole text. */
  elements: number
  /** Of one element. */
  attributes: number
  nameLength: number
}

export const XML_LIMITS: XmlLimits = {
  length: 4_194_304, // A guess: the roster of ten thousand contacts, several times over.
  depth: 64, // A guess: no protocol here nests 10 deep, and writing an element recurses.
  elements: 65_536, // A guess: the same roster, each contact in a few groups; bounds what tiny elements cost.
  attributes: 64, // A guess: nothing here has 10.
  nameLength: 256, // A guess: namespaces are values, and names are words.
}

/** RFC 6120 §8.1: what a stanza itself may have. */
const STANZA_ATTRIBUTES = new Set(['xmlns', 'to', 'from', 'id', 'type', 'xml:lang'])

/**
 * `cut`: a limit was reached before the end. Then there is the outermost element alone, with the attributes of a stanza
 * and without content, so that whose it was and which question it answers is still known.
 */
export type ReadXml = { element: Element; cut: boolean }

/** Undefined for anything but one whole element. Never throws. */
export function readXml(text: string, limits: XmlLimits = XML_LIMITS): ReadXml | undefined {
  return text.length > limits.length ? undefined : new Reading(text, limits).run()
}

/** XML 1.0 §2.3, without the colon: Namespaces in XML 1.0 §3 allows a name one, in its middle. */
const NAME_START =
  'A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}\\u{2070}-\\u{218F}' +
  '\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}'
const NAME_PART = `[${NAME_START}][${NAME_START}.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}-]*`
const XML_NAME = new RegExp(`${NAME_PART}(?::${NAME_PART})?`, 'uy')
const DECLARATION = /\s*<\?xml\s[^?<>]*\?>/y
const SPACE = /[ \t\r\n]*/y
const EQUALS = /[ \t\r\n]*=[ \t\r\n]*/y
const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([\da-f]{1,6}));|&/gi
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const CDATA = '<![CDATA['
const CDATA_END = ']]>'

const MALFORMED = Symbol('malformed')
const TOO_MUCH = Symbol('too much')

class Reading {
  private readonly text: string
  private readonly limits: XmlLimits
  private readonly open: Element[] = []
  private at = 0
  private count = 0
  private root: Element | undefined

  constructor(text: string, limits: XmlLimits) {
    this.text = text
    this.limits = limits
  }

  run(): ReadXml | undefined {
    try {
      this.take(DECLARATION)
      while (this.at < this.text.length) this.readNext()
      return this.root === undefined || this.open.length > 0 ? undefined : { element: this.root, cut: false }
    } catch (reason) {
      if (reason !== TOO_MUCH) return undefined
      return this.root && { element: withoutContent(this.root), cut: true }
    }
  }

  private readNext(): void {
    const { text, at } = this
    if (text[at] !== '<') this.readText()
    else if (text.startsWith(CDATA, at)) this.readCdata()
    else if (text[at + 1] === '/') this.readEnd()
    else this.readStart()
  }

  private readText(): void {
    const next = this.text.indexOf('<', this.at)
    const end = next < 0 ? this.text.length : next
    const raw = this.text.slice(this.at, end)
    this.at = end
    const parent = this.open.at(-1)
    if (parent !== undefined) parent.t(unescaped(raw))
    else if (raw.trim() !== '') throw MALFORMED
  }

  private readCdata(): void {
    const from = this.at + CDATA.length
    const end = this.text.indexOf(CDATA_END, from)
    const parent = this.open.at(-1)
    if (end < 0 || parent === undefined) throw MALFORMED
    if (end > from) parent.t(this.text.slice(from, end))
    this.at = end + CDATA_END.length
  }

  private readEnd(): void {
    this.at += 2
    if (this.takeName() !== this.open.pop()?.name) throw MALFORMED
    this.take(SPACE)
    this.expect('>')
  }

  private readStart(): void {
    if (this.root !== undefined && this.open.length === 0) throw MALFORMED
    if (this.open.length >= this.limits.depth || ++this.count > this.limits.elements) throw TOO_MUCH
    this.at += 1
    const element = new Element(this.takeName())
    this.root ??= element
    this.readAttributes(element)
    const isEmpty = this.text[this.at] === '/'
    if (isEmpty) this.at += 1
    this.expect('>')
    this.open.at(-1)?.cnode(element)
    if (!isEmpty) this.open.push(element)
  }

  private readAttributes({ attrs }: Element): void {
    for (let count = 0; ; count++) {
      const before = this.at
      this.take(SPACE)
      const character = this.text[this.at]
      if (character === '>' || character === '/') return
      if (this.at === before) throw MALFORMED
      if (count >= this.limits.attributes) throw TOO_MUCH
      const name = this.takeName()
      if (Object.hasOwn(attrs, name)) throw MALFORMED // XML 1.0 §3.1.
      attrs[name] = this.takeValue()
    }
  }

  private takeValue(): string {
    if (this.take(EQUALS) === '') throw MALFORMED
    const quote = this.text[this.at]
    if (quote !== '"' && quote !== "'") throw MALFORMED
    const end = this.text.indexOf(quote, this.at + 1)
    if (end < 0) throw MALFORMED
    const raw = this.text.slice(this.at + 1, end)
    if (raw.includes('<')) throw MALFORMED
    this.at = end + 1
    return unescaped(raw)
  }

  private takeName(): string {
    const name = this.take(XML_NAME)
    if (name === '') throw MALFORMED
    if (name.length > this.limits.nameLength) throw TOO_MUCH
    return name
  }

  /** Empty where it does not match. */
  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const taken = pattern.exec(this.text)?.[0] ?? ''
    this.at += taken.length
    return taken
  }

  private expect(character: string): void {
    if (this.text[this.at] !== character) throw MALFORMED
    this.at += 1
  }
}

function withoutContent({ name, attrs }: Element): Element {
  return new Element(name, Object.fromEntries(Object.entries(attrs).filter(([key]) => STANZA_ATTRIBUTES.has(key))))
}

function unescaped(raw: string): string {
  if (!raw.includes('&')) return raw
  return raw.replace(REFERENCE, (reference, entity?: string, decimal?: string, hex?: string) => {
    if (entity !== undefined && ENTITIES[entity] !== undefined) return ENTITIES[entity]
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? '', 16)
    if (reference === '&' || !isCharacter(code)) throw MALFORMED
    return String.fromCodePoint(code)
  })
}

/** XML 1.0 §2.2. */
function isCharacter(code: number): boolean {
  return (
    [0x9, 0xa, 0xd].includes(code) ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  )
}
