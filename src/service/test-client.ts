/**
 * What does the service say, frame by frame? A client for tests: raw enough to say anything, with the steps of signing
 * in at hand. Frames are kept in `received`; `next` waits for one and takes it and nothing else.
 */
import { WebSocket } from 'ws'
import { type Element, xml } from '../xmpp/stanza.ts'
import { parseFrame } from './frame.ts'

const PATIENCE_MS = 5_000
const MAX_DEPTH = 100
const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

export class TestClient {
  readonly socket: WebSocket
  readonly received: Element[]
  readonly closed: Promise<number>
  jid: string
  private readonly domain: string
  private readonly waiting: Set<() => void>
  private ids: number

  private constructor(url: string, domain: string) {
    this.socket = new WebSocket(url, 'xmpp')
    this.received = []
    this.jid = ''
    this.domain = domain
    this.waiting = new Set()
    this.ids = 0
    this.closed = new Promise((resolve) => this.socket.on('close', (code) => resolve(code)))
    this.socket.on('error', () => {})
    this.socket.on('message', (data) => {
      const frame = parseFrame(data.toString(), MAX_DEPTH)
      if (frame === undefined) throw new Error(`The service sent what is no frame: ${data}`)
      this.received.push(frame)
      for (const wake of this.waiting) wake()
    })
  }

  static async connect(url: string, domain = 'localhost'): Promise<TestClient> {
    const client = new TestClient(url, domain)
    await new Promise<void>((resolve, reject) => {
      client.socket.once('open', resolve)
      client.socket.once('error', reject)
    })
    return client
  }

  static async anonymous(url: string, resource?: string): Promise<TestClient> {
    const client = await TestClient.connect(url)
    await client.open()
    client.send(xml('auth', { xmlns: SASL, mechanism: 'ANONYMOUS' }))
    await client.next((it) => it.is('success'))
    await client.bind(resource)
    return client
  }

  static async signIn(url: string, username: string, password: string, resource?: string): Promise<TestClient> {
    const client = await TestClient.connect(url)
    await client.open()
    const outcome = await client.plain(username, password)
    if (!outcome.is('success')) throw new Error(`${outcome}`)
    await client.bind(resource)
    return client
  }

  /** Opens or reopens the stream; resolves to its features. */
  async open(): Promise<Element> {
    this.send(xml('open', { xmlns: FRAMING, to: this.domain, version: '1.0' }))
    await this.next((it) => it.is('open', FRAMING))
    return this.next((it) => it.is('features'))
  }

  async plain(username: string, password: string): Promise<Element> {
    this.send(xml('auth', { xmlns: SASL, mechanism: 'PLAIN' }, btoa(`\0${username}\0${password}`)))
    return this.next((it) => it.getNS() === SASL)
  }

  async bind(resource?: string): Promise<void> {
    await this.open()
    const wish = resource === undefined ? [] : [xml('resource', {}, resource)]
    const reply = await this.request(
      'set',
      undefined,
      xml('bind', { xmlns: 'urn:ietf:params:xml:ns:xmpp-bind' }, ...wish),
    )
    this.jid = reply.getChild('bind')?.getChildText('jid') ?? ''
  }

  get bare(): string {
    return this.jid.split('/')[0] ?? ''
  }

  send(frame: Element | string): void {
    this.socket.send(frame.toString())
  }

  presence(attrs: Record<string, string> = {}, ...children: Element[]): void {
    this.send(xml('presence', { xmlns: 'jabber:client', ...attrs }, ...children))
  }

  message(attrs: Record<string, string>, body: string): void {
    this.send(xml('message', { xmlns: 'jabber:client', ...attrs }, xml('body', {}, body)))
  }

  /** Resolves to the whole result or error. */
  request(type: 'get' | 'set', to: string | undefined, child: Element): Promise<Element> {
    const id = `id-${++this.ids}`
    this.send(xml('iq', { xmlns: 'jabber:client', type, to, id }, child))
    return this.next((it) => it.name === 'iq' && it.attrs.id === id && /result|error/.test(it.attrs.type))
  }

  /** Once it resolves, everything that the service had sent to us before is in `received`. */
  async settle(): Promise<void> {
    await this.request('get', this.domain, xml('ping', { xmlns: 'urn:xmpp:ping' }))
  }

  next(matches: (frame: Element) => boolean): Promise<Element> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const at = this.received.findIndex(matches)
        if (at < 0) return
        finish()
        resolve(this.received.splice(at, 1)[0] as Element)
      }
      const patience = setTimeout(() => {
        finish()
        reject(new Error(`Nothing of what was awaited among: ${this.received.join('\n')}`))
      }, PATIENCE_MS)
      const finish = () => {
        clearTimeout(patience)
        this.waiting.delete(look)
      }
      this.waiting.add(look)
      look()
    })
  }

  nextPresence(from: string, type?: string): Promise<Element> {
    return this.next((it) => it.name === 'presence' && it.attrs.from === from && it.attrs.type === type)
  }

  async close(): Promise<void> {
    this.socket.terminate()
    await this.closed
  }
}

export function errorOf(stanza: Element): string | undefined {
  const condition = stanza.getChild('error')?.children.find((child) => typeof child !== 'string')
  return typeof condition === 'string' ? undefined : condition?.getName()
}
