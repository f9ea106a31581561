/**
 * Outbox: what an application says leaves in the order in which it says it, though some of it has to be signed first,
 * which takes a moment. While nothing is being signed, nothing waits. Who leaves has the rest signed on the spot.
 */

/** What waits at once; beyond it all of it is signed on the spot, and the application's page waits instead. A guess. */
export const MAX_WAITING = 64

/** Bytes that take a moment to make: those that come of it, or the same at once and for more. */
export type Soon = { soon: Promise<Uint8Array>; now: () => Uint8Array }

type Entry = { isReady: boolean; act: () => void }

export class Outbox {
  private readonly entries: Entry[] = []

  /** Whether something waits, and so what is said now will have to. */
  get waits(): boolean {
    return this.entries.length > 0
  }

  /** Does it once all that was said before has left: at once, where nothing waits. */
  say(act: () => void): void {
    if (this.waits) this.push({ isReady: true, act })
    else act()
  }

  /** The same with bytes that are yet to be made. */
  sayWhenMade({ soon, now }: Soon, act: (bytes: Uint8Array) => void): void {
    const entry: Entry = { isReady: false, act: () => act(now()) }
    this.push(entry)
    const ready = () => {
      entry.isReady = true
      this.proceed()
    }
    soon.then((bytes) => {
      entry.act = () => act(bytes)
      ready()
    }, ready)
  }

  /** All that waits leaves before this returns. */
  flush(): void {
    for (const { act } of this.entries.splice(0)) act()
  }

  private push(entry: Entry): void {
    this.entries.push(entry)
    if (this.entries.length > MAX_WAITING) this.flush()
  }

  private proceed(): void {
    while (this.entries[0]?.isReady) this.entries.shift()?.act()
  }
}
