/**
 * Coturn: a STUN and TURN server that others wrote, in the foreground, over UDP, TCP and TLS with a certificate that it
 * signs itself.
 */
import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listensAt, runInForeground } from './foreground.ts'
import { findFreePort } from './free-port.ts'

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
  const secret = randomBytes(16).toString('hex')
  const { log, stop } = await runInForeground({
    name: 'coturn',
    logFile: 'turnserver.log',
    prepare: async (folder) => {
      makeCertificate(folder, host)
      const file = join(folder, 'turnserver.conf')
      await writeFile(file, configuration({ folder, host, port, tlsPort, secret }))
      return { program: 'turnserver', args: ['-c', file] }
    },
    answers: async () => (await listensAt(host, port)) && (await listensAt(host, tlsPort)),
  })
  return { host, port, tlsPort, secret, log, stop }
}

/** A name and a password until then, as an XMPP server makes them. */
export function turnCredentials(secret: string, expiresMs: number): { username: string; password: string } {
  const username = String(Math.floor(expiresMs / 1_000))
  return { username, password: turnPassword(secret, username) }
}

/** What makes the name good, which begins with the time until which it is. */
export function turnPassword(secret: string, username: string): string {
  return createHmac('sha1', secret).update(username).digest('base64')
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
