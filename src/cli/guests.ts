/**
 * Guests: sessions that sign in as a page's would, several at once. Who is thrown out is not let in again: a server that
 * allows ten and is asked for eleven would throw out another one each time.
 */
import { OvertureError } from '../overture-error.ts'
import { resourceOf } from '../rendezvous/resource.ts'
import { memoryStorage } from '../xmpp/memory-storage.ts'
import { XmppSession } from '../xmpp/session.ts'
import { xml } from '../xmpp/stanza.ts'
import type { ServerRequest } from './server-options.ts'

const PING_TIMEOUT_MS = 10_000 // A guess: many slow round trips.

export type Account = { username: string; password: string }

export class Guests {
  private readonly request: ServerRequest
  private readonly url: string
  private readonly namespaceHash: string
  private readonly random: () => number
  private readonly storage = memoryStorage()
  private readonly sessions: XmppSession[] = []
  private readonly leaving: Promise<void>[] = []
  /** Why the first one that was thrown out was. */
  whyThrownOut = ''

  /** `url`: where the server takes WebSockets. */
  constructor(request: ServerRequest, { url, domain }: { url: string; domain: string }, random: () => number) {
    this.request = { ...request, domain }
    this.url = url
    this.random = random
    this.namespaceHash = Array.from({ length: 40 }, () => Math.floor(random() * 16).toString(16)).join('')
  }

  /** Of the shape that the app's rooms and resources have; nobody's. */
  get hash(): string {
    return this.namespaceHash
  }

  /** Signs one more in; returns why it is not let in. */
  async enter(): Promise<OvertureError | undefined> {
    const { domain, jid, password } = this.request
    const session = new XmppSession({
      service: this.url,
      ...(domain === undefined ? {} : { domain }),
      ...(jid === undefined ? {} : { jid }),
      ...(password === undefined ? {} : { password }),
      resource: resourceOf(this.namespaceHash, this.random),
      storage: this.storage,
      random: this.random,
    })
    try {
      await session.start()
    } catch (error) {
      if (error instanceof OvertureError) return error
      throw error
    }
    this.sessions.push(session)
    session.onState((state) => {
      if (state.name !== 'offline' || !this.sessions.includes(session)) return
      this.whyThrownOut ||= state.reason
      this.dismiss(session)
    })
    return undefined
  }

  /** Those who are in, once each of them has been answered; the latest first, as servers throw out the oldest. */
  async present(): Promise<XmppSession[]> {
    const child = xml('ping', { xmlns: 'urn:xmpp:ping' })
    const asking = [...this.sessions].map((session) =>
      session.request({ type: 'get', to: session.domain, child, timeoutMs: PING_TIMEOUT_MS }).then(
        () => true,
        // An error is an answer, too.
        ({ condition }) => condition !== 'timeout' && condition !== 'disconnected',
      ),
    )
    const sessions = [...this.sessions]
    const answered = await Promise.all(asking)
    return sessions.filter((session, index) => answered[index] && this.sessions.includes(session)).reverse()
  }

  /** The account that was made for them, if one was. */
  async accountMade(): Promise<Account | undefined> {
    const kept = await this.storage.get(`xmpp-account:${this.request.domain}`)
    return kept as Account | undefined
  }

  /** All but this one say goodbye; or all. */
  async leave(exceptFor?: XmppSession): Promise<void> {
    for (const session of [...this.sessions]) if (session !== exceptFor) this.dismiss(session)
    await Promise.all(this.leaving)
  }

  private dismiss(session: XmppSession): void {
    this.sessions.splice(this.sessions.indexOf(session), 1)
    this.leaving.push(session.stop())
  }
}
