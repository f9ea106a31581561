/**
 * Who of our own resources and roster contacts is in the same namespace? The paper's way (§III.B): their presence shows
 * it in the resource (RFC 6121 §4). Needs an account that others share, or contacts; nobody needs to be asked.
 *
 *   unseen --online--> arriving --answered--> seen --enough greet for us--> unseen --shown, greeter--> arriving ...
 */
import { endpointOf, parseEndpoint } from '../overlay/endpoint.ts'
import { type Rendezvous, type RendezvousEvents, StanzaError, type Stanzas, type Visibility } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { CandidateTable } from './candidate-table.ts'
import { GreeterWatch, greeterMark, isGreeter } from './greeter-watch.ts'
import { showsNamespace } from './resource.ts'

const MUC_USER_NS = 'http://jabber.org/protocol/muc#user'

export class PresenceRendezvous implements Rendezvous {
  readonly name = 'presence'
  readonly dropped = new Map<string, number>()
  private readonly stanzas: Stanzas
  private readonly namespaceHash: string
  private table: CandidateTable | undefined
  private stops: (() => void)[] = []
  /** Our presence is out, and what came before us is still coming in. */
  private arriving: string | undefined
  private visibility: Visibility = 'newcomer'
  /** How we are seen; undefined while we are not. */
  private seenAs: Visibility | undefined
  private readonly watch = new GreeterWatch()
  private readonly waiting: ((seen: boolean) => void)[] = []

  constructor(stanzas: Stanzas, namespaceHash: string) {
    this.stanzas = stanzas
    this.namespaceHash = namespaceHash
  }

  start(events: RendezvousEvents): void {
    if (this.table !== undefined) throw new Error('This rendezvous is started already.')
    this.table = new CandidateTable(events)
    this.stops = [
      this.stanzas.onPresence((presence) => this.handlePresence(presence)),
      this.stanzas.onOnline((jid) => {
        this.seenAs = undefined
        // Who was excused before the service lost us is so still.
        if (this.visibility === 'quiet') this.conclude(false)
        else this.appear(jid)
      }),
    ]
  }

  show(visibility: Visibility): void {
    this.visibility = visibility
    const { jid } = this.stanzas
    if (jid === undefined || this.table === undefined) return
    if (this.seenAs === undefined) {
      if (visibility !== 'quiet') this.appear(jid)
    } else if (!this.withdrawIfExcused() && (visibility === 'greeter') !== (this.seenAs === 'greeter')) this.announce()
  }

  /** Calls back, once, when it is known whether we are to be seen by our account's other resources. */
  whenLooked(listener: (seen: boolean) => void): void {
    this.waiting.push(listener)
  }

  stop(): void {
    if (this.table === undefined) return
    for (const stop of this.stops.splice(0)) stop()
    this.table = undefined
    this.arriving = undefined
    if (this.stanzas.jid !== undefined) this.stanzas.send(xml('presence', { type: 'unavailable' }))
    this.seenAs = undefined
  }

  private appear(jid: string): void {
    this.arriving = jid
    this.watch.forget()
    this.table?.renew(() => true)
    this.announce()
    // Presence comes back before or after that of those who were there, as the service likes (Prosody 0.12: before). But
    // it answers in order (RFC 6120 §10.1), so those who were there on this service are known when the answer comes.
    const child = xml('ping', { xmlns: 'urn:xmpp:ping' })
    const arrived = () => {
      if (this.arriving !== jid) return
      this.arriving = undefined
      this.table?.settle((from) => domainOf(from) === domainOf(jid))
      this.withdrawIfExcused()
      this.conclude(this.seenAs !== undefined)
    }
    this.stanzas.request({ type: 'get', to: this.stanzas.domain, child }).then(arrived, (error) => {
      const unanswered = error instanceof StanzaError && ['disconnected', 'timeout'].includes(error.condition)
      // A refused ping has been answered in its turn all the same.
      if (!unanswered) arrived()
      else if (this.arriving === jid) {
        this.arriving = undefined
        this.conclude(true)
      }
    })
  }

  private announce(): void {
    this.seenAs = this.visibility
    // RFC 6121 §4.7.2.3: with a negative priority no message for the account is routed to us; `dnd` tells people.
    const show = xml('show', {}, 'dnd')
    const priority = xml('priority', {}, '-1')
    const status = xml('status', {}, 'Overture: no chat here')
    this.stanzas.send(xml('presence', {}, show, priority, status, ...greeterMark(this.visibility)))
  }

  /** Only resources of our own account greet for it: who has us as a contact sees nobody else. */
  private withdrawIfExcused(): boolean {
    if (this.seenAs === undefined || this.arriving !== undefined || !this.watch.excuses(this.visibility)) return false
    this.seenAs = undefined
    this.stanzas.send(xml('presence', { type: 'unavailable' }))
    return true
  }

  private conclude(seen: boolean): void {
    for (const listener of this.waiting.splice(0)) listener(seen)
  }

  private handlePresence(presence: Element): void {
    const { type, from } = presence.attrs as { type?: string; from?: string }
    if (from === undefined || from === this.stanzas.jid) return
    // Occupants of rooms choose their nick, which is no resource.
    if (!showsNamespace(from, this.namespaceHash) || presence.getChild('x', MUC_USER_NS) !== undefined) return
    if (type === 'unavailable' || type === 'error') {
      this.watch.note(from, false)
      this.table?.lose(from)
    }
    if (type !== undefined) return
    const endpoint = parseEndpoint(endpointOf('xmpp', from))
    const seen = { elder: this.isElder(from), greeter: isGreeter(presence) }
    const complaint = endpoint === undefined ? 'bad-jid' : this.table?.see(from, endpoint, seen)
    if (complaint !== undefined) this.dropped.set(complaint, (this.dropped.get(complaint) ?? 0) + 1)
    else if (bareOf(from) === bareOf(this.stanzas.jid ?? '')) {
      this.watch.note(from, seen.greeter)
      this.withdrawIfExcused()
    }
  }

  /**
   * Another service's answer to our probe cannot be told from somebody's arrival, so both sides may think the other the
   * elder: both ask, which is better than neither.
   */
  private isElder(from: string): boolean {
    return this.arriving !== undefined || domainOf(from) !== domainOf(this.stanzas.jid ?? '')
  }
}

function bareOf(jid: string): string {
  return (jid.split('/')[0] ?? '').toLowerCase()
}

function domainOf(jid: string): string {
  const bare = bareOf(jid)
  return bare.slice(bare.indexOf('@') + 1)
}
