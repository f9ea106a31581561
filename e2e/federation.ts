/**
 * Federation: a Prosody and an ejabberd that find each other, so that accounts of two servers can be contacts. The
 * domain of each is a loopback address of its own (RFC 7622 §3.2 allows it): one port for the other server is free at each,
 * and no name needs to be looked up.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

export type FederatedServer = {
  readonly name: 'Prosody' | 'ejabberd'
  /** The URL of its WebSocket. Accounts can be registered there. */
  readonly service: string
  readonly domain: string
}

export type Federation = {
  readonly prosody: FederatedServer
  readonly ejabberd: FederatedServer
  stop(): Promise<void>
}

/** One of the two while it is being set up. */
type Site = { name: FederatedServer['name']; domain: string; port: number; folder: string }

const S2S_PORT = 5269 // RFC 6120 §3.2.2: where a server is sought that DNS says nothing of.
const START_TIMEOUT_MS = 30_000 // Measured: ejabberd 4 s on an idle machine.
const RETRY_MS = 50 // A guess.
const TERM_GRACE_MS = 5_000 // A guess: they stop within 2 s.
const LOG_TAIL_LENGTH = 2_000

export async function startFederation(): Promise<Federation> {
  const folder = await mkdtemp(join(tmpdir(), 'overture-federation-'))
  const prosody = await siteIn(folder, 'Prosody')
  const ejabberd = await siteIn(folder, 'ejabberd')
  const children: ChildProcess[] = []
  const killAtExit = () => {
    for (const child of children) child.kill('SIGKILL')
  }
  process.once('exit', killAtExit)
  const stop = async () => {
    await Promise.all(children.map(end))
    process.off('exit', killAtExit)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    children.push(await startProsody(prosody), await startEjabberd(ejabberd))
    await Promise.all([prosody, ejabberd].map((site, index) => untilItAnswers(children[index] as ChildProcess, site)))
  } catch (failure) {
    const logs = await Promise.all([prosody, ejabberd].map(logOf))
    await stop()
    throw new Error(`The servers did not start: ${(failure as Error).message}\n${logs.join('\n')}`)
  }
  return {
    prosody: { name: prosody.name, service: serviceOf(prosody), domain: prosody.domain },
    ejabberd: { name: ejabberd.name, service: serviceOf(ejabberd), domain: ejabberd.domain },
    stop,
  }
}

async function siteIn(folder: string, name: Site['name']): Promise<Site> {
  const site = { name, folder: join(folder, name), ...(await findFreeDomain()) }
  await mkdir(join(site.folder, 'data'), { recursive: true })
  return site
}

function serviceOf({ domain, port }: Site): string {
  return `ws://${domain}:${port}/xmpp-websocket`
}

async function startProsody({ folder, domain, port }: Site): Promise<ChildProcess> {
  await writeFile(
    join(folder, 'prosody.cfg.lua'),
    `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}"
log = { { levels = { min = "info" }, to = "file", filename = "${folder}/log" } }
interfaces = { "${domain}" }
c2s_ports = {}
c2s_direct_tls_ports = {}
s2s_ports = { ${S2S_PORT} }
s2s_direct_tls_ports = {}
http_ports = { ${port} }
http_interfaces = { "${domain}" }
https_ports = {}
http_default_host = "${domain}"
use_ipv6 = false
modules_enabled = { "roster"; "saslauth"; "disco"; "posix"; "ping"; "register"; "websocket"; "smacks"; "dialback" }
modules_disabled = { "tls" }
c2s_require_encryption = false
s2s_require_encryption = false
s2s_secure_auth = false
consider_websocket_secure = true
cross_domain_websocket = true
smacks_hibernation_time = 5
storage = "internal"
authentication = "internal_hashed"
VirtualHost "${domain}"
  allow_registration = true
`,
  )
  return spawn('prosody', ['--config', join(folder, 'prosody.cfg.lua'), '-F'], { cwd: folder, stdio: 'ignore' })
}

async function startEjabberd({ folder, domain, port }: Site): Promise<ChildProcess> {
  await writeFile(
    join(folder, 'ejabberd.yml'),
    `
hosts: [ "${domain}" ]
loglevel: info
auth_method: [internal]
s2s_use_starttls: false
outgoing_s2s_families: [ipv4]
listen:
  - port: ${port}
    ip: "${domain}"
    module: ejabberd_http
    request_handlers:
      /xmpp-websocket: ejabberd_http_ws
      /.well-known/host-meta: mod_host_meta
      /.well-known/host-meta.json: mod_host_meta
  - { port: ${S2S_PORT}, ip: "${domain}", module: ejabberd_s2s_in }
shaper_rules: { max_user_sessions: infinity, c2s_shaper: none, s2s_shaper: none }
registration_timeout: infinity
websocket_origin: []
modules:
  mod_disco: {}
  mod_host_meta: { bosh_service_url: undefined, websocket_url: "ws://@HOST@:${port}/xmpp-websocket" }
  mod_ping: {}
  mod_roster: {}
  mod_s2s_dialback: {}
  mod_register: { ip_access: all, access: all }
  mod_stream_mgmt: { resume_timeout: 5 }
`,
  )
  const argv = ['+K', 'true', '-noinput', '-mnesia', 'dir', `"${folder}/data"`, '-s', 'ejabberd']
  return spawn('erl', argv, {
    cwd: folder,
    stdio: 'ignore',
    env: {
      ...process.env,
      HOME: folder,
      ERL_LIBS: '/usr/lib/x86_64-linux-gnu',
      EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
      EJABBERD_LOG_PATH: join(folder, 'log'),
      EJABBERD_PID_PATH: join(folder, 'ejabberd.pid'),
    },
  })
}

async function untilItAnswers(child: ChildProcess, site: Site): Promise<void> {
  let exit: string | undefined
  child.once('error', (error) => {
    exit = error.message
  })
  child.once('exit', (code, signal) => {
    exit ??= `${site.domain} ended with ${code ?? signal}`
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await answers(site))) {
    if (exit !== undefined) throw new Error(exit)
    if (Date.now() > deadline) throw new Error(`no answer at ${serviceOf(site)} in ${START_TIMEOUT_MS} ms`)
    await delay(RETRY_MS)
  }
}

/** Whether a stream can be opened there, which is more than a listening port. */
function answers(site: Site): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(serviceOf(site), 'xmpp', { handshakeTimeout: START_TIMEOUT_MS })
    const open = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${site.domain}' version='1.0'/>`
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

async function logOf({ folder, name }: Site): Promise<string> {
  const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '')
  return `${name}: ${log.slice(-LOG_TAIL_LENGTH)}`
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), TERM_GRACE_MS)
  await gone
  clearTimeout(kill)
}

/** A loopback address at which nobody listens for servers, and a free port of it. */
async function findFreeDomain(): Promise<{ domain: string; port: number }> {
  for (;;) {
    const byte = () => 1 + Math.floor(Math.random() * 254)
    const domain = `127.${byte()}.${byte()}.${byte()}`
    if ((await portAt(domain, S2S_PORT)) === undefined) continue
    const port = await portAt(domain, 0)
    if (port !== undefined) return { domain, port }
  }
}

/** The port if it is free; any free one for 0. */
function portAt(address: string, wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(wanted, address, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' ? bound?.port : undefined))
    })
  })
}
