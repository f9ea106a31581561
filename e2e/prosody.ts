/**
 * Does it work with a server that others wrote? A real Prosody (0.12) in the foreground, on a free port; accounts at one
 * host, anonymous visitors at another, each with rooms. Or one for other servers too.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { opensStream, type RunningServer, runInForeground } from './foreground.ts'
import { findFreePort } from './free-port.ts'
import {
  ANONYMOUS_DOMAIN,
  DOMAIN,
  type FederatedServer,
  S2S_PORT,
  serviceAt,
  type XmppServer,
  type XmppServerOptions,
} from './xmpp-server.ts'

export type ProsodyOptions = XmppServerOptions & {
  /** A module of `e2e/prosody-modules` that tells of STUN and TURN in another way. */
  tellingBy?: 'old-extdisco' | 'jingle-info'
  /** Reads 10 kB/s of each user and no more, as servers do that others run (mod_limits with its defaults). */
  throttled?: boolean
  /** What it keeps passwords as, and so the one kind of SCRAM that it offers; SHA-1 unless told, as it is shipped. */
  passwordHash?: 'SHA-1' | 'SHA-256'
  /** The largest stanza that it takes; 262 144 unless told, as it is shipped. */
  maxStanzaBytes?: number
}

type Place = { host: string; port: number; domain: string }

export async function startProsody(options: ProsodyOptions = {}): Promise<XmppServer> {
  const place = { host: options.host ?? '127.0.0.1', port: await findFreePort(), domain: DOMAIN }
  const { tellingBy } = options
  const running = await run(place, hostsOf(options), async (folder) => {
    if (tellingBy === undefined) return
    const source = new URL(`prosody-modules/${tellingBy}.lua`, import.meta.url)
    await copyFile(source, join(folder, 'modules', `mod_${tellingBy}.lua`))
  })
  return { service: serviceAt(place.host, place.port), domain: DOMAIN, anonymousDomain: ANONYMOUS_DOMAIN, ...running }
}

export async function startFederatedProsody(domain: string, port: number): Promise<FederatedServer> {
  const running = await run({ host: domain, port, domain }, federatedHost(domain))
  return { service: serviceAt(domain, port), domain, ...running }
}

function run(place: Place, hosts: string, addTo?: (folder: string) => Promise<void>): Promise<RunningServer> {
  return runInForeground({
    name: 'Prosody',
    logFile: 'prosody.log',
    prepare: async (folder) => {
      for (const name of ['data', 'certs', 'modules']) await mkdir(join(folder, name))
      await addTo?.(folder)
      const file = join(folder, 'prosody.cfg.lua')
      await writeFile(file, configuration(folder, place) + hosts)
      return { program: 'prosody', args: ['--config', file, '-F'] }
    },
    answers: () => opensStream(serviceAt(place.host, place.port), place.domain),
  })
}

/** Without smacks_hibernation_time a vanished tab would stay available for ten minutes. */
function configuration(folder: string, { host, port, domain }: Place): string {
  return `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
certificates = "${folder}/certs"
plugin_paths = { "${folder}/modules" }
log = { { levels = { min = "info" }, to = "file", filename = "${folder}/prosody.log" } }
interfaces = { "${host}" }
c2s_ports = {}
c2s_direct_tls_ports = {}
s2s_direct_tls_ports = {}
http_ports = { ${port} }
http_interfaces = { "${host}" }
https_ports = {}
http_default_host = "${domain}"
use_ipv6 = false
c2s_require_encryption = false
consider_websocket_secure = true
cross_domain_websocket = true
smacks_hibernation_time = 5
storage = "internal"
authentication = "internal_hashed"
`
}

function hostsOf(options: ProsodyOptions): string {
  const { turn, tellingBy, throttled, passwordHash = 'SHA-1', maxStanzaBytes = 262_144 } = options
  const modules = tellingBy ? [tellingBy] : turn ? ['external_services', 'turn_external'] : ['external_services']
  if (throttled) modules.push('limits')
  return `
s2s_ports = {}
modules_enabled = { ${MODULES}; "${modules.join('"; "')}" }
modules_disabled = { "s2s"; "tls" }
password_hash = "${passwordHash}"
c2s_stanza_size_limit = ${maxStanzaBytes}
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

const MODULES = `"roster"; "saslauth"; "disco"; "posix"; "ping"; "private"; "register"; "websocket"; "smacks"`

function turnSettings({ host, port, tlsPort, secret }: NonNullable<ProsodyOptions['turn']>): string {
  return `
turn_external_host = "${host}"
turn_external_port = ${port}
turn_external_tcp = true
turn_external_tls_port = ${tlsPort}
turn_external_secret = "${secret}"
`
}

function federatedHost(domain: string): string {
  return `
s2s_ports = { ${S2S_PORT} }
s2s_require_encryption = false
s2s_secure_auth = false
modules_enabled = { ${MODULES}; "dialback" }
modules_disabled = { "tls" }
VirtualHost "${domain}"
  allow_registration = true
`
}
