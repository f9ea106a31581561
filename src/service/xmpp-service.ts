/**
 * How does one have an XMPP service without installing one? Joins the parts of the embedded service to WebSockets
 * (RFC 7395): beside a web server, or alone. In memory, for development and tests, never for production.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { Accounts } from './accounts.ts'
import type { ExternalService } from './external-services.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { type Meddle, Router } from './router.ts'
import { ClientStream, type StreamHost } from './stream.ts'

export const SERVICE_PATH = '/xmpp-websocket' // As Prosody and ejabberd have it.

const PING_INTERVAL_MS = 30_000 // A guess: below the minute after which many NATs forget a TCP connection.
const CLOSE_GRACE_MS = 1_000 // A guess: one slow round trip for the closing handshake.
const MAX_BUGS = 100 // A guess: more tell nothing new.
const FRAME_LIMIT_FACTOR = 4 // Frames above are cut off by the WebSocket, those below get a stream error.

export type XmppServiceOptions = {
  /** The one domain that is served, with rooms at `conference.<domain>`. */
  domain?: string
  /** Whether strangers may come in without an account; true unless told. */
  anonymous?: boolean
  /** Whether strangers may make an account; true unless told. */
  registration?: boolean
  /** Accounts that are there from the start. */
  accounts?: { username: string; password: string }[]
  /** STUN and TURN servers to tell of; a function where credentials are made anew. */
  externalServices?: ExternalService[] | (() => ExternalService[])
  limits?: Partial<Limits>
  /** For tests of what must not come of it: a service that is hostile to those whose IQs it carries. */
  meddle?: Meddle
}

export type ListeningService = { url: string; close(): Promise<void> }

export interface XmppService {
  readonly domain: string
  /** Serves WebSocket upgrades for `path` on this server and leaves all others alone. */
  attach(server: Server, path?: string): void
  /** Serves alone; port 0 finds a free one. */
  listen(port?: number, host?: string): Promise<ListeningService>
  /** Ends every stream and every server that `listen` started. */
  close(): Promise<void>
  /** Cuts the socket of a full JID without goodbye, as a fault. Returns false if there is none. */
  sever(jid: string): boolean
  readonly connectionCount: number
  readonly roomCount: number
  /** Faults of the service's own, each of which ended one stream. */
  readonly bugs: readonly unknown[]
}

export function createXmppService(options: XmppServiceOptions = {}): XmppService {
  return new EmbeddedService(options)
}

class EmbeddedService implements XmppService {
  readonly domain: string
  readonly bugs: unknown[]
  private readonly host: StreamHost
  private readonly sockets: WebSocketServer
  private readonly streams: Map<WebSocket, ClientStream>
  /** Whose answer to the last ping is outstanding. */
  private readonly silent: WeakSet<WebSocket>
  private readonly detachers: (() => void)[]
  private readonly servers: Server[]
  private readonly pinging: NodeJS.Timeout
  private closed: boolean

