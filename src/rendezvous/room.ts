/**
 * Who else of this namespace uses this service? For strangers to each other: they meet in a room named by the hash of
 * the namespace (XEP-0045), where each shows its full JID.
 *
 * The room is sought at `conference.<domain>`, where most services have it, without asking first: one round trip
 * instead of three. Where that is refused or slow, the service is asked, and a room that it has elsewhere is joined, too.
 */
import type { Clock, Random, Rendezvous, RendezvousEvents, Stanzas, Visibility } from '../ports.ts'
import { CandidateTable } from './candidate-table.ts'
import { RoomMembership } from './room-membership.ts'
import { findRoomService } from './room-services.ts'

export const GUESSED_LABEL = 'conference' // Prosody, ejabberd, Openfire and Tigase ship examples or defaults with it.
const GUESS_PATIENCE_MS = 1_000 // A guess: a service that looks for a remote domain in vain takes longer.

export type RoomOptions = {
  stanzas: Stanzas
  namespaceHash: string
  clock: Clock
  random: Random
  /** The domain of the rooms, where it is known; it may be another service's. */
  rooms?: string | undefined
  /** Whether others of our account are in the room for it; not given where we are alone in ours. */
  account?: Representation
}

export type Representation = {
  /** Undefined until it is known. */
  readonly represented: boolean | undefined
  onRepresented(changed: () => void): void
}

export class RoomRendezvous implements Rendezvous {
  readonly name = 'room'
  readonly dropped = new Map<string, number>()
  private readonly options: RoomOptions
  private readonly memberships = new Map<string, RoomMembership>()
  private table: CandidateTable | undefined
  private stops: (() => void)[] = []
  private visibility: Visibility = 'newcomer'
  private seeking = false
  /** Where the service says that its rooms are. */
  private announced: string | undefined
  private cancelPatience: (() => void) | undefined

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
      stanzas.onOnline(() => {
        if (this.belongs) this.appear()
      }),
    ]
    this.options.account?.onRepresented(() => this.review())
  }

  show(visibility: Visibility): void {
    this.visibility = visibility
    this.review()
  }

  get isSeen(): boolean {
    return [...this.memberships.values()].some(({ isOutside }) => !isOutside)
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    for (const membership of this.memberships.values()) membership.leave()
    this.memberships.clear()
    this.cancelPatience?.()
    this.table = undefined
  }

  /** Who was excused before the service lost us is so still. */
  private get belongs(): boolean {
    const { account } = this.options
    return this.visibility !== 'quiet' && (account === undefined || account.represented === false)
  }

  private review(): void {
    const { stanzas, account } = this.options
    if (stanzas.jid === undefined || this.table === undefined) return
    if (this.belongs && this.memberships.size === 0) this.appear()
    for (const membership of this.memberships.values()) {
      if (account?.represented) membership.leave()
      else if (this.belongs || this.visibility === 'quiet') membership.show(this.visibility)
    }
  }

  private appear(): void {
    const { rooms, clock } = this.options
    for (const domain of new Set([rooms ?? this.guess, ...this.memberships.keys()])) this.join(domain)
    this.cancelPatience?.()
    if (rooms === undefined) this.cancelPatience = clock.wakeAt(clock.now() + GUESS_PATIENCE_MS, () => this.seek())
  }

  private seek(): void {
    if (this.seeking || !this.belongs || this.table === undefined || this.memberships.get(this.guess)?.hasBeenInside)
      return
    this.seeking = true
    findRoomService(this.options.stanzas)
      .then((domain) => {
        if (domain === undefined) return
        this.announced = domain
        if (!this.memberships.has(domain)) this.join(domain)
      })
      .finally(() => {
        this.seeking = false
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
      const refused = () => this.handleRefusal(domain)
      membership = new RoomMembership({ stanzas, clock, random, room, table, drop, refused })
      this.memberships.set(domain, membership)
    }
    membership.enter(this.visibility)
  }

  private handleRefusal(domain: string): boolean {
    this.drop('join-refused')
    if (domain !== this.guess || this.options.rooms !== undefined) return true
    this.seek()
    // A guess that leads nowhere is given up once the service has said where its rooms are.
    return this.announced === undefined || this.announced === domain
  }

  private drop(reason: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1)
  }
}
