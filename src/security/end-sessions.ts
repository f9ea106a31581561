/**
 * End sessions: with whom we have keys for what goes through others. Of each node the keys in use are kept, those before
 * them for what is late, and those that it has yet to use: only who has sealed something with new keys has them.
 */
import type { Address } from '../overlay/address.ts'
import type { Sealer, SealFault } from '../overlay/sealer.ts'
import { type EndSession, sessionOf } from './end-session.ts'

/** Who was not spoken with for longest is introduced anew. A guess: nobody talks with more at once. */
export const MAX_KNOWN = 256

type Known = { current: EndSession | undefined; previous: EndSession | undefined; fresh: EndSession | undefined }

export class EndSessions implements Sealer {
  private readonly known = new Map<Address, Known>()
  private readonly confirmed: (far: Address) => void

  /** `confirmed`: the far end has used its keys of a session that was fresh. */
  constructor(confirmed: (far: Address) => void) {
    this.confirmed = confirmed
  }

  knows(to: Address): boolean {
    return this.known.get(to)?.current !== undefined
  }

  seal(to: Address, plain: Uint8Array): Uint8Array | undefined {
    const known = this.known.get(to)
    if (known) this.touch(to, known)
    return known?.current?.seal(plain)
  }

  open(from: Address, sealed: Uint8Array): Uint8Array | SealFault {
    const known = this.known.get(from)
    const id = sessionOf(sealed)
    if (id === undefined) return 'forged'
    const session = known && [known.current, known.previous, known.fresh].find((each) => each?.id === id)
    if (!known || !session) return 'unknown session'
    const plain = session.open(sealed)
    if (plain === 'lost') return 'unknown session'
    if (typeof plain === 'string') return plain
    this.touch(from, known)
    if (session === known.fresh) {
      this.use(known, session)
      this.confirmed(from)
    }
    return plain
  }

  /** The far end may not have these keys yet: they are for what it sends. */
  addFresh(far: Address, session: EndSession): void {
    this.of(far).fresh = session
  }

  /** The far end has these keys. */
  add(far: Address, session: EndSession): void {
    this.use(this.of(far), session)
  }

  private use(known: Known, session: EndSession): void {
    known.previous = known.current
    known.current = session
    known.fresh = undefined
  }

  private of(far: Address): Known {
    const known = this.known.get(far) ?? { current: undefined, previous: undefined, fresh: undefined }
    this.touch(far, known)
    const [oldest] = this.known.keys()
    if (this.known.size > MAX_KNOWN && oldest !== undefined) this.known.delete(oldest)
    return known
  }

  private touch(far: Address, known: Known): void {
    this.known.delete(far)
    this.known.set(far, known)
  }
}
