/**
 * A server that others wrote, in the foreground: starts it with a folder of its own, waits until it answers, and ends it
 * with all that it has written, also when the test that wanted it is ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** Measured on an idle machine: coturn 0.3 s, Prosody under 2 s, ejabberd 4 s. */
const START_TIMEOUT_MS = 30_000
const RETRY_MS = 50 // A guess.
const TERM_GRACE_MS = 5_000 // A guess: all of them stop within 2 s.
const LOG_TAIL_LENGTH = 2_000

export type ForegroundServer = {
  /** For messages, and in lower case for its folder. */
  name: string
  /** Puts what the server reads into its folder, which is its working directory, and says how it is started. */
  prepare(folder: string): Promise<{ program: string; args: string[]; env?: Record<string, string> }>
  /** Relative to its folder. */
  logFile: string
  answers(): Promise<boolean>
}

export type RunningServer = {
  /** Of its process; another after each start. */
  pid(): number
  /** What it has written so far. */
  log(): Promise<string>
  /** Ends it and starts it again, with what it has stored. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function runInForeground(server: ForegroundServer): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), `overture-${server.name.toLowerCase()}-`))
  const log = () => readFile(join(folder, server.logFile), 'utf8').catch(() => '')
  const { program, args, env } = await server.prepare(folder)
  let child: ChildProcess | undefined
  const killAtExit = () => child?.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    if (child) await endProcess(child)
    process.off('exit', killAtExit)
    await rm(folder, { recursive: true, force: true })
  }
  const start = async () => {
    child = spawn(program, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, ...env } })
    try {
      await untilItAnswers(child, server)
    } catch (failure) {
      const tail = (await log()).slice(-LOG_TAIL_LENGTH)
      await stop()
      throw new Error(`${server.name} did not start: ${(failure as Error).message}\n${tail}`)
    }
  }
  const restart = async () => {
    if (child) await endProcess(child)
    await start()
  }
  await start()
  const pid = () => child?.pid as number
  return { pid, log, restart, stop }
}

async function untilItAnswers(child: ChildProcess, server: ForegroundServer): Promise<void> {
  let exit: string | undefined
  child.once('error', ({ message }) => {
    exit = message
  })
  child.once('exit', (code, signal) => {
    exit ??= `it ended with ${code ?? signal}`
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await server.answers())) {
    if (exit !== undefined) throw new Error(exit)
    if (Date.now() > deadline) throw new Error(`no answer in ${START_TIMEOUT_MS} ms`)
    await delay(RETRY_MS)
  }
}

/** As an administrator would, and by force where that does not help. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), TERM_GRACE_MS)
  await gone
  clearTimeout(kill)
}

/** Whether anything takes TCP connections there. */
export function listensAt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port })
    const conclude = (answered: boolean) => {
      resolve(answered)
      socket.destroy()
    }
    socket.on('connect', () => conclude(true))
    socket.on('error', () => conclude(false))
  })
}

/** Whether an XMPP stream can be opened there, which is more than a listening port. */
export function opensStream(service: string, domain: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(service, 'xmpp', { handshakeTimeout: START_TIMEOUT_MS })
    const conclude = (answered: boolean) => {
      resolve(answered)
      socket.terminate()
    }
    socket.on('open', () =>
      socket.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`),
    )
    socket.on('message', () => conclude(true))
    socket.on('error', () => conclude(false))
    socket.on('close', () => conclude(false))
  })
}
