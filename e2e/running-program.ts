/** Running program: a server in the foreground, in a folder of its own, until it is stopped or the tests end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const START_TIMEOUT_MS = 30_000 // Measured: ejabberd 4 s on an idle machine.
const RETRY_MS = 50 // A guess.
const TERM_GRACE_MS = 5_000 // A guess: servers stop within 2 s.
const LOG_TAIL_LENGTH = 2_000

export type Program = {
  command: string
  argv: string[]
  folder: string
  /** Shown where it does not start. */
  logFile: string
  env?: Record<string, string>
  /** TCP ports of loopback; it has started when it listens at all of them. */
  ports: number[]
}

export type RunningProgram = { stop(): Promise<void> }

export async function startProgram(program: Program): Promise<RunningProgram> {
  const { command, argv, folder, logFile, env, ports } = program
  const child = spawn(command, argv, { cwd: folder, stdio: 'ignore', env: { ...process.env, ...env } })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    await end(child)
    process.off('exit', killAtExit)
  }
  try {
    await untilItListens(child, ports)
  } catch (failure) {
    await stop()
    const log = await readFile(logFile, 'utf8').catch(() => '')
    throw new Error(`${command} did not start: ${(failure as Error).message}\n${log.slice(-LOG_TAIL_LENGTH)}`)
  }
  return { stop }
}

async function untilItListens(child: ChildProcess, ports: number[]): Promise<void> {
  let exit: string | undefined
  child.once('error', ({ message }) => {
    exit = message
  })
  child.once('exit', (code, signal) => {
    exit ??= `it ended with ${code ?? signal}`
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  for (const port of ports) {
    while (!(await listens(port))) {
      if (exit !== undefined) throw new Error(exit)
      if (Date.now() > deadline) throw new Error(`nothing at port ${port} in ${START_TIMEOUT_MS} ms`)
      await delay(RETRY_MS)
    }
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    const conclude = (answered: boolean) => {
      resolve(answered)
      socket.destroy()
    }
    socket.on('connect', () => conclude(true))
    socket.on('error', () => conclude(false))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), TERM_GRACE_MS)
  await gone
  clearTimeout(kill)
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port)
        else reject(new Error('A TCP server has an address object.'))
      })
    })
  })
}
