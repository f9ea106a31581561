/**
 * Who of our own resources and roster contacts is in the same namespace? The paper's way (§III.B): their presence shows
 * it in the resource (RFC 6121 §4). Needs an account that others share, or contacts; nobody needs to be asked.
 */
import { endpointOf, parseEndpoint } from '../overlay/endpoint.ts'
import { type Rendezvous, type RendezvousEvents, StanzaError, type Stanzas } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { CandidateTable } from './candidate-table.ts'
import { showsNamespace } from './resource.ts'

const MUC_USER_NS = 'http://jabber.org/protocol/muc#user'
const DELAY_NS = 'urn:xmpp:delay'

export class PresenceRendezvous implements Rendezvous {
  readonly name = 'presence'
  readonly dropped = new Map<string, number>()
  private readonly stanzas: Stanzas
  private readonly namespaceHash: string
  private table: CandidateTable | undefined
  private stops: (() => void)[] = []
  /** Our presence is out, and what came before us is still coming in. */
  private arriving: string | undefined

  constructor(stanzas: Stanzas, namespaceHash: string) {
    this.stanzas = stanzas
    this.namespaceHash = namespaceHash
  }

  start(events: RendezvousEvents): void {
    if (this.table !== undefined) throw new Error('This rendezvous is started already.')
    this.table = new CandidateTable(events)
    this.stops = [
      this.stanzas.onPresence((presence) => this.handlePresence(presence)),
      this.stanzas.onOnline((jid) => this.appear(jid)),
    ]
  }

  stop(): void {
    if (this.table === undefined) return
    for (const stop of this.stops.splice(0)) stop()
    this.table = undefined
    this.arriving = undefined
    if (this.stanzas.jid !== undefined) this.stanzas.send(xml('presence', { type: 'unavailable' }))
  }

  private appear(jid: string): void {
    this.arriving = jid
    this.table?.renew(() => true)
    // RFC 6121 §4.7.2.3: with a negative priority no message for the account is routed to us; `dnd` tells people.
    const status = xml('status', {}, 'Overture: no chat here')
    this.stanzas.send(xml('presence', {}, xml('show', {}, 'dnd'), xml('priority', {}, '-1'), status))
    // Presence comes back before or after that of those who were there, as the service likes (Prosody 0.12: before). But
    // it answers in order (RFC 6120 §10.1), so those who were there on this service are known when the answer comes.
    const child = xml('ping', { xmlns: 'urn:xmpp:ping' })
    const arrived = () => {
      if (this.arriving !== jid) return
      this.arriving = undefined
      this.table?.settle((from) => domainOf(from) === domainOf(jid))
    }
    this.stanzas.request({ type: 'get', to: this.stanzas.domain, child }).then(arrived, (error) => {
      const unanswered = error instanceof StanzaError && ['disconnected', 'timeout'].includes(error.condition)
      // A refused ping has been answered in its turn all the same.
      if (!unanswered) arrived()
      else if (this.arriving === jid) this.arriving = undefined
    })
  }

  private handlePresence(presence: Element): void {
    const { type, from } = presence.attrs as { type?: string; from?: string }
    if (from === undefined || from === this.stanzas.jid) return
    // Occupants of rooms choose their nick, which is no resource.
    if (!showsNamespace(from, this.namespaceHash) || presence.getChild('x', MUC_USER_NS) !== undefined) return
    if (type === 'unavailable' || type === 'error') this.table?.lose(from)
    if (type !== undefined) return
    const endpoint = parseEndpoint(endpointOf('xmpp', from))
    const complaint = endpoint === undefined ? 'bad-jid' : this.table?.see(from, endpoint, this.isElder(from, presence))
    if (complaint !== undefined) this.dropped.set(complaint, (this.dropped.get(complaint) ?? 0) + 1)
  }

  /**
   * Who has been there for some time is shown with the time of its presence (XEP-0203), also where the service shows it
   * after its answer, as ejabberd does when it is busy. Another service's answer to our probe need not be told from
   * somebody's arrival, so both sides may think the other the elder: both ask, which is better than neither.
   */
  private isElder(from: string, presence: Element): boolean {
    if (this.arriving !== undefined || presence.getChild('delay', DELAY_NS) !== undefined) return true
    return domainOf(from) !== domainOf(this.stanzas.jid ?? '')
  }
}

function domainOf(jid: string): string {
  const bare = jid.split('/')[0] ?? ''
  return bare.slice(bare.indexOf('@') + 1).toLowerCase()
}
