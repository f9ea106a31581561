/**
 * Are we in this room, and who else is? One room of multi-user chat, joined and held (XEP-0045 §7).
 *
 *   outside --enter--> joining --self-presence--> inside
 *                        | ^                        |
 *        refused, silent | | deadline               | removed
 *                        v |                        |
 *                      waiting <--------------------'
 *
 *   inside --enough greet for us--> outside, until we are to be seen
 */
import { endpointOf, parseEndpoint } from '../overlay/endpoint.ts'
import { type Clock, type Random, StanzaError, type Stanzas, type Visibility } from '../ports.ts'
import { Backoff, type BackoffLimits } from '../xmpp/backoff.ts'
import { randomText } from '../xmpp/random-text.ts'
import type { Element } from '../xmpp/stanza.ts'
import type { CandidateTable } from './candidate-table.ts'
import { GreeterWatch } from './greeter-watch.ts'
import { isFullJid, showsNamespace } from './resource.ts'
import {
  changedPresence,
  joinPresence,
  leavePresence,
  type RoomPresence,
  readRoomPresence,
  unlockForm,
} from './room-xml.ts'

const JOIN_TIMEOUT_MS = 10_000 // A guess: a room on another service, which has to be connected first.
const BACKOFF: BackoffLimits = { firstMs: 500, capMs: 60_000 } // A guess: a room may be locked for a moment by its creator.
const NICK_LENGTH = 12 // 60 bits: nobody else has it.
const MAX_NICK_CONFLICTS = 3 // In a row; chance gives not even two.

type State =
  | { name: 'outside' }
  | { name: 'joining'; nick: string; cancel: () => void }
  | { name: 'inside'; nick: string }
  | { name: 'waiting'; cancel: () => void }

export type MembershipOptions = {
  stanzas: Stanzas
  clock: Clock
  random: Random
  /** The bare JID. */
  room: string
  table: CandidateTable
  drop: (reason: string) => void
  /** A try to join came to nothing; returns whether to try again later. */
  refused: () => boolean
}

export class RoomMembership {
  /** Since the service took us in the last time: the room is where it was sought. */
  hasBeenInside = false
  private readonly options: MembershipOptions
  private readonly backoff: Backoff
  private state: State = { name: 'outside' }
  private nickConflicts = 0
  private visibility: Visibility = 'newcomer'
  /** What the room has been told. */
  private seenAs: Visibility = 'newcomer'
  private readonly watch = new GreeterWatch()

  constructor(options: MembershipOptions) {
    this.options = options
    this.backoff = new Backoff(BACKOFF, options.random)
  }

  get isOutside(): boolean {
    return this.state.name === 'outside'
  }

  /** How to be seen from now on. */
  show(visibility: Visibility): void {
    this.visibility = visibility
    if (this.state.name === 'outside' && visibility !== 'quiet') this.enter()
    else this.keepInStep()
  }

  /** Joins, whatever was before: the service knows nothing of us under this binding. */
  enter(visibility = this.visibility): void {
    this.visibility = visibility
    const { stanzas, clock, random, room, table } = this.options
    const { jid } = stanzas
    if (jid === undefined) return
    this.cancel()
    table.renew((name) => this.isMine(name))
    this.watch.forget()
    const nick = randomText(random, NICK_LENGTH)
    const cancel = clock.wakeAt(clock.now() + JOIN_TIMEOUT_MS, () => this.handleRefusal('timeout'))
    this.state = { name: 'joining', nick, cancel }
    this.seenAs = visibility
    stanzas.send(joinPresence(room, nick, jid, visibility))
  }

  leave(): void {
    const { state } = this
    this.cancel()
    this.state = { name: 'outside' }
    if ('nick' in state && this.options.stanzas.jid !== undefined) {
      this.options.stanzas.send(leavePresence(this.options.room, state.nick))
    }
  }

  /** The binding is gone, and the service takes us out of the room. Those whom we saw may live on. */
  pause(): void {
    this.cancel()
    this.state = { name: 'outside' }
    this.hasBeenInside = false
  }

