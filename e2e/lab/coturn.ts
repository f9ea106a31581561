/** Coturn: a STUN and TURN server that others wrote, over UDP, TCP and TLS, with a certificate that it signs itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { command } from './command.ts'

/** RFC 8656 §16.2: the ports that everybody expects; the lab's server is a machine of its own. */
const PORT = 3478
const TLS_PORT = 5349
const START_TIMEOUT_MS = 20_000 // Measured: 0.3 s.
const RETRY_MS = 50 // A guess.
const TERM_GRACE_MS = 5_000 // A guess: it stops at once.
const CREDENTIALS_LIFE_S = 3_600

export type Coturn = {
  readonly host: string
  readonly port: number
  readonly tlsPort: number
  /** Of which time-limited passwords are made (draft-uberti-behave-turn-rest-00 §2.2). */
  readonly secret: string
  stop(): Promise<void>
}

export async function startCoturn(host: string): Promise<Coturn> {
  const folder = await mkdtemp(join(tmpdir(), 'overture-coturn-'))
  const secret = randomBytes(16).toString('hex')
  makeCertificate(folder, host)
  await writeFile(join(folder, 'turnserver.conf'), configuration(folder, host, secret))
  const child = spawn('turnserver', ['-c', join(folder, 'turnserver.conf')], { cwd: folder, stdio: 'ignore' })
  const stop = async () => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilItAnswers(child, host)
  } catch (failure) {
    await stop()
    throw failure
  }
  return { host, port: PORT, tlsPort: TLS_PORT, secret, stop }
}

/** A name and a password for an hour, as an XMPP server makes them. */
export function turnCredentials(secret: string): { username: string; password: string; expiresMs: number } {
  const expiresMs = Date.now() + CREDENTIALS_LIFE_S * 1_000
  const username = String(Math.floor(expiresMs / 1_000))
  return { username, password: createHmac('sha1', secret).update(username).digest('base64'), expiresMs }
}

function makeCertificate(folder: string, host: string): void {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')]
  const about = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=IP:${host}`, '-days', '2']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  command('openssl', ['req', '-x509', ...key, ...files, ...about])
}

function configuration(folder: string, host: string, secret: string): string {
  return `
listening-ip=${host}
relay-ip=${host}
listening-port=${PORT}
tls-listening-port=${TLS_PORT}
cert=${folder}/certificate.pem
pkey=${folder}/key.pem
min-port=49152
max-port=65535
realm=localhost
use-auth-secret
static-auth-secret=${secret}
fingerprint
no-cli
userdb=${folder}/turndb
pidfile=${folder}/turnserver.pid
log-file=${folder}/turnserver.log
simple-log
`
}

async function untilItAnswers(child: ChildProcess, host: string): Promise<void> {
  let exit: string | undefined
  child.once('error', ({ message }) => {
    exit = message
  })
  child.once('exit', (code, signal) => {
    exit ??= `it ended with ${code ?? signal}`
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await answers(host, PORT)) || !(await answers(host, TLS_PORT))) {
    if (exit !== undefined) throw new Error(`coturn did not start: ${exit}`)
    if (Date.now() > deadline) throw new Error(`No answer of coturn in ${START_TIMEOUT_MS} ms.`)
    await delay(RETRY_MS)
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
