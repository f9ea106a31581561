/** What does the service know of one bound resource? Its presence, and whom it must be missed by when it goes. */
import type { Element } from '../xmpp/stanza.ts'
import type { Account } from './accounts.ts'
import type { StreamCondition } from './errors.ts'
import type { Jid } from './jid.ts'

export type Session = {
  readonly jid: Jid
  readonly account: Account
  /** Sends one frame. Never throws, never calls back in the same turn. */
  readonly deliver: (text: string) => void
  /** Ends the stream with an error. */
  readonly end: (condition: StreamCondition) => void
  /** The last broadcast presence while available. */
  presence: Element | undefined
  /** Asked for its roster, so it gets roster pushes (RFC 6121 §2.1.6). */
  interested: boolean
  /** Who got directed presence and must be told of the end (RFC 6121 §4.6). */
  readonly directed: Set<string>
}

export function priorityOf(session: Session): number {
  const priority = Number.parseInt(session.presence?.getChildText('priority') ?? '0', 10)
  return Number.isInteger(priority) ? priority : 0
}