  constructor({ externalServices = [], ...options }: XmppServiceOptions) {
    this.domain = (options.domain ?? 'localhost').toLowerCase()
    this.bugs = []
    const { domain } = this
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    const { anonymous = true, registration = true } = options
    const accounts = new Accounts(domain, limits.accounts)
    for (const { username, password } of options.accounts ?? []) {
      const account = accounts.create(username, password)
      if (typeof account === 'string') throw new Error(`The preset account ${username} cannot be made: ${account}.`)
    }
    const services = typeof externalServices === 'function' ? externalServices : () => externalServices
    const router = new Router({
      domain,
      accounts,
      limits,
      registration,
      externalServices: services,
      meddle: options.meddle,
    })
    this.host = { domain, anonymous, registration, limits, accounts, router }
    this.sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: limits.stanzaBytes * FRAME_LIMIT_FACTOR,
      handleProtocols: (protocols) => (protocols.has('xmpp') ? 'xmpp' : false),
    })
    this.streams = new Map()
    this.silent = new WeakSet()
    this.detachers = []
    this.servers = []
    this.closed = false
    this.pinging = this.keepAlive()
  }

  get connectionCount(): number {
    return this.streams.size
  }

  get roomCount(): number {
    return this.host.router.roomCount
  }

  attach(server: Server, path: string = SERVICE_PATH): void {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.url?.split('?')[0] === path) this.upgrade(request, socket, head)
    }
    server.on('upgrade', onUpgrade)
    this.detachers.push(() => server.off('upgrade', onUpgrade))
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<ListeningService> {
    const server = createServer((_request, response) => {
      response.writeHead(426, { 'content-type': 'text/plain' }).end('This is an XMPP service over WebSocket.\n')
    })
    this.attach(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
    this.servers.push(server)
    const address = server.address() as AddressInfo
    const authority = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return { url: `ws://${authority}:${address.port}${SERVICE_PATH}`, close: () => this.close() }
  }

  async close(): Promise<void> {
    this.closed = true
    clearInterval(this.pinging)
    for (const detach of this.detachers.splice(0)) detach()
    const gone = [...this.streams].map(([socket, stream]) => {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      this.guarded(stream, () => stream.fail('system-shutdown'))
      return closed
    })
    const servers = this.servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          server.closeAllConnections()
        }),
    )
    await Promise.all([...gone, ...servers])
  }

  sever(jid: string): boolean {
    for (const [socket, { state }] of this.streams) {
      if (state.name !== 'bound' || state.session.jid.full !== jid) continue
      socket.terminate()
      return true
    }
    return false
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((it) => it.trim())
    if (this.closed || this.streams.size >= this.host.limits.connections) refuse(socket, '503 Service Unavailable')
    // RFC 7395 §3.1: who does not offer `xmpp` does not speak it.
    else if (!offered?.includes('xmpp')) refuse(socket, '400 Bad Request')
    else this.sockets.handleUpgrade(request, socket, head, (webSocket) => this.serve(webSocket))
  }

  private serve(socket: WebSocket): void {
    const { limits } = this.host
    let grace: NodeJS.Timeout | undefined
    const stream = new ClientStream(
      {
        send: (text) => {
          if (socket.readyState !== socket.OPEN) return
          // Who does not read is not waited for; the `close` event that follows does the rest.
          if (socket.bufferedAmount > limits.unsentBytes) socket.terminate()
          else socket.send(text)
        },
        close: () => {
          socket.close(1000)
          grace = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref()
        },
      },
      this.host,
    )
    this.streams.set(socket, stream)
    const patience = setTimeout(() => {
      if (stream.state.name !== 'bound') this.guarded(stream, () => stream.fail('connection-timeout'))
    }, limits.unauthenticatedMs)
    socket.on('message', (data, isBinary) => {
      this.guarded(stream, () => (isBinary ? stream.fail('bad-format') : stream.handle(textOf(data))))
    })
    // What is wrong with the socket shows in the `close` that always follows.
    socket.on('error', () => {})
    socket.on('pong', () => this.silent.delete(socket))
    socket.on('close', () => {
      clearTimeout(patience)
      clearTimeout(grace)
      this.streams.delete(socket)
      this.guarded(stream, () => stream.lost())
    })
  }

  private keepAlive(): NodeJS.Timeout {
    const timer = setInterval(() => {
      for (const socket of this.streams.keys()) {
        if (this.silent.has(socket)) socket.terminate()
        this.silent.add(socket)
        if (socket.readyState === socket.OPEN) socket.ping()
      }
    }, PING_INTERVAL_MS)
    return timer.unref()
  }

  /** A bug met by one client must not end the service for the others. */
  private guarded(stream: ClientStream, act: () => void): void {
    try {
      act()
    } catch (bug) {
      this.noteBug(bug)
      try {
        stream.fail('internal-server-error')
      } catch (second) {
        this.noteBug(second)
      }
    }
  }

  private noteBug(bug: unknown): void {
    if (this.bugs.length < MAX_BUGS) this.bugs.push(bug)
    console.error('The embedded XMPP service met a fault of its own:', bug)
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function textOf(data: RawData): string {
  return Array.isArray(data) ? Buffer.concat(data).toString() : data.toString()
}
