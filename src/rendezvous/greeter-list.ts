/**
 * Greeter list: who among the resources of our account can let newcomers in? Kept in the account's private storage
 * (XEP-0049), so that a newcomer learns of them by one question, where a presence of its own would be told to each of them,
 * twice.
 *
 * It is written by the one whose JID sorts first, some time after it has changed, and says what was so then: who is listed
 * may be gone. It is only ever written where there are many.
 */
import { type Clock, type Random, StanzaError, type Stanzas } from '../ports.ts'
import { xml } from '../xmpp/stanza.ts'
import { bareOf, isFullJid, showsNamespace } from './resource.ts'

export const PRIVATE_NS = 'jabber:iq:private'
/** More are neither written nor read. A guess: greeters of two rings of one account. */
export const MAX_LISTED = 32
const TIMEOUT_MS = 2_000 // A guess: who has to wait longer for a list is better shown to all.
const WRITE_AFTER_MS = 1_000 // A guess: elections and arrivals come in bursts.

export type GreeterListOptions = { stanzas: Stanzas; namespaceHash: string; clock: Clock; random: Random }

export class GreeterList {
  readonly dropped = new Map<string, number>()
  /** There is a list, as far as we know. */
  isKept = false
  private readonly options: GreeterListOptions
  private wanted: string[] = []
  private cancelWrite: (() => void) | undefined
  private written: string | undefined

  constructor(options: GreeterListOptions) {
    this.options = options
  }

  /** Full JIDs of our account, as they were listed; none where there is no list to be had. Never rejects. */
  async read(): Promise<string[]> {
    const { stanzas, namespaceHash } = this.options
    const child = xml('query', { xmlns: PRIVATE_NS }, this.listOf([]))
    const query = await stanzas.request({ type: 'get', child, timeoutMs: TIMEOUT_MS }).catch((error) => {
      if (error instanceof StanzaError) return undefined
      throw error
    })
    const items = query?.getChild('greeters', this.xmlns)?.getChildren('greeter') ?? []
    const account = bareOf(stanzas.jid ?? '')
    const listed = new Set<string>()
    for (const { attrs } of items.slice(0, MAX_LISTED)) {
      const jid = `${account}/${attrs.resource}`
      if (isFullJid(jid) && showsNamespace(jid, namespaceHash) && jid !== stanzas.jid) listed.add(jid)
      else this.dropped.set('list: bad-jid', (this.dropped.get('list: bad-jid') ?? 0) + 1)
    }
    this.isKept = listed.size > 0
    return [...listed]
  }

  /** These can let newcomers in, and it may be ours to write them down. */
  keep(own: string, hosts: Iterable<string>): void {
    this.wanted = [...hosts].sort().slice(0, MAX_LISTED)
    if (this.wanted[0] !== own) this.written = undefined
    if (this.wanted[0] !== own || this.wanted.join() === this.written) {
      this.cancelWrite?.()
      this.cancelWrite = undefined
      return
    }
    const { clock, random } = this.options
    this.cancelWrite ??= clock.wakeAt(clock.now() + WRITE_AFTER_MS * (0.5 + random()), () => this.write(this.wanted))
  }

  /** There are too few for a list. */
  clear(): void {
    this.stop()
    this.write([])
  }

  /** We are no longer seen. */
  stop(): void {
    this.cancelWrite?.()
    this.cancelWrite = undefined
    this.written = undefined
  }

  private write(all: readonly string[]): void {
    this.cancelWrite = undefined
    this.written = all.join()
    this.isKept = all.length > 0
    const child = xml('query', { xmlns: PRIVATE_NS }, this.listOf(all))
    // Without a list newcomers show themselves, and see who greets.
    this.options.stanzas.request({ type: 'set', child }).catch((error) => {
      if (error instanceof StanzaError)
        this.dropped.set('list: not-kept', (this.dropped.get('list: not-kept') ?? 0) + 1)
      else throw error
    })
  }

  private listOf(jids: readonly string[]) {
    const items = jids.map((jid) => xml('greeter', { resource: jid.slice(jid.indexOf('/') + 1) }))
    return xml('greeters', { xmlns: this.xmlns }, ...items)
  }

  private get xmlns(): string {
    return `urn:overture:greeters:${this.options.namespaceHash}`
  }
}
