/** ProgressBar: a line that is drawn over on a terminal; elsewhere, as in a log, a new line now and then. */
export type ProgressBar = { show(done: number, what: string): void; end(): void }

const WIDTH = 30
const REDRAWN_MS = 100
const LOGGED_MS = 10_000

export function progressBar(
  stream: { isTTY?: boolean; write(text: string): unknown },
  name: string,
  clock: () => number = () => performance.now(),
): ProgressBar {
  const everyMs = stream.isTTY ? REDRAWN_MS : LOGGED_MS
  let shownAtMs = clock()
  let drawn = false
  return {
    show(done, what) {
      const nowMs = clock()
      if (nowMs < shownAtMs + everyMs) return
      shownAtMs = nowMs
      const percent = `${Math.floor(100 * done)}`.padStart(3)
      if (!stream.isTTY) {
        stream.write(`${name}: ${what}, ${percent.trim()} %\n`)
        return
      }
      const full = Math.round(WIDTH * done)
      stream.write(`\r\u001b[K${name} ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${percent} %  ${what}`)
      drawn = true
    },
    end() {
      if (drawn) stream.write('\r\u001b[K')
    },
  }
}
