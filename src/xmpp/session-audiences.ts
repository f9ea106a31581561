/** Who listens to a session, and to what? */
import { Audience } from './audience.ts'
import type { SessionState } from './session-options.ts'
import type { Element } from './stanza.ts'

export class SessionAudiences {
  readonly state: Audience<[state: SessionState]>
  readonly online: Audience<[jid: string]>
  readonly offline: Audience<[]>
  readonly presence: Audience<[presence: Element]>
  readonly message: Audience<[message: Element]>

  /** `failed` gets what a listener threw. */
  constructor(failed: (error: unknown) => void) {
    this.state = new Audience(failed)
    this.online = new Audience(failed)
    this.offline = new Audience(failed)
    this.presence = new Audience(failed)
    this.message = new Audience(failed)
  }
}