  handle(presence: Element): void {
    const { state } = this
    if (state.name !== 'joining' && state.name !== 'inside') return
    const said = readRoomPresence(presence, this.options.room)
    if (said === undefined) return
    switch (said.type) {
      case 'error':
        if (state.name === 'joining') this.handleRefusal(said.condition)
        return
      case 'absent':
        if (said.self || said.nick === state.nick) this.handleRemoval()
        else {
          this.watch.lose(said.nick)
          this.options.table.lose(this.sightingOf(said.nick))
        }
        return
      case 'present':
        // XEP-0045 §7.2.8: a room may give us another nick than we asked for, and says so with code 110.
        if (said.self || said.nick === state.nick) this.handleSelf(said.nick, said.created)
        else this.handleOccupant(said)
    }
  }

  private handleSelf(nick: string, created: boolean): void {
    const arrived = this.state.name === 'joining'
    this.cancel()
    this.state = { name: 'inside', nick }
    this.hasBeenInside = true
    this.backoff.reset()
    this.nickConflicts = 0
    if (created) this.unlock()
    // XEP-0045 §7.2.2: our own presence is the last of those that show who is there.
    if (!arrived) return
    this.options.table.settle((name) => this.isMine(name))
    this.keepInStep()
  }

  private handleOccupant({ nick, jid, vouched, greeter }: Extract<RoomPresence, { type: 'present' }>): void {
    const { stanzas, table, drop, room } = this.options
    // Somebody who is here for another purpose.
    if (jid === undefined) return
    // A ghost of ours, or an occupant that claims to be us.
    if (jid === stanzas.jid) return
    // The room is named by the hash of the namespace, and so is the resource of everyone who belongs here.
    if (!vouched && !showsNamespace(jid, room.slice(0, room.indexOf('@')))) {
      drop(isFullJid(jid) ? 'foreign-jid' : 'bad-jid')
      return
    }
    const endpoint = isFullJid(jid) ? parseEndpoint(endpointOf('xmpp', jid)) : undefined
    if (endpoint === undefined) {
      drop('bad-jid')
      return
    }
    const elder = this.state.name === 'joining'
    const complaint = table.see(this.sightingOf(nick), endpoint, { elder, greeter })
    if (complaint !== undefined) drop(complaint)
    else {
      this.watch.see(nick, greeter)
      this.keepInStep()
    }
  }

  /** Inside: goes where others are seen for us, and else is seen as it is to be. */
  private keepInStep(): void {
    const { state, visibility } = this
    const { stanzas, room } = this.options
    if (state.name !== 'inside' || stanzas.jid === undefined) return
    if (this.watch.excuses(state.nick, visibility)) this.leave()
    else if ((visibility === 'greeter') !== (this.seenAs === 'greeter')) {
      this.seenAs = visibility
      stanzas.send(changedPresence(room, state.nick, stanzas.jid, visibility))
    }
  }

  private unlock(): void {
    const { stanzas, room, drop } = this.options
    stanzas.request({ type: 'set', to: room, child: unlockForm() }).catch((error) => {
      // The room is left as the service made it: others may have to wait until it opens.
      if (error instanceof StanzaError) drop('room-not-unlocked')
      else throw error
    })
  }

  private handleRefusal(condition: string): void {
    this.cancel()
    this.state = { name: 'outside' }
    if (condition === 'conflict' && this.nickConflicts < MAX_NICK_CONFLICTS) {
      this.nickConflicts++
      this.enter()
      return
    }
    this.nickConflicts = 0
    if (this.options.refused()) this.retryLater()
  }

  /** Kicked, banned, or the room was destroyed or shut down (XEP-0045 §8.2, §9.1, §10.9). */
  private handleRemoval(): void {
    this.cancel()
    this.retryLater()
  }

  private retryLater(): void {
    const { clock } = this.options
    const cancel = clock.wakeAt(clock.now() + this.backoff.nextMs(), () => this.enter())
    this.state = { name: 'waiting', cancel }
  }

  private cancel(): void {
    if ('cancel' in this.state) this.state.cancel()
  }

  private sightingOf(nick: string): string {
    return `${this.options.room}/${nick}`
  }

  private isMine(sighting: string): boolean {
    return sighting.startsWith(`${this.options.room}/`)
  }
}
