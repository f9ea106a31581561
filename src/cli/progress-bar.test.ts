import { expect, test } from 'vitest'
import { progressBar } from './progress-bar.ts'

function stream(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, written, write: (text: unknown) => written.push(String(text)) > 0 }
}

test('a short run shows no progress', () => {
  for (const isTTY of [true, false]) {
    const out = stream(isTTY)
    const bar = progressBar(out, 'form', () => 50)
    bar.show(0.5, 'idle')
    bar.end()
    expect(out.written).toEqual([])
  }
})

test('a long run is a bar on a terminal, which is gone when it ends', () => {
  const out = stream(true)
  let nowMs = 0
  const bar = progressBar(out, 'form', () => nowMs)
  for (const done of [0.25, 0.5]) {
    nowMs += 1_000
    bar.show(done, 'idle')
  }
  bar.end()
  expect(out.written.length).toBe(3)
  expect(out.written[1]).toMatch(/form █{15}░{15} {2}50 % {2}idle$/)
  expect(out.written[2]).toBe('\r\u001b[K')
})

test('elsewhere a long run is a line now and then', () => {
  const out = stream(false)
  let nowMs = 0
  const bar = progressBar(out, 'form', () => nowMs)
  for (; nowMs < 35_000; nowMs += 100) bar.show(nowMs / 35_000, 'idle')
  bar.end()
  expect(out.written).toEqual(['form: idle, 28 %\n', 'form: idle, 57 %\n', 'form: idle, 85 %\n'])
})
