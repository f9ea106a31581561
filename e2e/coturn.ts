/**
 * Coturn: a STUN and TURN server that others wrote, in the foreground, over UDP, TCP and TLS with a certificate that it
 * signs itself.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePort } from './app-server.ts'

const START_TIMEOUT_MS = 20_000 // Measured: 0.3 s.
const RETRY_MS = 50 // A guess.
const TERM_GRACE_MS = 5_000 // A guess: it stops at once.
const LOG_TAIL_LENGTH = 2_000

export type CoturnOptions = {
  /** The IP that it listens and relays at; loopback's by default. */
  host?: string
  /** For UDP and TCP, and for TLS; free ones by default. */
  port?: number
  tlsPort?: number
}

export type Coturn = {
  readonly host: string
  readonly port: number
  readonly tlsPort: number
  /** Of which time-limited passwords are made (draft-uberti-behave-turn-rest-00 §2.2). */
  readonly secret: string
  /** What it has written so far. */
  log(): Promise<string>
  stop(): Promise<void>
}

export async function startCoturn(options: CoturnOptions = {}): Promise<Coturn> {
  const { host = '127.0.0.1', port = await findFreePort(), tlsPort = await findFreePort() } = options
  const folder = await mkdtemp(join(tmpdir(), 'overture-coturn-'))
  const secret = randomBytes(16).toString('hex')
  const log = () => readFile(join(folder, 'turnserver.log'), 'utf8').catch(() => '')
  makeCertificate(folder, host)
  await writeFile(join(folder, 'turnserver.conf'), configuration({ folder, host, port, tlsPort, secret }))
  const child = spawn('turnserver', ['-c', join(folder, 'turnserver.conf')], { cwd: folder, stdio: 'ignore' })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    await end(child)
    process.off('exit', killAtExit)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilItAnswers(child, host, [port, tlsPort])
  } catch (failure) {
    const tail = (await log()).slice(-LOG_TAIL_LENGTH)
    await stop()
    throw new Error(`coturn did not start: ${(failure as Error).message}\n${tail}`)
  }
  return { host, port, tlsPort, secret, log, stop }
}

/** A name and a password until then, as an XMPP server makes them. */
export function turnCredentials(secret: string, expiresMs: number): { username: string; password: string } {
  const username = String(Math.floor(expiresMs / 1_000))
  return { username, password: createHmac('sha1', secret).update(username).digest('base64') }
}

function makeCertificate(folder: string, host: string): void {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')]
  const about = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=IP:${host}`, '-days', '2']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...key, ...files, ...about], { stdio: 'pipe' })
}

type Configuration = { folder: string; host: string; port: number; tlsPort: number; secret: string }

/** Peers on loopback are forbidden unless told, against those who would have the server speak to itself. */
function configuration({ folder, host, port, tlsPort, secret }: Configuration): string {
  return `
listening-ip=${host}
relay-ip=${host}
listening-port=${port}
tls-listening-port=${tlsPort}
cert=${folder}/certificate.pem
pkey=${folder}/key.pem
min-port=49152
max-port=65535
realm=localhost
use-auth-secret
static-auth-secret=${secret}
fingerprint
no-cli
no-dtls
${host.startsWith('127.') ? 'allow-loopback-peers' : ''}
userdb=${folder}/turndb
pidfile=${folder}/turnserver.pid
log-file=${folder}/turnserver.log
simple-log
verbose
`
}

async function untilItAnswers(child: ChildProcess, host: string, ports: number[]): Promise<void> {
  let exit: string | undefined
  child.once('error', ({ message }) => {
    exit = message
  })
  child.once('exit', (code, signal) => {
    exit ??= `it ended with ${code ?? signal}`
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  for (const port of ports) {
    while (!(await answers(host, port))) {
      if (exit !== undefined) throw new Error(exit)
      if (Date.now() > deadline) throw new Error(`no answer in ${START_TIMEOUT_MS} ms`)
      await delay(RETRY_MS)
    }
  }
}

function answers(host: string, port: number): Promise<boolean> {
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

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), TERM_GRACE_MS)
  await gone
  clearTimeout(kill)
}
