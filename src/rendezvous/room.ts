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
  /** Calls back when it is known whether there is anything to be had by a room; at once where it is not given. */
  whenNeeded?: (enter: () => void) => void
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
      stanzas.onOnline((jid) => {
        // Who was excused before the service lost us is so still.
        if (this.visibility === 'quiet') return
        const { whenNeeded } = this.options
        if (!whenNeeded) this.appear()
        else
          whenNeeded(() => {
            if (stanzas.jid === jid && this.table !== undefined) this.appear()
          })
      }),
    ]
  }

  show(visibility: Visibility): void {
    this.visibility = visibility
    if (this.options.stanzas.jid === undefined || this.table === undefined) return
    // For a newcomer it is its account's presence that decides.
    if (visibility === 'newcomer' && this.options.whenNeeded) return
    if (this.memberships.size === 0 && visibility !== 'quiet') this.appear()
    else for (const membership of this.memberships.values()) membership.show(visibility)
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

  private appear(): void {
    const { rooms, clock } = this.options
    for (const domain of new Set([rooms ?? this.guess, ...this.memberships.keys()])) this.join(domain)
    this.cancelPatience?.()
    if (rooms === undefined) this.cancelPatience = clock.wakeAt(clock.now() + GUESS_PATIENCE_MS, () => this.seek())
  }

  private seek(): void {
    if (this.seeking || this.table === undefined || this.memberships.get(this.guess)?.inside) return
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
      const seenElsewhere = this.options.whenNeeded !== undefined
      membership = new RoomMembership({ stanzas, clock, random, room, table, seenElsewhere, drop, refused })
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
