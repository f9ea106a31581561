/** XML as the rooms below the session see it: build with `xml`, read `Element`s, parse with `parseXml`. */
import xml, { Element, Parser } from '@xmpp/xml'

export { Element, xml }

/** Parses one whole element; undefined for anything else. Never throws. */
export function parseXml(text: string): Element | undefined {
  const parser = new WholeParser()
  try {
    parser.write(text)
  } catch {
    return undefined
  }
  // The parser is silent about a tag that was begun and not finished.
  return text.trimEnd().endsWith('>') ? parser.whole : undefined
}

/** The library's parser is made for streams and forgets each child of the root once it is read. */
class WholeParser extends Parser {
  whole: Element | undefined
  private readonly open: Element[] = []

  override onStartElement(name: string, attrs?: Record<string, string>): void {
    if (this.whole !== undefined) throw new Error('Something follows the element.')
    const element = new Element(name, attrs)
    this.open.at(-1)?.cnode(element)
    this.open.push(element)
  }

  override onEndElement(name: string): void {
    const element = this.open.pop()
    if (element?.name !== name) throw new Error('A tag closes what is not open.')
    if (this.open.length === 0) this.whole = element
  }

  override onText(text: string): void {
    const element = this.open.at(-1)
    if (element !== undefined) element.t(text)
    else if (text.trim() !== '') throw new Error('Text outside of the element.')
  }
}
