/** What a page learns of its own life: hidden or shown, back from sleep or offline, about to go. Nothing of it in Node. */
export interface PageEvents {
  hidden(hidden: boolean): void
  /** The network is back, or the page runs again after a pause: what was known to live may not. */
  awake(): void
  /** The last moment at which something can be said. */
  leaving(): void
}

/** Returns what stops listening. */
export function pageEvents(events: PageEvents): () => void {
  if (typeof document === 'undefined') return () => undefined
  const onVisibility = () => events.hidden(document.visibilityState === 'hidden')
  const onAwake = () => events.awake()
  const onLeaving = () => events.leaving()
  document.addEventListener('visibilitychange', onVisibility)
  document.addEventListener('resume', onAwake)
  addEventListener('online', onAwake)
  addEventListener('pagehide', onLeaving)
  if (document.visibilityState === 'hidden') onVisibility()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    document.removeEventListener('resume', onAwake)
    removeEventListener('online', onAwake)
    removeEventListener('pagehide', onLeaving)
  }
}
