/**
 * Entrance: are we in the space yet, and if not, what stands in the way and when do we try again?
 *
 *   signing-in --joined--> inside
 *     |   ^  \--refused--> refused --tryNow/use--> signing-in
 *     |   |
 *     +-- waiting (retryable; the delay doubles) --deadline/tryNow/use--> signing-in
 *            \--another tab of this browser is in the space, or waits as we do--> signing-in, if need be without the service
 *
 *   any --close--> closed
 */
import { OvertureError } from '../overture-error.ts'
import type { Ring } from '../peer/ring.ts'

/** Doubles from the first to the last; guesses: quick enough for a restarted server, calm enough for a dead one. */
const FIRST_DELAY_MS = 1_000
const LAST_DELAY_MS = 30_000
/** Each delay is cut by up to this share at random, so that tabs that lost a server together do not return together. */
const JITTER_SHARE = 0.3

export type XmppOptions = { service: string; domain?: string; jid?: string; password?: string }
/** `serviceMayBeAway`: a ring of this browser's tabs will do until the service is back. */
export type Join = (xmpp: XmppOptions, options: { serviceMayBeAway: boolean }) => Promise<Ring>
/** Calls `met` when another tab of this browser is there; returns what ends the wait. */
export type Lobby = (met: () => void) => () => void

export type EntranceState =
  | { name: 'signing-in'; attempt: number; error: Error | undefined }
  | { name: 'waiting'; attempt: number; error: Error; retryAtMs: number }
  | { name: 'refused'; error: Error }
  | { name: 'inside'; ring: Ring }
  | { name: 'closed' }

export class Entrance {
  state: EntranceState = { name: 'signing-in', attempt: 0, error: undefined }
  xmpp: XmppOptions
  readonly #join: Join
  readonly #onChange: () => void
  readonly #lobby: Lobby
  #leaveLobby = () => {}
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Rises with each attempt, so that an attempt that was overtaken is let go of. */
  #incarnation = 0

  constructor(join: Join, xmpp: XmppOptions, onChange: () => void, lobby: Lobby = () => () => {}) {
    this.#join = join
    this.xmpp = xmpp
    this.#onChange = onChange
    this.#lobby = lobby
  }

  start(): void {
    this.#attempt(0)
  }

  /** Tries again at once, instead of when the countdown ends. */
  tryNow(): void {
    const { state } = this
    if (state.name === 'waiting') this.#attempt(state.attempt, state.error)
    if (state.name === 'refused') this.#attempt(0, state.error)
  }

  /** Tries at once with another service or account. */
  use(xmpp: XmppOptions): void {
    if (this.state.name === 'closed' || this.state.name === 'inside') return
    this.xmpp = xmpp
    this.#attempt(0)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#leaveLobby()
    this.#incarnation++
    this.state = { name: 'closed' }
  }

  /** `error` is what stopped the attempt before, to be shown until this one is decided. */
  #attempt(attempt: number, error?: Error, serviceMayBeAway = false): void {
    clearTimeout(this.#timer)
    this.#leaveLobby()
    const incarnation = ++this.#incarnation
    this.#become({ name: 'signing-in', attempt, error })
    this.#join(this.xmpp, { serviceMayBeAway }).then(
      (ring) => {
        if (incarnation !== this.#incarnation) void ring.leave()
        else this.#become({ name: 'inside', ring })
      },
      (error: unknown) => {
        if (incarnation === this.#incarnation)
          this.#fail(error instanceof Error ? error : new Error(String(error)), attempt)
      },
    )
  }

  #fail(error: Error, attempt: number): void {
    if (!(error instanceof OvertureError && error.retryable)) {
      this.#become({ name: 'refused', error })
      return
    }
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, LAST_DELAY_MS) * (1 - JITTER_SHARE * Math.random())
    this.#timer = setTimeout(() => this.#attempt(attempt + 1, error), delayMs)
    this.#leaveLobby = this.#lobby(() => this.#attempt(attempt + 1, error, true))
    this.#become({ name: 'waiting', attempt: attempt + 1, error, retryAtMs: Date.now() + delayMs })
  }

  #become(state: EntranceState): void {
    this.state = state
    this.#onChange()
  }
}
