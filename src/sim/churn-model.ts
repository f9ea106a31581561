/**
 * ChurnModel: nodes come and go. Sessions are exponential with a given median, arrivals a Poisson process that keeps the
 * number steady. Half of those who go say goodbye; the others are gone without a word, and leave a ghost of a presence.
 */
import type { Inhabitant, World } from './world.ts'

/** Until a service gives a dead socket up: Prosody and ejabberd ping within a minute or so. A guess. */
const GHOST_MS = 60_000

export class ChurnModel {
  readonly counts = { arrived: 0, left: 0, crashed: 0 }
  private readonly world: World
  private readonly meanSessionMs: number
  private readonly meanGapMs: number
  private stopped = false

  /** The nodes that are there already have sessions, too: what is left of one is as long as a new one. */
  constructor(world: World, medianSessionMs: number) {
    this.world = world
    this.meanSessionMs = medianSessionMs / Math.LN2
    this.meanGapMs = this.meanSessionMs / world.inhabitants.size
    for (const inhabitant of world.nodes) this.endLater(inhabitant)
    this.arriveLater()
  }

  stop(): void {
    this.stopped = true
  }

  private arriveLater(): void {
    this.after(this.meanGapMs, () => {
      this.counts.arrived++
      this.endLater(this.world.add())
      this.arriveLater()
    })
  }

  private endLater(inhabitant: Inhabitant): void {
    this.after(this.meanSessionMs, () => {
      if (this.world.random() < 0.5) {
        this.counts.left++
        this.world.leave(inhabitant)
      } else {
        this.counts.crashed++
        this.world.crash(inhabitant, 'unnoticed')
        this.world.clock.callAt(this.world.clock.now() + GHOST_MS, () => this.world.forget(inhabitant))
      }
    })
  }

  private after(meanMs: number, task: () => void): void {
    const { clock, random } = this.world
    clock.callAt(clock.now() - meanMs * Math.log(1 - random()), () => {
      if (!this.stopped) task()
    })
  }
}
