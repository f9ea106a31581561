/**
 * Does it work with a server that others wrote? Starts a real Prosody (0.12) in the foreground, from a configuration
 * and a folder of its own, on a free port; accounts at one host, anonymous visitors at another, each with rooms.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

export type Prosody = {
  readonly pid: number
  /** The URL of its WebSocket. */
  readonly service: string
  /** Where accounts can be registered. */
  readonly domain: string
  readonly anonymousDomain: string
  readonly rooms: string
  readonly anonymousRooms: string
  stop(): Promise<void>
}

const DOMAIN = 'localhost'
const ANONYMOUS_DOMAIN = 'anon.localhost'
const START_TIMEOUT_MS = 20_000 // Measured: under 2 s on an idle machine.
const RETRY_MS = 50 // A guess.
const TERM_GRACE_MS = 5_000 // A guess: it stops within 1 s.
const LOG_TAIL_LENGTH = 2_000

export type ProsodyOptions = {
  /** The IP that it listens at; loopback's by default. */
  host?: string
  /** What it tells of, with passwords made of the secret (XEP-0215). */
  turn?: { host: string; port: number; tlsPort: number; secret: string }
  /** A module of `e2e/prosody-modules` that tells of it in another way. */
  tellingBy?: 'old-extdisco' | 'jingle-info'
  /** Reads 10 kB/s of each user and no more, as servers do that others run (mod_limits with its defaults). */
  throttled?: boolean
  /** What it keeps passwords as, and so the one kind of SCRAM that it offers; SHA-1 unless told, as it is shipped. */
  passwordHash?: 'SHA-1' | 'SHA-256'
  /** The largest stanza that it takes; 262 144 unless told, as it is shipped. */
  maxStanzaBytes?: number
}

export async function startProsody(options: ProsodyOptions = {}): Promise<Prosody> {
  const { host = '127.0.0.1' } = options
  const folder = await mkdtemp(join(tmpdir(), 'overture-prosody-'))
  const logFile = join(folder, 'prosody.log')
  const port = await findFreePort()
  await mkdir(join(folder, 'data'))
  await mkdir(join(folder, 'certs'))
  await mkdir(join(folder, 'modules'))
  if (options.tellingBy) {
    const source = new URL(`prosody-modules/${options.tellingBy}.lua`, import.meta.url)
    await copyFile(source, join(folder, 'modules', `mod_${options.tellingBy}.lua`))
  }
  await writeFile(join(folder, 'prosody.cfg.lua'), configuration({ ...options, folder, logFile, host, port }))
  const child = spawn('prosody', ['--config', join(folder, 'prosody.cfg.lua'), '-F'], { cwd: folder, stdio: 'ignore' })
  const service = `ws://${host}:${port}/xmpp-websocket`
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    await end(child)
    process.off('exit', killAtExit)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilItAnswers(child, service)
  } catch (failure) {
    const log = await readFile(logFile, 'utf8').catch(() => '')
    await stop()
    throw new Error(`Prosody did not start: ${(failure as Error).message}\n${log.slice(-LOG_TAIL_LENGTH)}`)
  }
  return {
    pid: child.pid as number,
    service,
    domain: DOMAIN,
    anonymousDomain: ANONYMOUS_DOMAIN,
    rooms: `conference.${DOMAIN}`,
    anonymousRooms: `conference.${ANONYMOUS_DOMAIN}`,
    stop,
  }
}

type Configuration = ProsodyOptions & { folder: string; logFile: string; host: string; port: number }

/** Without smacks_hibernation_time a vanished tab would stay available for ten minutes. */
function configuration({
  folder,
  logFile,
  host,
  port,
  turn,
  tellingBy,
  throttled,
  passwordHash = 'SHA-1',
  maxStanzaBytes = 262_144,
}: Configuration): string {
  const modules = tellingBy ? [tellingBy] : turn ? ['external_services', 'turn_external'] : ['external_services']
  if (throttled) modules.push('limits')
  return `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}/certs"
plugin_paths = { "${folder}/modules" }
log = { { levels = { min = "info" }, to = "file", filename = "${logFile}" } }
interfaces = { "127.0.0.1" }
c2s_ports = {}
c2s_direct_tls_ports = {}
s2s_ports = {}
http_ports = { ${port} }
http_interfaces = { "${host}" }
https_ports = {}
http_default_host = "${DOMAIN}"
modules_enabled = { "roster"; "saslauth"; "disco"; "posix"; "ping"; "private"; "register"; "websocket"; "smacks"; "${modules.join('"; "')}" }
modules_disabled = { "s2s"; "tls" }
c2s_require_encryption = false
c2s_stanza_size_limit = ${maxStanzaBytes}
consider_websocket_secure = true
cross_domain_websocket = true
smacks_hibernation_time = 5
storage = "internal"
authentication = "internal_hashed"
password_hash = "${passwordHash}"
${turn ? turnSettings(turn) : ''}
VirtualHost "${DOMAIN}"
  allow_registration = true

VirtualHost "${ANONYMOUS_DOMAIN}"
  authentication = "anonymous"

Component "conference.${DOMAIN}" "muc"
  muc_room_locking = false

Component "conference.${ANONYMOUS_DOMAIN}" "muc"
  muc_room_locking = false
`
}

function turnSettings({ host, port, tlsPort, secret }: NonNullable<ProsodyOptions['turn']>): string {
  return `
turn_external_host = "${host}"
turn_external_port = ${port}
turn_external_tcp = true
turn_external_tls_port = ${tlsPort}
turn_external_secret = "${secret}"
`
}

async function untilItAnswers(child: ChildProcess, service: string): Promise<void> {
  let exit: string | undefined
  child.once('error', (error) => {
    exit = error.message
  })
  child.once('exit', (code, signal) => {
    exit ??= `it ended with ${code ?? signal}`
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await answers(service))) {
    if (exit !== undefined) throw new Error(exit)
    if (Date.now() > deadline) throw new Error(`no answer at ${service} in ${START_TIMEOUT_MS} ms`)
    await delay(RETRY_MS)
  }
}

/** Whether a stream can be opened there, which is more than a listening port. */
function answers(service: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(service, 'xmpp', { handshakeTimeout: START_TIMEOUT_MS })
    const open = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${DOMAIN}' version='1.0'/>`
    const conclude = (answered: boolean) => {
      resolve(answered)
      socket.terminate()
    }
    socket.on('open', () => socket.send(open))
    socket.on('message', () => conclude(true))
    socket.on('error', () => conclude(false))
    socket.on('close', () => conclude(false))
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

function findFreePort(): Promise<number> {
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
