/**
 * Who else of this namespace uses this service? For strangers to each other: they meet in a room named by the hash of
 * the namespace (XEP-0045), where each shows its full JID.
 *
 * The room is sought at `conference.<domain>`, where most services have it, without waiting to be told so. Where the
 * service says that its rooms are elsewhere, that room is joined, too: so all who come to this service meet in one of
 * the two, whichever of the answers they got.
 */
import type { Clock, Random, Rendezvous, RendezvousEvents, Stanzas } from '../ports.ts'
import { CandidateTable } from './candidate-table.ts'
import { RoomMembership } from './room-membership.ts'
import { findRoomService } from './room-services.ts'

const GUESSED_LABEL = 'conference' // Prosody, ejabberd, Openfire and Tigase ship examples or defaults with it.
const LOST_CONDITIONS = [
  'remote-server-not-found',
  'remote-server-timeout',
  'service-unavailable',
  'timeout',
  'unknown',
]

export type RoomOptions = {
  stanzas: Stanzas
  namespaceHash: string
  clock: Clock
  random: Random
  /** The domain of the rooms, where it is known; it may be another service's. */
  rooms?: string | undefined
}

export class RoomRendezvous implements Rendezvous {
  readonly name = 'room'
  readonly dropped = new Map<string, number>()
  private readonly options: RoomOptions
  private readonly memberships = new Map<string, RoomMembership>()
  private table: CandidateTable | undefined
  private stops: (() => void)[] = []
  /** What the service says about where its rooms are, for the present binding. */
  private announced: { jid: string; domain: string | undefined } | undefined

  constructor(options: RoomOptions) {
    this.options = options
  }

  start(events: RendezvousEvents): void {
    if (this.table !== undefined) throw new Error('This rendezvous is started already.')
    const { stanzas } = this.options
    this.table = new CandidateTable(events)
    this.stops = [
      stanzas.onPresence((presence) => {
        for (const membership of this.memberships.values()) membership.handle(presence)
      }),
      stanzas.onOffline(() => {
        for (const membership of this.memberships.values()) membership.pause()
      }),
      stanzas.onOnline((jid) => this.appear(jid)),
    ]
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    for (const membership of this.memberships.values()) membership.leave()
    this.memberships.clear()
    this.table = undefined
  }

  private appear(jid: string): void {
    const { rooms, stanzas } = this.options
    this.announced = undefined
    const likely = rooms ?? this.guess
    for (const domain of new Set([likely, ...this.memberships.keys()])) this.join(domain)
    if (rooms !== undefined) return
    findRoomService(stanzas).then((domain) => {
      if (stanzas.jid !== jid || this.table === undefined) return
      this.announced = { jid, domain }
      if (domain !== undefined && !this.memberships.has(domain)) this.join(domain)
    })
  }

  private get guess(): string {
    return `${GUESSED_LABEL}.${this.options.stanzas.domain}`
  }

  private join(domain: string): void {
    const { stanzas, clock, random, namespaceHash } = this.options
    const { table } = this
    if (table === undefined) return
    let membership = this.memberships.get(domain)
    if (membership === undefined) {
      const room = `${namespaceHash}@${domain}`
      const drop = (reason: string) => this.drop(reason)
      const refused = (condition: string) => this.handleRefusal(domain, condition)
      membership = new RoomMembership({ stanzas, clock, random, room, table, drop, refused })
      this.memberships.set(domain, membership)
    }
    membership.enter()
  }

  /** A guess that leads nowhere is given up once the service has said where its rooms are. */
  private handleRefusal(domain: string, condition: string): boolean {
    this.drop(`refused-${condition}`)
    const elsewhere = this.announced?.domain !== undefined && this.announced.domain !== domain
    return !(elsewhere && domain === this.guess && LOST_CONDITIONS.includes(condition))
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
