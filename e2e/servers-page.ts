/**
 * The configurations of docs/servers.md, run: taken from the page, with the names, ports, folders and certificates of this
 * machine put in, and nothing else changed. The domains become localhost and guest.localhost.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listensAt, runInForeground } from './foreground.ts'
import { findFreePort } from './free-port.ts'

export type PageServer = {
  /** Its WebSocket, encrypted. */
  readonly service: string
  readonly hostMeta: string
  readonly account: { jid: string; password: string }
  readonly domain: string
  readonly guestDomain: string
  /** What is to be trusted to believe it. */
  readonly certificate: string
  stop(): Promise<void>
}

type Language = 'lua' | 'yaml' | 'ini' | 'json'
type Ports = { https: number; other: number; turn: number; turnTls: number }
/** What is to be otherwise than on the page, for servers that lack something. */
type Change = [what: RegExp, by: string]

const HOST = '127.0.0.1'
const PASSWORD = 'thorn-in-a-side'
const SECRET = 'a-secret-of-the-tests'

/** The first block in this language. */
export async function blockOf(language: Language): Promise<string> {
  const page = await readFile(new URL('../docs/servers.md', import.meta.url), 'utf8')
  const block = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1]
  if (block === undefined) throw new Error(`docs/servers.md has no block in ${language}.`)
  return block
}

export async function startPageServer(name: 'Prosody' | 'ejabberd', changes: Change[] = []): Promise<PageServer> {
  const [https, other] = [await findFreePort(), await findFreePort()]
  const ports: Ports = { https, other, turn: await findFreePort(), turnTls: await findFreePort() }
  let certificate = ''
  const prepare = name === 'Prosody' ? prepareProsody : prepareEjabberd
  const coturn = await runInForeground({
    name: 'coturn',
    logFile: 'turnserver.log',
    prepare: (folder) => prepareCoturn(folder, ports),
    answers: async () => (await listensAt(HOST, ports.turn)) && (await listensAt(HOST, ports.turnTls)),
  })
  const server = await runInForeground({
    name,
    logFile: `${name.toLowerCase()}.log`,
    prepare: (folder) => {
      certificate = join(folder, 'certs', 'localhost.crt')
      return prepare(folder, ports, changes)
    },
    answers: () => listensAt(HOST, https),
  }).catch(async (failure) => {
    await coturn.stop()
    throw failure
  })
  return {
    service: `wss://localhost:${https}/xmpp-websocket`,
    hostMeta: `https://localhost:${https}/.well-known/host-meta.json`,
    account: { jid: 'ann@localhost', password: PASSWORD },
    domain: 'localhost',
    guestDomain: 'guest.localhost',
    certificate,
    stop: async () => {
      await Promise.all([server.stop(), coturn.stop()])
    },
  }
}

/** Each is in the page at least once, or the page has changed and this file must. */
function adapt(text: string, replacements: Change[]): string {
  return replacements.reduce((adapted, [what, by]) => {
    if (adapted.search(what) < 0) throw new Error(`docs/servers.md no longer says ${what}.`)
    return adapted.replaceAll(what, by)
  }, text)
}

const TURN_NAMES: Change[] = [
  [/turn\.example\.org/g, '127.0.0.1'],
  [/SECRET/g, SECRET],
]
const NAMES: Change[] = [...TURN_NAMES, [/example\.org/g, 'localhost']]

function portsIn({ turn, turnTls }: Ports): Change[] {
  return [
    [/\b3478\b/g, String(turn)],
    [/\b5349\b/g, String(turnTls)],
  ]
}

