import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DRAW_EVERY_MS, paced } from './change-pace.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('what changes', () => {
  test('is drawn at once when nothing was drawn lately', () => {
    const draw = vi.fn()
    const changed = paced(draw)
    changed()
    vi.advanceTimersByTime(DRAW_EVERY_MS)
    changed()
    expect(draw).toHaveBeenCalledTimes(2)
  })

  test('in a burst is drawn once more, and never left undrawn', () => {
    const draw = vi.fn()
    const changed = paced(draw)
    for (let count = 0; count < 50; count++) {
      changed()
      vi.advanceTimersByTime(1)
    }
    expect(draw).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(DRAW_EVERY_MS)
    expect(draw).toHaveBeenCalledTimes(2)
    vi.advanceTimersByTime(10 * DRAW_EVERY_MS)
    expect(draw).toHaveBeenCalledTimes(2)
  })
})
