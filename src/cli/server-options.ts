/** Which server is to be looked at, and as whom? Turns the words behind `npm run server --` into a request. */
import { parseArgs } from 'node:util'
import { OvertureError } from '../overture-error.ts'
import { readServiceAddress } from '../xmpp/service-address.ts'

export type ServerRequest = {
  /** wss://…, or a domain. */
  service: string
  domain: string | undefined
  jid: string | undefined
  password: string | undefined
  rooms: string | undefined
  sessions: number
  json: boolean
}

/** The words ask for what there is not, or not so. */
export class ServerOptionError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'ServerOptionError'
  }
}

/** A guess: more than any page opens, and few enough to stay a guest. */
const MAX_SESSIONS = 32
const PASSWORD_VARIABLE = 'XMPP_PASSWORD'

const FLAGS: Record<string, { value: string | undefined; about: string }> = {
  domain: { value: 'D', about: 'the domain that is served, where it is not the host of the address' },
  jid: { value: 'USER@DOMAIN', about: 'an account of yours; without it the check comes as a stranger' },
  password: {
    value: 'P',
    about: `its password; or in ${PASSWORD_VARIABLE}, where no other user of the machine sees it`,
  },
  rooms: { value: 'D', about: 'the domain of the rooms, where it is known' },
  sessions: { value: 'N', about: `how many at once, 2 to ${MAX_SESSIONS}; some servers throw out the oldest` },
  json: { value: undefined, about: 'one JSON object on the last line' },
}

/** `passwordAround`: what the environment has. */
export function parseServer(words: readonly string[], passwordAround: string | undefined): ServerRequest {
  const { positionals, values } = split(words)
  const [service, surplus] = positionals
  if (service === undefined) throw new ServerOptionError('Name a server: its domain, or the address of its WebSocket.')
  if (surplus !== undefined) throw new ServerOptionError(`“${surplus}” is one word too many.`)
  const { domain, jid, rooms, sessions = '2', json } = values as Record<string, string | undefined>
  for (const [name, text] of Object.entries(values)) {
    if (text === '') throw new ServerOptionError(`--${name} is empty.`)
  }
  const password = (values.password as string | undefined) ?? passwordAround
  if (values.password !== undefined && jid === undefined) {
    throw new ServerOptionError('--password belongs to an account, and --jid names none.')
  }
  if (jid !== undefined && password === undefined) {
    throw new ServerOptionError(`--jid needs a --password, or ${PASSWORD_VARIABLE} around the command.`)
  }
  if (jid !== undefined && !/^[^@]+@[^@]+$/.test(jid)) {
    throw new ServerOptionError(`--jid is an account such as name@example.org, and not “${jid}”.`)
  }
  const count = /^\d{1,3}$/.test(sessions) ? Number(sessions) : 0
  if (count < 2 || count > MAX_SESSIONS) {
    throw new ServerOptionError(`--sessions is a whole number from 2 to ${MAX_SESSIONS}, and not “${sessions}”.`)
  }
  if (rooms !== undefined && !/^[^@/\s"&'<>]+$/.test(rooms)) {
    throw new ServerOptionError(`--rooms is a domain, and not “${rooms}”.`)
  }
  complainOfAddress({ service, domain, jid })
  return { service, domain, jid, password: jid && password, rooms, sessions: count, json: json !== undefined }
}

export function serverUsage(): string {
  const lines = ['npm run server -- DOMAIN or wss://… [options] [--json]', '']
  lines.push('Signs in as a page would, twice, and says what the server offers to Overture and what it lacks.')
  lines.push('Ends with 0 when pages can meet and talk there, with 1 when something they need is missing.', '')
  for (const [name, { value, about }] of Object.entries(FLAGS)) {
    lines.push(`  --${(value === undefined ? name : `${name} ${value}`).padEnd(18)} ${about}`)
  }
  return lines.join('\n')
}

function complainOfAddress(options: { service: string; domain: string | undefined; jid: string | undefined }): void {
  try {
    readServiceAddress(options)
  } catch (error) {
    if (error instanceof OvertureError) throw new ServerOptionError(error.message)
    throw error
  }
}

function split(words: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
  ) as Record<string, { type: 'boolean' | 'string' }>
  try {
    return parseArgs({ args: [...words], allowPositionals: true, options })
  } catch (error) {
    throw new ServerOptionError((error as Error).message.split('. ')[0] as string)
  }
}
