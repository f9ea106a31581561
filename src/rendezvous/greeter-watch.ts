/**
 * Greeter watch: who shows itself here on behalf of a ring of many? Where enough do, nobody else need be seen: every other
 * presence would be told to all, n² stanzas for n who come.
 */
import type { Visibility } from '../ports.ts'
import type { Element } from '../xmpp/stanza.ts'
import { xml } from '../xmpp/stanza.ts'

/** A guess: half of the greeters of a ring, so that enough are left when some go at once. */
export const ENOUGH_GREETERS = 8
/**
 * Of those whom nobody lets in so many are seen, the first by name, and the others find these: else the presence of a crowd
 * that cannot get in takes all of a service's time, and nobody gets in. A guess: as many as a crowd has greeters, and half.
 */
export const ENOUGH_SEEKERS = 24
const NS = 'urn:overture:rendezvous:0'

/** What a presence carries of somebody who is to be seen so. */
export function greeterMark(visibility: Visibility): Element[] {
  return visibility === 'greeter' ? [xml('greeter', { xmlns: NS })] : []
}

export function isGreeter(presence: Element): boolean {
  return presence.getChild('greeter', NS) !== undefined
}

/** Only those who are counted as candidates are noted here, so it is bounded as their table is. */
export class GreeterWatch {
  private readonly greets = new Map<string, boolean>()
  private count = 0

  see(name: string, greeter: boolean): void {
    this.lose(name)
    this.greets.set(name, greeter)
    if (greeter) this.count++
  }

  lose(name: string): void {
    if (this.greets.get(name)) this.count--
    this.greets.delete(name)
  }

  forget(): void {
    this.greets.clear()
    this.count = 0
  }

  /** Whether one who is to be seen so under this name may go unseen here. */
  excuses(own: string, visibility: Visibility): boolean {
    if (visibility === 'seeking') return this.countBefore(own, ENOUGH_SEEKERS) >= ENOUGH_SEEKERS
    return (visibility === 'newcomer' || visibility === 'quiet') && this.count >= ENOUGH_GREETERS
  }

  /** Those whom a newcomer had best ask, ourselves included if we are one: greeters, or all where too few greet. */
  hosts(own: string, weGreet: boolean): string[] {
    const greetersOnly = this.count + (weGreet ? 1 : 0) >= ENOUGH_GREETERS
    const hosts = !greetersOnly || weGreet ? [own] : []
    for (const [name, greets] of this.greets) if (greets || !greetersOnly) hosts.push(name)
    return hosts
  }

  /**
   * Whether the first by name, enough of them, are others: they do for all what one alone would do, and each knows by
   * itself who they are.
   */
  standsBehind(own: string, weGreet: boolean): boolean {
    let before = 0
    let isHost = false
    for (const host of this.hosts(own, weGreet)) {
      if (host === own) isHost = true
      else if (host < own) before++
    }
    return !isHost || before >= ENOUGH_GREETERS
  }

  private countBefore(own: string, enough: number): number {
    if (this.greets.size < enough) return 0
    let before = 0
    for (const name of this.greets.keys()) if (name < own && ++before >= enough) break
    return before
  }
}
