/**
 * CarefulFinder: which node is nearest to a key, should somebody on the way say what is not so? Whoever passes a question
 * on can answer it in any name, and nobody can tell. But it must be on the way.
 *
 *   asked over two first hops --both the same--------------------------> found
 *                             --two answers, one, or none--> the nearest of them, and of our own links, is asked for
 *                               directly, over two hops that did not name it --answers over either--> found
 *                                                                            --silent--> the next one is
 *
 * The two hops lie on either side of the key where there are such, and neither is known to have a link to the other, so
 * that their ways are two for as long as can be.
 */
import { type Address, isNodeAddress, nearer } from './address.ts'
import type { Connection } from './connection.ts'
import { nearestOn } from './connection-table.ts'
import type { NodeCore } from './node-core.ts'
import type { Requests } from './requests.ts'
import { NO_ROLES } from './role.ts'
import { routableFrame } from './routable-frame.ts'
import { encodeRequest, type Mode } from './wire.ts'

/** Of each question. A way that swallows it stays as it is; what was lost in between finds another. */
const RESENDS = 2
/** First hops looked at for the second way, on each side of the key. A guess. */
const LOOKED_AT = 8
/** Over so many others who was named is asked for. One alone would let whoever is on it deny everybody. */
const WITNESSES = 2

type Found = (address: Address | undefined) => void
type Answer = { from: Address; over: Address | undefined }

export class CarefulFinder {
  private readonly core: NodeCore
  private readonly requests: Requests

  constructor(core: NodeCore, requests: Requests) {
    this.core = core
    this.requests = requests
  }

  /** `found` is called once, at once where it is ourselves. */
  find(key: Address, found: Found): void {
    const { core } = this
    if (!isNodeAddress(key)) {
      found(undefined)
      return
    }
    const own = core.table.nearestTo(key)
    if (own === core.config.address) {
      found(own)
      return
    }
    const hops = this.hopsTo(key).slice(0, 2)
    const answers: Answer[] = []
    let waiting = hops.length
    for (const over of hops) {
      this.ask(key, 'greedy', over, (from) => {
        if (from) answers.push({ from, over })
        if (--waiting === 0) this.compare(key, own, answers, found)
      })
    }
  }

  private compare(key: Address, own: Address, answers: Answer[], found: Found): void {
    const [first, second] = answers
    if (first && second && first.from !== second.from) this.core.count('find: two answers')
    if (first && first.from === second?.from && nearer(key, first.from, own) === first.from) {
      found(first.from)
      return
    }
    const candidates: Answer[] = [...answers, { from: own, over: undefined }]
    candidates.sort((a, b) => (a.from === b.from ? 0 : nearer(key, a.from, b.from) === a.from ? -1 : 1))
    this.askEach(candidates, found)
  }

  /** The first of them that answers for itself. */
  private askEach([candidate, ...rest]: Answer[], found: Found): void {
    if (!candidate || candidate.from === this.core.config.address) {
      found(candidate?.from)
      return
    }
    const { from, over } = candidate
    const others = this.hopsTo(from).filter((hop) => hop !== over && hop !== from)
    // Whom we have a link to needs nobody between.
    const witnesses = this.core.table.get(from) ? [undefined] : others.slice(0, WITNESSES)
    let waiting = witnesses.length
    let isFound = false
    const heard = (answerer: Address | undefined) => {
      waiting--
      if (isFound) return
      if (answerer === from) {
        isFound = true
        found(from)
      } else if (waiting <= 0) {
        this.core.count('find: named, but silent')
        this.askEach(rest, found)
      }
    }
    if (waiting === 0) heard(undefined)
    for (const witness of witnesses) this.ask(from, 'exact', witness, heard)
  }

  private ask(destination: Address, mode: Mode, over: Address | undefined, done: Found): void {
    const { core } = this
    this.requests.ask(
      core.nowMs,
      (id) => {
        const request = { id, via: undefined, method: 'find', role: NO_ROLES, endpoints: [], forwarders: [] } as const
        const payload = encodeRequest({ ...request, endpoints: [], forwarders: [] })
        const packet = { mode, body: 'request', destination, payload } as const
        const isThere = over !== undefined && core.table.get(over)?.active !== undefined
        if (!isThere) core.sendPacket(packet)
        else {
          const inner = routableFrame(core, packet)
          core.sendPacket({ mode: 'exact', body: 'forward', destination: over, payload: inner })
        }
      },
      (_, from) => done(from),
      RESENDS,
    )
  }

  /** Our links nearest to the key: the best, the best of those that share no link with it, and the others. */
  private hopsTo(key: Address): Address[] {
    const { table } = this.core
    const routable = table.routable()
    const left = nearestOn(routable, key, 'left', LOOKED_AT)
    const right = nearestOn(routable, key, 'right', LOOKED_AT)
    const isLeft = (left[0] && nearer(key, left[0], right[0] ?? left[0])) === left[0]
    const [near, beyond] = isLeft ? [left, right] : [right, left]
    const [first] = near
    if (!first) return []
    const others = [...new Set([...beyond, ...near])].filter((address) => address !== first)
    const second = others.find((address) => !this.share(first, address)) ?? others[0]
    return second ? [first, second, ...others.filter((address) => address !== second)] : [first]
  }

  private share(a: Address, b: Address): boolean {
    const { table } = this.core
    const names = (by: Address, address: Address) => isNamed(table.get(by), address)
    return names(a, b) || names(b, a)
  }
}

function isNamed(by: Connection | undefined, address: Address): boolean {
  return by !== undefined && (by.status.neighbours.includes(address) || by.links.includes(address))
}
