/**
 * OuterRing: the public ring that this page is in, so that spaces can open inside it. Joined when the first link asks for it,
 * and left with the page: the next space finds it standing.
 */
import type { Ring, Snapshot } from '../peer/ring.ts'
import type { XmppOptions } from './entrance.ts'

type JoinRing = (namespace: string, xmpp: XmppOptions) => Promise<Ring>

export class OuterRing {
  readonly #join: JoinRing
  #joined: { name: string; ring: Promise<Ring> } | undefined
  #ring: Ring | undefined

  constructor(join: JoinRing) {
    this.#join = join
  }

  /** The ring of that name, met at that service; whoever asks for another leaves the one before. Rejects as `join` does. */
  async join(namespace: string, xmpp: XmppOptions): Promise<Ring> {
    const name = [namespace, xmpp.service, xmpp.domain, xmpp.jid].join(' ')
    if (this.#joined?.name !== name) {
      this.leave()
      const joined = { name, ring: this.#join(namespace, xmpp) }
      this.#joined = joined
      joined.ring.then(
        (ring) => {
          if (this.#joined === joined) this.#ring = ring
        },
        () => {
          if (this.#joined === joined) this.#joined = undefined
        },
      )
    }
    return this.#joined?.ring as Promise<Ring>
  }

  /** Undefined while we are in none. */
  snapshot(): Snapshot | undefined {
    return this.#ring?.snapshot()
  }

  leave(): void {
    this.#ring = undefined
    this.#joined?.ring.then(
      (ring) => ring.leave(),
      () => {},
    )
    this.#joined = undefined
  }
}
