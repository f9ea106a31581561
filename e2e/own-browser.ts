/** OwnBrowser: a browser of one tab's own, so that the tab can be killed or frozen with everything that it runs on. */
import { readdir, readFile } from 'node:fs/promises'
import { type Browser, type BrowserType, chromium, type Page } from '@playwright/test'

type LaunchOptions = Parameters<BrowserType['launchServer']>[0]

export class OwnBrowser {
  readonly page: Page
  private readonly browser: Browser
  private readonly pid: number
  private readonly end: () => Promise<void>

  private constructor(page: Page, browser: Browser, pid: number, end: () => Promise<void>) {
    this.page = page
    this.browser = browser
    this.pid = pid
    this.end = end
  }

  static async open(options: LaunchOptions): Promise<OwnBrowser> {
    const server = await chromium.launchServer(options)
    const browser = await chromium.connect(server.wsEndpoint())
    const pid = server.process().pid
    if (pid === undefined) throw new Error('A launched browser has a process.')
    return new OwnBrowser(await browser.newPage(), browser, pid, () => server.kill())
  }

  /** Nothing that it runs on gets another turn: no goodbye is said, and the system closes its sockets. */
  async kill(): Promise<void> {
    await this.signal('SIGKILL')
  }

  /** It stops in the middle of everything; its sockets stay open, so that no server notices. */
  async freeze(): Promise<void> {
    await this.signal('SIGSTOP')
  }

  async thaw(): Promise<void> {
    await this.signal('SIGCONT')
  }

  async close(): Promise<void> {
    await this.thaw()
    await this.browser.close().catch(() => {})
    await this.end()
  }

  private async signal(name: NodeJS.Signals): Promise<void> {
    for (const pid of [this.pid, ...(await descendantsOf(this.pid))]) {
      try {
        process.kill(pid, name)
      } catch {
        // It ended by itself in the meantime.
      }
    }
  }
}

async function descendantsOf(ancestor: number): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    // proc(5): the parent is the second field after the name, which stands in parentheses and may hold anything.
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '')
    parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const found: number[] = []
  for (const queue = [ancestor]; queue.length > 0; ) {
    const parent = queue.shift()
    const children = [...parents].filter(([, its]) => its === parent).map(([pid]) => pid)
    found.push(...children)
    queue.push(...children)
  }
  return found
}
