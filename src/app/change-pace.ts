/**
 * Change pace: changes come in bursts, most of all while a ring forms, and the page need not be drawn for each: the first
 * is drawn at once, those that follow soon after it together.
 */

/** A guess: short enough to seem at once, and longer than it takes to draw a space on a slow machine. */
export const DRAW_EVERY_MS = 100

/** Calls `draw` for the first change at once, and for all later ones no more often than that. */
export function paced(draw: () => void): () => void {
  let drawnAtMs = Number.NEGATIVE_INFINITY
  let waiting = false
  const now = () => {
    waiting = false
    drawnAtMs = performance.now()
    draw()
  }
  return () => {
    if (waiting) return
    const leftMs = drawnAtMs + DRAW_EVERY_MS - performance.now()
    if (leftMs <= 0) {
      now()
      return
    }
    waiting = true
    setTimeout(now, leftMs)
  }
}
