/**
 * Shard: a part of a world, in a thread of its own. Nodes of different shards cannot hear of each other within a window of
 * virtual time, since no frame is so quick; so each shard runs a window by itself, and then all meet (conservative
 * parallel simulation: Chandy and Misra 1979, with the network's least delay as lookahead). What happens does not
 * depend on how quick the threads are. It is another world than that of one thread, as chance falls otherwise.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { MODERN, PAPER } from '../overlay/timer-profile.ts'
import { Border, windowMs } from './border.ts'
import { SETTLING_MS } from './form-scenario.ts'
import { counterSums, linkKinds, type Totals, totalsOf } from './meter.ts'
import { connectedShare, FORMING_LIMIT_MS, type ScenarioOptions, worldOf } from './scenario.ts'
import { type MeetingPlace, type Met, ShardMeeting } from './shard-meeting.ts'
import { LOOK_MS, RELAY_DETOUR, type World } from './world.ts'

/** Options as they pass between threads: a profile by its name, and nobody traced. */
export type ShardOptions = Omit<ScenarioOptions, 'profile' | 'traced'> & { profile: 'modern' | 'paper' }

export type ShardTask = { shard: number; place: MeetingPlace; options: ShardOptions }

export type ShardReport =
  | { type: 'progress'; done: number; what: string }
  | { type: 'phase'; what: string; events: number }
  | { type: 'done'; result: ShardResult }

export type ShardResult = {
  formedMs: number | undefined
  held: number
  forming: { from: Totals; to: Totals; kinds: Record<string, number> }
  idle: { from: Totals; to: Totals; kinds: Record<string, number>; counters: Record<string, number> }
  /** What is wrong with the ring as seen from here. */
  why: string | undefined
  virtualMs: number
  events: number
}

class Shard {
  readonly world: World
  private readonly options: ShardOptions
  private readonly border: Border
  private readonly meeting: ShardMeeting
  private readonly looks: number

  constructor({ shard, place, options }: ShardTask) {
    this.options = options
    this.looks = windowMs(options.latencyMs) / LOOK_MS
    this.meeting = new ShardMeeting(place, shard)
    this.border = new Border({
      shard,
      shards: place.shards,
      writerTo: (other) => this.meeting.writerTo(other),
      firstPresencesMs: RELAY_DETOUR * options.latencyMs,
    })
    const profile = options.profile === 'paper' ? PAPER : MODERN
    this.world = worldOf({ ...options, profile, traced: new Set() }, { border: this.border })
  }

  run(): ShardResult {
    const { world, options } = this
    const forming = totalsOf(world)
    world.startTogether(options.nodes)
    const formedMs = this.form()
    const formed = { from: forming, to: totalsOf(world), kinds: linkKinds(world) }
    if (formedMs === undefined || options.minutes <= 0) return this.result(formedMs, formed, totalsOf(world), 0)
    this.advance(SETTLING_MS, 'settling')
    const idle = totalsOf(world)
    const held = this.advance(60_000 * options.minutes, 'idle')
    return this.result(formedMs, formed, idle, held)
  }

  private meet(vote: number): Met {
    return this.meeting.meet(vote, this.world.clock.events, (mail, payload) => this.border.take(mail, payload))
  }

  private form(): number | undefined {
    const { clock } = this.world
    while (clock.now() < FORMING_LIMIT_MS) {
      const startMs = clock.now()
      // A bit for each look that found all here as it should be.
      let vote = 0
      for (let look = 0; look < this.looks; look++) {
        this.world.run(LOOK_MS)
        if (this.world.isOneRing) vote |= 1 << look
      }
      const { votes, events } = this.meet(vote)
      const agreed = votes.reduce((all, vote) => all & vote)
      if (agreed === 0) {
        this.tell({
          type: 'progress',
          done: connectedShare(this.world),
          what: `one ring, ${Math.round(clock.now() / 1_000)} s`,
        })
        continue
      }
      this.tell({ type: 'phase', what: 'forming', events })
      const firstLook = 31 - Math.clz32(agreed & -agreed)
      return startMs + LOOK_MS * (firstLook + 1)
    }
    return undefined
  }

  /** Returns the share of seconds at whose end, in whole windows, the ring was one. */
  private advance(forMs: number, what: string): number {
    const { clock } = this.world
    const fromMs = clock.now()
    let [samples, whole] = [0, 0]
    for (let nextMs = fromMs + 1_000; ; ) {
      this.world.run(LOOK_MS * this.looks)
      const doneMs = clock.now() - fromMs
      const isSample = clock.now() >= nextMs
      const { votes, events } = this.meet(Number(isSample && this.world.isOneRing))
      if (isSample) {
        nextMs += 1_000
        samples++
        if (!votes.includes(0)) whole++
        this.tell({ type: 'progress', done: Math.min(1, doneMs / forMs), what })
      }
      if (doneMs < forMs) continue
      this.tell({ type: 'phase', what, events })
      return whole / samples
    }
  }

  private result(
    formedMs: number | undefined,
    forming: ShardResult['forming'],
    from: Totals,
    held: number,
  ): ShardResult {
    const { world } = this
    return {
      formedMs,
      held,
      forming,
      idle: { from, to: totalsOf(world), kinds: linkKinds(world), counters: counterSums(world) },
      why: world.whyNoRing(),
      virtualMs: world.clock.now(),
      events: world.clock.events,
    }
  }

  /** All shards see the same: one of them tells. */
  private tell(report: ShardReport): void {
    if (this.border.shard === 0) parentPort?.postMessage(report)
  }
}

if (parentPort && workerData) {
  const result = new Shard(workerData as ShardTask).run()
  parentPort.postMessage({ type: 'done', result } satisfies ShardReport)
}
