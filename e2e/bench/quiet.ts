/** Waits until the browser uses next to no processor time: what one run leaves behind must not slow down the next. */
import type { Browser, BrowserContext } from '@playwright/test'

const WINDOW_MS = 500
/** Processor seconds per second. */
const QUIET_SHARE = 0.05
const PATIENCE_MS = 30_000

export async function untilQuiet(browser: Browser | BrowserContext): Promise<void> {
  const session = await ('newBrowserCDPSession' in browser
    ? browser
    : (browser.browser() as Browser)
  ).newBrowserCDPSession()
  try {
    const used = async () => {
      const { processInfo } = await session.send('SystemInfo.getProcessInfo')
      return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0)
    }
    const givenUpMs = Date.now() + PATIENCE_MS
    for (let before = await used(); Date.now() < givenUpMs; ) {
      await new Promise((resolve) => setTimeout(resolve, WINDOW_MS))
      const after = await used()
      if ((after - before) / (WINDOW_MS / 1_000) < QUIET_SHARE) return
      before = after
    }
  } finally {
    await session.detach()
  }
}
