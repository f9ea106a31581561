/** LabServer: starts the server's machine in its namespace and builds the app that it hands out. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import type { ServerReport, ServerRequest } from './server-request.ts'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

export type LabServer = ServerReport & { stop(): Promise<void> }

export async function startLabServer(namespace: string, request: Omit<ServerRequest, 'folder'>): Promise<LabServer> {
  const folder = await mkdtemp(join(tmpdir(), 'overture-lab-'))
  const stops = [() => rm(folder, { recursive: true, force: true })]
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each()
  }
  try {
    await build({
      configFile: join(PROJECT, 'vite.config.ts'),
      root: join(PROJECT, 'src'),
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: true },
    })
    const program = [process.execPath, '--import', 'tsx', 'e2e/lab/server-machine.ts']
    const child = spawn('ip', ['netns', 'exec', namespace, ...program, JSON.stringify({ ...request, folder })], {
      cwd: PROJECT,
      stdio: ['pipe', 'pipe', 'inherit'],
      // A signal from the terminal is for the lab, which then ends its server.
      detached: true,
    })
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
    stops.push(async () => {
      child.stdin.end()
      await gone
    })
    const line = createInterface(child.stdout)[Symbol.asyncIterator]().next()
    const { value, done } = await line
    if (done) throw new Error('The server of the lab did not start.')
    return { ...(JSON.parse(value) as ServerReport), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
