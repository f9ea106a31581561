/** How is somebody connected, in a plain word? Three words for five kinds of channel and for no link at all. */
import type { ChannelKind } from '../ports.ts'

/** The classes of the picture's colours. */
export type LinkClass = 'direct' | 'relay' | 'others'

export const LINK_WORDS: Record<LinkClass, string> = {
  direct: 'direct',
  relay: 'through a relay server',
  others: 'via others',
}

export function linkClassOf(kind: ChannelKind | undefined): LinkClass {
  switch (kind) {
    case 'direct':
      return 'direct'
    case 'turn':
    case 'relay':
      return 'relay'
    case 'tunnel':
    case 'subring':
    case undefined:
      return 'others'
  }
}

/** For the curious: what carries the bytes. */
export function explainLink(kind: ChannelKind | undefined): string {
  switch (kind) {
    case 'direct':
      return 'From browser to browser, with nothing in between.'
    case 'turn':
      return 'From browser to browser through a TURN server.'
    case 'relay':
      return 'Through the XMPP service, until a direct link stands.'
    case 'tunnel':
    case 'subring':
      return 'Through members that both of you are linked to.'
    case undefined:
      return 'No link of your own; messages go from member to member.'
  }
}
