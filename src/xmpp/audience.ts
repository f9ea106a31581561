/** Audience: who wants to be told? One listener's fault must not keep the others from hearing. */
export class Audience<Args extends unknown[]> {
  private readonly listeners = new Set<(...args: Args) => void>()
  private readonly failed: (error: unknown) => void

  constructor(failed: (error: unknown) => void) {
    this.failed = failed
  }

  /** Returns what stops it. */
  add(listener: (...args: Args) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Also those who stop listening while others are told. */
  tell(...args: Args): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(...args)
      } catch (error) {
        this.failed(error)
      }
    }
  }
}
