/**
 * AppServer: the real app on a port of its own, as `vite build` and `vite preview` hand it out, with the embedded XMPP
 * service or another. The pages of `e2e` that run parts of it alone lie beside it, under `/e2e/`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { endProcess } from './foreground.ts'
import { findFreePort } from './free-port.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const PAGES = ['bare-page', 'conformance-page']
const START_TIMEOUT_MS = 20_000 // Measured: 1 s.
const RETRY_MS = 50 // A guess.

export type AppServer = {
  /** With a slash at the end. */
  readonly url: string
  /** Of the embedded service; of no use where another was given. */
  readonly service: string
  stop(): Promise<void>
}

export type AppServerOptions = { xmppService?: string; xmppDomain?: string }

export async function startAppServer(options: AppServerOptions = {}): Promise<AppServer> {
  const folder = await mkdtemp(join(tmpdir(), 'overture-app-'))
  await buildInto(folder)
  const port = await findFreePort()
  const child = spawn(process.execPath, ['node_modules/vite/bin/vite.js', 'preview', '--outDir', folder], {
    cwd: PROJECT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PORT: String(port),
      XMPP_SERVICE: options.xmppService ?? '',
      XMPP_DOMAIN: options.xmppDomain ?? '',
    },
  })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    await endProcess(child)
    process.off('exit', killAtExit)
    await rm(folder, { recursive: true, force: true })
  }
  const url = `http://localhost:${port}/`
  try {
    await untilItAnswers(child, url)
  } catch (failure) {
    await stop()
    throw failure
  }
  return { url, service: `ws://localhost:${port}/xmpp-websocket`, stop }
}

async function buildInto(folder: string): Promise<void> {
  await build({
    configFile: join(PROJECT, 'vite.config.ts'),
    root: join(PROJECT, 'src'),
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true },
  })
  await build({
    configFile: false,
    root: join(PROJECT, 'e2e'),
    base: './',
    logLevel: 'error',
    build: {
      outDir: join(folder, 'e2e'),
      target: 'es2022',
      rollupOptions: { input: PAGES.map((page) => join(PROJECT, 'e2e', page, 'index.html')) },
    },
  })
}

async function untilItAnswers(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await answers(url))) {
    if (child.exitCode !== null) throw new Error(`The app's server ended with ${child.exitCode}.`)
    if (Date.now() > deadline) throw new Error(`No answer at ${url} in ${START_TIMEOUT_MS} ms.`)
    await delay(RETRY_MS)
  }
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}
