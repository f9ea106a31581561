/**
 * Does it work with the other server that many run? A real ejabberd (23.01) in the foreground, without epmd, on a free
 * port; accounts at one host, anonymous visitors at another, each with rooms. Or one for other servers too.
 */
import { mkdir, writeFile } from 'node:fs/promises'
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

type Place = { host: string; port: number; domain: string }

export async function startEjabberd(options: XmppServerOptions = {}): Promise<XmppServer> {
  const place = { host: options.host ?? '127.0.0.1', port: await findFreePort(), domain: DOMAIN }
  const running = await run(place, configuration(place, options))
  return { service: serviceAt(place.host, place.port), domain: DOMAIN, anonymousDomain: ANONYMOUS_DOMAIN, ...running }
}

export async function startFederatedEjabberd(domain: string, port: number): Promise<FederatedServer> {
  const place = { host: domain, port, domain }
  const running = await run(place, federatedConfiguration(place))
  return { service: serviceAt(domain, port), domain, ...running }
}

function run(place: Place, configuration: string): Promise<RunningServer> {
  return runInForeground({
    name: 'ejabberd',
    logFile: 'ejabberd.log',
    prepare: async (folder) => {
      await mkdir(join(folder, 'data'))
      const file = join(folder, 'ejabberd.yml')
      await writeFile(file, configuration)
      return {
        program: 'erl',
        args: ['+K', 'true', '-noinput', '-mnesia', 'dir', `"${folder}/data"`, '-s', 'ejabberd'],
        env: {
          HOME: folder,
          ERL_LIBS: '/usr/lib/x86_64-linux-gnu',
          EJABBERD_CONFIG_PATH: file,
          EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
          EJABBERD_PID_PATH: join(folder, 'ejabberd.pid'),
        },
      }
    },
    answers: () => opensStream(serviceAt(place.host, place.port), place.domain),
  })
}

/**
 * What an administrator would change of the defaults: an account may have more than ten tabs, a tab may send more than
 * 3 kB/s, and one address may make more than an account in ten minutes, as a household or a school does. Without
 * resume_timeout a vanished tab would stay available for five minutes.
 */
function configuration({ host, port }: Place, { turn }: XmppServerOptions): string {
  return `
hosts: [ "${DOMAIN}", "${ANONYMOUS_DOMAIN}" ]
host_config:
  "${ANONYMOUS_DOMAIN}": { auth_method: [anonymous], anonymous_protocol: sasl_anon, allow_multiple_connections: true }
listen:
  - { port: ${port}, ip: "${host}", module: ejabberd_http, request_handlers: { /xmpp-websocket: ejabberd_http_ws } }
${COMMON}
acl: { local: { user_regexp: "" } }
access_rules: { local: { allow: local } }
shaper: { fast: 100000 }
shaper_rules: { max_user_sessions: infinity, c2s_shaper: fast }
modules:
${MODULES}
  mod_muc: { access: [allow], access_create: [allow] }
  mod_stun_disco: ${turn ? services(turn) : '{ services: [] }'}
`
}

function federatedConfiguration({ host, port, domain }: Place): string {
  return `
hosts: [ "${domain}" ]
listen:
  - port: ${port}
    ip: "${host}"
    module: ejabberd_http
    request_handlers:
      /xmpp-websocket: ejabberd_http_ws
      /.well-known/host-meta: mod_host_meta
      /.well-known/host-meta.json: mod_host_meta
  - { port: ${S2S_PORT}, ip: "${host}", module: ejabberd_s2s_in }
${COMMON}
s2s_use_starttls: false
outgoing_s2s_families: [ipv4]
shaper_rules: { max_user_sessions: infinity, c2s_shaper: none, s2s_shaper: none }
modules:
${MODULES}
  mod_host_meta: { bosh_service_url: undefined, websocket_url: "ws://@HOST@:${port}/xmpp-websocket" }
  mod_s2s_dialback: {}
`
}

const COMMON = `
loglevel: info
auth_method: [internal]
registration_timeout: infinity
websocket_origin: []
`

const MODULES = `
  mod_disco: {}
  mod_ping: {}
  mod_private: {}
  mod_roster: {}
  mod_register: { ip_access: all, access: all }
  mod_stream_mgmt: { resume_timeout: 5 }
`

/** With `restricted`, passwords are made of the secret. */
function services({ host, port, tlsPort, secret }: NonNullable<XmppServerOptions['turn']>): string {
  const service = (port: number, type: string, transport: string) =>
    `{ host: "${host}", port: ${port}, type: ${type}, transport: ${transport}, restricted: ${type !== 'stun'} }`
  const all = [
    service(port, 'stun', 'udp'),
    service(port, 'turn', 'udp'),
    service(port, 'turn', 'tcp'),
    service(tlsPort, 'turns', 'tcp'),
  ]
  return `{ secret: "${secret}", services: [ ${all.join(', ')} ] }`
}
