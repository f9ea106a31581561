/**
 * Greeter watch: who shows itself here on behalf of a ring of many? Where enough do, nobody else need be seen: every other
 * presence would be told to all, n² stanzas for n who come.
 */
import type { Visibility } from '../ports.ts'
import type { Element } from '../xmpp/stanza.ts'
import { xml } from '../xmpp/stanza.ts'

/** A guess: half of the greeters of a ring, so that enough are left when some go at once. */
export const ENOUGH_GREETERS = 8
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
  private readonly greeters = new Set<string>()

  note(name: string, greeter: boolean): void {
    if (greeter) this.greeters.add(name)
    else this.greeters.delete(name)
  }

  get names(): ReadonlySet<string> {
    return this.greeters
  }

  forget(): void {
    this.greeters.clear()
  }

  /** Whether one who wants to be seen so may go unseen here; a greeter only when it is seen elsewhere. */
  excuses(visibility: Visibility, seenElsewhere = false): boolean {
    const mayGo = visibility === 'newcomer' || visibility === 'quiet' || (visibility === 'greeter' && seenElsewhere)
    return mayGo && this.greeters.size >= ENOUGH_GREETERS
  }
}
