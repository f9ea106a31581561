/** Counted WebSocket: how many stanzas cross between the peers of this process and their service, whoever sends them. */
import { WebSocket } from 'ws'

export type StanzaCounts = { sent: number; received: number; presences: number }

/** RFC 7395 §3.3: each message is one element, and these three are stanzas. */
const STANZA = /^\s*<(iq|presence|message)[\s/>]/

/** From now on sessions of this process use WebSockets that count what crosses all of them. */
export function installCountedWebSocket(): StanzaCounts {
  const counts = { sent: 0, received: 0, presences: 0 }
  const note = (text: string, way: 'sent' | 'received') => {
    const stanza = STANZA.exec(text)
    if (!stanza) return
    counts[way] += 1
    if (stanza[1] === 'presence') counts.presences += 1
  }
  class CountedWebSocket extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols, { allowSynchronousEvents: false })
      this.on('message', (data) => note(data.toString(), 'received'))
    }

    override send(data: Parameters<WebSocket['send']>[0], ...rest: unknown[]): void {
      if (typeof data === 'string') note(data, 'sent')
      ;(super.send as (...all: unknown[]) => void)(data, ...rest)
    }
  }
  Object.assign(globalThis, { WebSocket: CountedWebSocket })
  return counts
}
