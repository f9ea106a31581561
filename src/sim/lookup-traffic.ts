/**
 * LookupTraffic: is a key found at the node that is nearest to it, while nodes come and go? Each lookup is the node's own:
 * a request that is routed through the ring, with what it meets there, and the reply of whoever it was delivered to.
 */
import { nodeAddress } from '../overlay/address.ts'
import { isOwner } from './membership.ts'
import type { Inhabitant, World } from './world.ts'

type Lookup = { from: Inhabitant; done: boolean }

export class LookupTraffic {
  private readonly world: World
  private readonly lookups: Lookup[] = []
  private right = 0
  private wrong = 0
  private unanswered = 0
  private answerMs = 0

  constructor(world: World) {
    this.world = world
  }

  /** Those whose sender was gone before an answer are in none of these. */
  get counts(): { asked: number; right: number; wrong: number; unanswered: number; meanAnswerMs: number } {
    const waiting = this.lookups.filter(({ from, done }) => !done && !from.gone).length
    const { right, wrong, unanswered } = this
    const meanAnswerMs = Math.round(this.answerMs / Math.max(1, right + wrong))
    return { asked: right + wrong + unanswered + waiting, right, wrong, unanswered: unanswered + waiting, meanAnswerMs }
  }

  /** From a member at random to a key at random. */
  ask(from: Inhabitant): void {
    const { world } = this
    const key = nodeAddress(Uint8Array.from({ length: 20 }, () => Math.floor(256 * world.random())))
    const askedAtMs = world.clock.now()
    const lookup = { from, done: false }
    this.lookups.push(lookup)
    from.driver.find(key, (address) => {
      lookup.done = true
      if (address === undefined) {
        this.unanswered++
        return
      }
      this.answerMs += world.clock.now() - askedAtMs
      if (isOwner(world, address, key)) this.right++
      else this.wrong++
    })
  }
}
