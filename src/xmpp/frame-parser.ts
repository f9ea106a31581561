/**
 * FrameParser: reads what the service says, in the place of the library's own parser, which is without limits and goes on
 * from frame to frame. In a WebSocket each frame is one whole element (RFC 7395 §3.3.1).
 *
 * What the service itself may have said wrong ends the stream. A stanza that is too much may be a stranger's, which the
 * service has only passed on: it arrives without its content, counted by XEP-0198 as the service has counted it.
 */
import { Parser, XMLError } from '@xmpp/xml'
import { readXml } from './xml-reader.ts'

const FRAMING_NS = 'urn:ietf:params:xml:ns:xmpp-framing'

export class FrameParser extends Parser {
  private readonly cut: () => void

  /** `cut` is told of each stanza that arrives without its content. */
  constructor(cut: () => void) {
    super()
    this.cut = cut
  }

  override write(text: string): void {
    if (text.trim() === '') return
    const read = readXml(text)
    if (read === undefined) {
      this.emit('error', new XMLError('A frame is not one whole element of a size that we take.'))
      return
    }
    const { element } = read
    if (read.cut) this.cut()
    if (element.is('open', FRAMING_NS)) this.emit('start', element)
    else if (element.is('close', FRAMING_NS)) this.emit('end', element)
    else this.emit('element', element)
  }
}
