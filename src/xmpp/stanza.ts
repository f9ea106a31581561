/** XML as the rooms below the session see it: build with `xml`, read `Element`s, parse with `parseXml`. */
import xml, { Element, Parser } from '@xmpp/xml'

export { Element, xml }

/** Parses one whole element; undefined for anything else. Never throws. */
export function parseXml(text: string): Element | undefined {
  const parser = new Parser()
  let root: Element | undefined
  let failed = false
  parser.on('error', () => {
    failed = true
  })
  parser.on('start', (element: Element) => {
    root = element
  })
  let ended = false
  parser.on('end', () => {
    ended = true
  })
  try {
    parser.write(text)
  } catch {
    failed = true
  }
  return failed || !ended ? undefined : root
}
