/**
 * Who of our own resources and roster contacts is in the same namespace? The paper's way (§III.B): their presence shows
 * it in the resource (RFC 6121 §4). Needs an account that others share, or contacts; nobody needs to be asked.
 *
 *   unseen --online--> looking --few are listed--> arriving --answered--> seen --enough greet or seek--> unseen
 *     ^                   |                           ^
 *     +--enough are listed+                           +-- shown, greeter -- unseen
 */
import { endpointOf, parseEndpoint } from '../overlay/endpoint.ts'
import { type Rendezvous, type RendezvousEvents, StanzaError, type Stanzas, type Visibility } from '../ports.ts'
import { type Element, xml } from '../xmpp/stanza.ts'
import { CandidateTable } from './candidate-table.ts'
import type { GreeterList } from './greeter-list.ts'
import { ENOUGH_GREETERS, GreeterWatch, greeterMark, isGreeter } from './greeter-watch.ts'
import { bareOf, showsNamespace } from './resource.ts'

const MUC_USER_NS = 'http://jabber.org/protocol/muc#user'
const DELAY_NS = 'urn:xmpp:delay'
/** From so many on they are listed, and newcomers are not shown to all of them. A guess: half of what a ring calls a crowd. */
export const LISTED_FROM = 12

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
  private readonly listeners: (() => void)[] = []
  private mayStandBehind: boolean | undefined
  private readonly list: GreeterList | undefined
  /** The list is being read. */
  private looking: string | undefined

  /** `list`: where those are kept who greet for the account; without it they are found by presence alone. */
  constructor(stanzas: Stanzas, namespaceHash: string, list?: GreeterList) {
    this.stanzas = stanzas
    this.list = list
    this.namespaceHash = namespaceHash
  }

  start(events: RendezvousEvents): void {
    if (this.table !== undefined) throw new Error('This rendezvous is started already.')
    this.table = new CandidateTable(events)
    this.stops = [
      this.stanzas.onPresence((presence) => this.handlePresence(presence)),
      this.stanzas.onOnline((jid) => {
        this.seenAs = undefined
        this.mayStandBehind = undefined
        this.come(jid)
      }),
    ]
  }

  show(visibility: Visibility): void {
    this.visibility = visibility
    const { jid } = this.stanzas
    if (jid === undefined || this.table === undefined) return
    if (this.seenAs === undefined) this.come(jid)
    else if (!this.withdrawIfExcused() && (visibility === 'greeter') !== (this.seenAs === 'greeter')) this.announce()
    this.keepInStep()
  }

  get isSeen(): boolean {
    return this.seenAs !== undefined
  }

  /** Whether enough others of our account are seen in our place; undefined until that is known. */
  get represented(): boolean | undefined {
    return this.mayStandBehind
  }

  /** `represented` has changed. */
  onRepresented(listener: () => void): void {
    this.listeners.push(listener)
  }

  stop(): void {
    if (this.table === undefined) return
    for (const stop of this.stops.splice(0)) stop()
    this.table = undefined
    this.arriving = undefined
    this.looking = undefined
    this.list?.stop()
    if (this.stanzas.jid !== undefined) this.stanzas.send(xml('presence', { type: 'unavailable' }))
    this.seenAs = undefined
  }

  private come(jid: string): void {
    // Who was excused before the service lost us is so still.
    if (this.visibility === 'quiet') this.standBehind(true)
    else if (this.visibility === 'newcomer' && this.list) this.look(jid, this.list)
    else this.appear(jid)
  }

  /** Who is listed may be gone; when they do not let us in, our node wants us to be seen, and the list is void. */
  private look(jid: string, list: GreeterList): void {
    this.looking = jid
    void list.read().then((listed) => {
      if (this.looking !== jid) return
      this.looking = undefined
      if (listed.length < ENOUGH_GREETERS) {
        this.appear(jid)
        return
      }
      for (const each of listed) this.see(each, { elder: true, greeter: true })
      this.standBehind(true)
    })
  }

  private appear(jid: string): void {
    this.looking = undefined
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
      this.keepInStep()
    }
    this.stanzas.request({ type: 'get', to: this.stanzas.domain, child }).then(arrived, (error) => {
      const unanswered = error instanceof StanzaError && ['disconnected', 'timeout'].includes(error.condition)
      // A refused ping has been answered in its turn all the same.
      if (!unanswered) arrived()
      else if (this.arriving === jid) {
        this.arriving = undefined
        this.keepInStep()
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

  /** Whoever is seen may change who is to write the list, and who goes to rooms for our account. */
  private keepInStep(): void {
    const { list, watch, stanzas, seenAs } = this
    const { jid } = stanzas
    if (jid === undefined || this.arriving !== undefined || this.looking !== undefined) return
    this.standBehind(seenAs === undefined || watch.standsBehind(jid, seenAs === 'greeter'))
    if (!list || seenAs === undefined) return
    const hosts = watch.hosts(jid, seenAs === 'greeter')
    if (hosts.length >= (list.isKept ? ENOUGH_GREETERS : LISTED_FROM)) list.keep(jid, hosts)
    else if (list.isKept && this.visibility !== 'newcomer') list.clear()
  }

  /** Only resources of our own account greet for it: who has us as a contact sees nobody else. */
  private withdrawIfExcused(): boolean {
    const { jid } = this.stanzas
    if (this.seenAs === undefined || jid === undefined) return false
    const { visibility, watch } = this
    const isExcused = this.arriving === undefined && watch.excuses(jid, visibility)
    // A newcomer that has found no list of greeters finds those of a crowd who are seen, as who is seeking does.
    const seeks = visibility === 'seeking' || (visibility === 'newcomer' && this.list !== undefined)
    if (!isExcused && !(seeks && watch.excuses(jid, 'seeking'))) return false
    this.seenAs = undefined
    this.list?.stop()
    this.stanzas.send(xml('presence', { type: 'unavailable' }))
    return true
  }

  private standBehind(mayStandBehind: boolean): void {
    if (mayStandBehind === this.mayStandBehind) return
    this.mayStandBehind = mayStandBehind
    for (const listener of this.listeners) listener()
  }

  private handlePresence(presence: Element): void {
    const { type, from } = presence.attrs as { type?: string; from?: string }
    if (from === undefined || from === this.stanzas.jid) return
    // Occupants of rooms choose their nick, which is no resource.
    if (!showsNamespace(from, this.namespaceHash) || presence.getChild('x', MUC_USER_NS) !== undefined) return
    if (type === 'unavailable' || type === 'error') {
      this.watch.lose(from)
      this.table?.lose(from)
      this.keepInStep()
    }
    if (type !== undefined) return
    const seen = { elder: this.isElder(from, presence), greeter: isGreeter(presence) }
    if (!this.see(from, seen) || bareOf(from) !== bareOf(this.stanzas.jid ?? '')) return
    this.watch.see(from, seen.greeter)
    this.withdrawIfExcused()
    this.keepInStep()
  }

  private see(jid: string, seen: { elder: boolean; greeter: boolean }): boolean {
    const endpoint = parseEndpoint(endpointOf('xmpp', jid))
    const complaint = endpoint === undefined ? 'bad-jid' : this.table?.see(jid, endpoint, seen)
    if (complaint === undefined) return true
    this.dropped.set(complaint, (this.dropped.get(complaint) ?? 0) + 1)
    return false
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
  const bare = bareOf(jid)
  return bare.slice(bare.indexOf('@') + 1)
}
