/**
 * Requests: ask a node and be answered, over packets that may be lost.
 *
 *   pending --reply--> done
 *      |  ^
 *      |  +-- deadline: sent again, a few times, each wait twice as long
 *      +----- last deadline --> failed
 *
 * The answerer keeps its replies for a while: a request that arrives twice is answered twice but acted on once.
 */
import type { Address } from './address.ts'
import type { TimerProfile } from './timer-profile.ts'
import type { Reply } from './wire.ts'

/** Of ours. A guess: some lookups at once beside all that keeps the ring. */
export const MAX_PENDING = 256
/** Replies kept. Who asks so much that others' are forgotten makes us act on theirs twice, which does no harm. */
const MAX_ANSWERED = 512
/** About as long as a requester keeps asking: 1 + 2 + 4 s. */
const ANSWER_KEPT_MS = 10_000

/** Hears the reply and who gave it. */
type Answered<R> = (reply: R | undefined, from?: Address) => void

type Pending<R> = {
  attempts: number
  resends: number
  deadlineMs: number
  send: () => void
  done: Answered<R>
}

export class Requests<R extends { id: number } = Reply> {
  private readonly pending = new Map<number, Pending<R>>()
  private readonly answered = new Map<string, { reply: Uint8Array; untilMs: number }>()
  private readonly timers: TimerProfile['request']
  private readonly count: (reason: string) => void
  private lastId = 0

  constructor(timers: TimerProfile['request'], count: (reason: string) => void) {
    this.timers = timers
    this.count = count
  }

  get deadlineMs(): number | undefined {
    let earliest: number | undefined
    for (const { deadlineMs } of this.pending.values()) {
      if (earliest === undefined || deadlineMs < earliest) earliest = deadlineMs
    }
    return earliest
  }

  /** `done` is called once, with undefined when no answer came or too many wait already. */
  ask(nowMs: number, send: (id: number) => void, done: Answered<R>, resends = this.timers.resends): void {
    if (this.pending.size >= MAX_PENDING) {
      this.count('request: too many at once')
      done(undefined)
      return
    }
    this.lastId = (this.lastId + 1) >>> 0
    const id = this.lastId
    const deadlineMs = nowMs + this.timers.firstTimeoutMs
    this.pending.set(id, { attempts: 1, resends, deadlineMs, send: () => send(id), done })
    send(id)
  }

  /** False for a reply that nobody waits for. */
  handleReply(reply: R, from?: Address): boolean {
    const pending = this.pending.get(reply.id)
    if (!pending) return false
    this.pending.delete(reply.id)
    pending.done(reply, from)
    return true
  }

  /** The reply already given to this request, if it is remembered. */
  earlierAnswer(from: Address, id: number, nowMs: number): Uint8Array | undefined {
    const answer = this.answered.get(`${from}/${id}`)
    return answer && answer.untilMs > nowMs ? answer.reply : undefined
  }

  remember(from: Address, id: number, reply: Uint8Array, nowMs: number): void {
    const key = `${from}/${id}`
    this.answered.delete(key)
    this.answered.set(key, { reply, untilMs: nowMs + ANSWER_KEPT_MS })
    const oldest = this.answered.keys().next().value
    if (this.answered.size > MAX_ANSWERED && oldest !== undefined) this.answered.delete(oldest)
  }

  wake(nowMs: number): void {
    for (const [id, pending] of [...this.pending]) {
      if (pending.deadlineMs > nowMs) continue
      if (pending.attempts > pending.resends) {
        this.pending.delete(id)
        pending.done(undefined)
        continue
      }
      pending.deadlineMs = nowMs + this.timers.firstTimeoutMs * 2 ** pending.attempts
      pending.attempts++
      pending.send()
    }
  }
}
