/** XML as the rooms below the session see it: build with `xml`, read `Element`s, parse with `parseXml`. */
import xml, { Element } from '@xmpp/xml'
import { readXml, XML_LIMITS, type XmlLimits } from './xml-reader.ts'

export { Element, XML_LIMITS, type XmlLimits, xml }

/** Parses one whole element; undefined for anything else, and for what is beyond the limits. Never throws. */
export function parseXml(text: string, limits: XmlLimits = XML_LIMITS): Element | undefined {
  const read = readXml(text, limits)
  return read === undefined || read.cut ? undefined : read.element
}
