/** Scripted stanzas: a session that says what a test wants it to say, and shows what was said to it. For tests only. */
import { type Clock, StanzaError, type Stanzas } from '../ports.ts'
import { type Element, parseXml } from '../xmpp/stanza.ts'

export type Asked = { type: 'get' | 'set'; to: string | undefined; child: Element }

export class ScriptedStanzas implements Stanzas {
  readonly domain = 'example.org'
  readonly maxStanzaBytes = 200_000
  jid: string | undefined
  readonly sent: Element[] = []
  readonly asked: Asked[] = []
  /** What a request gets; by default what a service says that knows nothing. */
  answer: (asked: Asked) => Promise<Element | undefined> = () => Promise.reject(new StanzaError('service-unavailable'))
  private readonly online = new Set<(jid: string) => void>()
  private readonly offline = new Set<() => void>()
  private readonly presence = new Set<(presence: Element) => void>()

  constructor(jid?: string) {
    this.jid = jid
  }

  goOnline(jid: string): void {
    this.jid = jid
    for (const listener of this.online) listener(jid)
  }

  goOffline(): void {
    this.jid = undefined
    for (const listener of this.offline) listener()
  }

  /** A presence arrives. */
  receive(presence: Element | string): void {
    const element = typeof presence === 'string' ? parseXml(presence) : presence
    if (element === undefined) throw new Error(`Not XML: ${presence}`)
    for (const listener of this.presence) listener(element)
  }

  onOnline(listener: (jid: string) => void): () => void {
    this.online.add(listener)
    if (this.jid !== undefined) listener(this.jid)
    return () => this.online.delete(listener)
  }

  onOffline(listener: () => void): () => void {
    this.offline.add(listener)
    return () => this.offline.delete(listener)
  }

  onPresence(listener: (presence: Element) => void): () => void {
    this.presence.add(listener)
    return () => this.presence.delete(listener)
  }

  onMessage(): () => void {
    return () => {}
  }

  onIq(): () => void {
    return () => {}
  }

  request({ type, to, child }: { type: 'get' | 'set'; to?: string; child: Element }): Promise<Element | undefined> {
    const asked = { type, to, child }
    this.asked.push(asked)
    return this.answer(asked)
  }

  send(stanza: Element): void {
    this.sent.push(stanza)
  }
}

/** Time that stands still until it is moved. */
export class ScriptedClock implements Clock {
  private time = 0
  private readonly alarms = new Set<{ at: number; wake: () => void }>()

  now(): number {
    return this.time
  }

  wakeAt(at: number, wake: () => void): () => void {
    const alarm = { at, wake }
    this.alarms.add(alarm)
    return () => this.alarms.delete(alarm)
  }

  get pending(): number {
    return this.alarms.size
  }

  advance(ms: number): void {
    this.time += ms
    for (const alarm of [...this.alarms]) if (alarm.at <= this.time && this.alarms.delete(alarm)) alarm.wake()
  }
}