async function prepareProsody(folder: string, ports: Ports, changes: Change[]) {
  await makeCertificate(folder)
  const { https } = ports
  const text = adapt(await blockOf('lua'), [
    ...changes,
    ...NAMES,
    ...portsIn(ports),
    [/https_ports = \{ 443 \}/g, `https_ports = { ${https} }`],
    [/\/run\/prosody/g, folder],
    [/\/var\/lib\/prosody/g, join(folder, 'data')],
    [/\/var\/log\/prosody/g, folder],
    [/\/etc\/prosody/g, folder],
  ])
  // Only the package's own user may be what it runs as, unless told; and the tests keep to loopback.
  const around = 'run_as_root = true\ninterfaces = { "127.0.0.1" }\n'
  const file = join(folder, 'prosody.cfg.lua')
  await mkdir(join(folder, 'data'))
  await mkdir(join(folder, 'www', '.well-known'), { recursive: true })
  await writeFile(file, around + text)
  const meta = adapt(await blockOf('json'), [[/wss:\/\/example\.org/g, `wss://localhost:${https}`]])
  await writeFile(join(folder, 'www', '.well-known', 'host-meta.json'), meta)
  execFileSync('prosodyctl', ['--root', '--config', file, 'register', 'ann', 'localhost', PASSWORD], { stdio: 'pipe' })
  return { program: 'prosody', args: ['--config', file, '-F'] }
}

async function prepareEjabberd(folder: string, ports: Ports, changes: Change[]) {
  await makeCertificate(folder)
  const { https, other } = ports
  const text = adapt(await blockOf('yaml'), [
    ...changes,
    [/wss:\/\/example\.org/g, `wss://localhost:${https}`],
    ...NAMES,
    ...portsIn(ports),
    [/port: 443\b/g, `port: ${https}`],
    [/port: 5222\b/g, `port: ${other}`],
    [/ip: "::"/g, 'ip: "127.0.0.1"'],
    [/\/etc\/ejabberd/g, folder],
  ])
  const file = join(folder, 'ejabberd.yml')
  await writeFile(file, text)
  const registered = `{ok, _} = application:ensure_all_started(ejabberd), ok = ejabberd_auth:try_register(<<"ann">>, <<"localhost">>, <<"${PASSWORD}">>).`
  const args = ['+K', 'true', '-noinput', '-mnesia', 'dir', `"${folder}/db"`, '-s', 'ejabberd', '-eval', registered]
  const env = {
    HOME: folder,
    ERL_LIBS: '/usr/lib/x86_64-linux-gnu',
    EJABBERD_CONFIG_PATH: file,
    EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
    EJABBERD_PID_PATH: join(folder, 'ejabberd.pid'),
  }
  return { program: 'erl', args, env }
}

async function prepareCoturn(folder: string, ports: Ports) {
  await makeCertificate(folder)
  const text = adapt(await blockOf('ini'), [
    [/\/etc\/coturn\/certs\/turn\.example\.org/g, join(folder, 'certs', 'localhost')],
    ...TURN_NAMES,
    ...portsIn(ports),
  ])
  const around = [
    'listening-ip=127.0.0.1',
    'relay-ip=127.0.0.1',
    `userdb=${folder}/turndb`,
    `pidfile=${folder}/turnserver.pid`,
    `log-file=${folder}/turnserver.log`,
    'simple-log',
  ]
  const file = join(folder, 'turnserver.conf')
  await writeFile(file, `${text}${around.join('\n')}\n`)
  return { program: 'turnserver', args: ['-c', file] }
}

/** For all names, once as two files and once as one, as each server wants it. */
async function makeCertificate(folder: string): Promise<void> {
  const certs = join(folder, 'certs')
  await mkdir(certs)
  const [key, certificate] = [join(certs, 'localhost.key'), join(certs, 'localhost.crt')]
  const names = ['DNS:localhost', 'DNS:*.localhost', 'DNS:guest.localhost', 'DNS:conference.localhost', 'IP:127.0.0.1']
  const about = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${names.join(',')}`, '-days', '2']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate, ...about], { stdio: 'pipe' })
  const both = await Promise.all([key, certificate].map((file) => readFile(file, 'utf8')))
  await writeFile(join(certs, 'localhost.pem'), both.join(''))
}
