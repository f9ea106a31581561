/**
 * Scripted service: just enough of a service to sign in to, to ping, and to resume; stanzas in each direction are counted
 * and kept. It follows its script where that has something else in mind. For tests only.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket as ServerSocket, WebSocketServer } from 'ws'
import { type Element, parseXml } from './stanza.ts'

type Kept = { jid: string; received: number; acknowledged: number; unacknowledged: string[] }

export type Script = {
  /** Default: PLAIN. */
  mechanisms?: string[]
  /** Offers them by SASL2 (XEP-0388), too, which then is what a client takes. */
  sasl2?: boolean
  /** Says what comes after one step of SASL; default: success. */
  sasl?(step: Element, say: (text: string) => void): void
  /** XML beside the features of who has signed in. */
  features?: string
  /** Ends the stream of who sends more in one frame, by a stream error unless told. */
  maxFrameBytes?: number
  endsBy?: 'stream error' | 'close code' | 'silence' | 'small talk'
}

export class ScriptedService {
  enabled = 0
  /** Streams that somebody has opened. */
  streams = 0
  /** Everything heard, as text, oldest first. */
  readonly heard: string[] = []
  script: Script
  private readonly server: WebSocketServer
  private readonly kept = new Map<string, Kept>()
  private bindings = 0

  private constructor(server: WebSocketServer, script: Script) {
    this.server = server
    this.script = script
  }

  static async listen(script: Script = {}): Promise<ScriptedService> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'xmpp' })
    const service = new ScriptedService(server, script)
    server.on('connection', (socket) => service.serve(socket))
    await once(server, 'listening')
    return service
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  forget(): void {
    this.kept.clear()
  }

  async close(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate()
    await new Promise((resolve) => this.server.close(resolve))
  }

  /** Closes every connection, and goes on. */
  hangUp(): void {
    for (const socket of this.server.clients) socket.close()
  }

  /** Says this to all who are signed in or signing in. */
  say(text: string): void {
    for (const socket of this.server.clients) socket.send(text)
  }

  private serve(socket: ServerSocket): void {
    const user: User = { signedIn: false, jid: '', kept: undefined }
    socket.on('error', () => {})
    socket.on('message', (data) => {
      const text = data.toString()
      const { maxFrameBytes = Number.POSITIVE_INFINITY } = this.script
      this.heard.push(text)
      if (text.length > maxFrameBytes) {
        const { endsBy = 'stream error' } = this.script
        if (endsBy === 'stream error') socket.send(STANZA_TOO_BIG)
        if (endsBy === 'small talk') socket.send(`<message xmlns='jabber:client'/>`)
        if (endsBy === 'close code') socket.close(1009)
        else socket.close()
      } else this.handle(parseXml(text) as Element, user, (answer) => socket.send(answer))
    })
  }

  private handle(element: Element, user: User, say: (text: string) => void): void {
    const { name, attrs } = element
    const { kept } = user
    if (kept !== undefined && ['iq', 'presence', 'message'].includes(name)) kept.received++
    if (name === 'open') {
      this.streams++
      say(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' version='1.0'/>`)
      this.tellFeatures(user, say)
    } else if (['auth', 'authenticate', 'response'].includes(name)) {
      this.signIn(element, user, say)
    } else if (name === 'enable') {
      this.enabled++
      const id = `sm-${user.jid}`
      say(`<enabled xmlns='urn:xmpp:sm:3' id='${id}' resume='true'/>`)
      user.kept = { jid: user.jid, received: 0, acknowledged: 0, unacknowledged: [] }
      this.kept.set(id, user.kept)
    } else if (name === 'resume') {
      this.resume(element, user, say)
    } else if (name === 'r') {
      say(`<a xmlns='urn:xmpp:sm:3' h='${kept?.received ?? 0}'/>`)
    } else if (name === 'a' && kept !== undefined) {
      acknowledge(kept, Number(attrs.h))
    } else if (name === 'iq' && element.getChild('bind') !== undefined) {
      user.jid = `stranger@localhost/${++this.bindings}`
      const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${user.jid}</jid></bind>`
      say(`<iq xmlns='jabber:client' type='result' id='${attrs.id}'>${bind}</iq>`)
    } else if (name === 'iq') {
      const answer = `<iq xmlns='jabber:client' type='result' id='${attrs.id}' from='localhost'/>`
      kept?.unacknowledged.push(answer)
      say(answer)
    }
  }

  private tellFeatures(user: User, say: (text: string) => void): void {
    const { mechanisms = ['PLAIN'], sasl2 = false, features = '' } = this.script
    const names = mechanisms.map((mechanism) => `<mechanism>${mechanism}</mechanism>`).join('')
    const offer = user.signedIn
      ? `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>${features}`
      : sasl2
        ? `<authentication xmlns='urn:xmpp:sasl:2'>${names}</authentication>`
        : `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${names}</mechanisms>`
    say(`<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${offer}</stream:features>`)
  }

  private signIn(step: Element, user: User, say: (text: string) => void): void {
    const { sasl = (_step, success) => success(`<success xmlns='${SASL_NS}'/>`) } = this.script
    sasl(step, (text) => {
      user.signedIn ||= text.startsWith('<success')
      say(text)
      // XEP-0388 §2.6.2: the stream goes on without being opened anew.
      if (this.script.sasl2 && text.startsWith('<success')) this.tellFeatures(user, say)
    })
  }

  private resume({ attrs }: Element, user: User, say: (text: string) => void): void {
    const kept = this.kept.get(attrs.previd ?? '')
    user.kept = kept
    if (kept === undefined) {
      say(`<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`)
      return
    }
    say(`<resumed xmlns='urn:xmpp:sm:3' previd='${attrs.previd}' h='${kept.received}'/>`)
    acknowledge(kept, Number(attrs.h))
    for (const text of kept.unacknowledged) say(text)
  }
}

type User = { signedIn: boolean; jid: string; kept: Kept | undefined }

const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl'
const STANZA_TOO_BIG = `<stream:error xmlns:stream='http://etherx.jabber.org/streams'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>stanza too big</text></stream:error>`

function acknowledge(kept: Kept, h: number): void {
  kept.unacknowledged.splice(0, h - kept.acknowledged)
  kept.acknowledged = h
}
