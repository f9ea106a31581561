/** The WebSocket that @xmpp/client finds in a page, for Node before 22. Never imported by what runs in a page. */
import { WebSocket } from 'ws'

class NodeWebSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    // As in a page, each message is an event of its own; else stream management counts some stanzas twice.
    super(url, protocols, { allowSynchronousEvents: false })
  }
}

export function installNodeWebSocket(): void {
  Object.assign(globalThis, { WebSocket: NodeWebSocket })
}
