/**
 * Who may come in? Accounts live in memory: preset, registered in-band, or anonymous (gone with their last stream).
 * Passwords are compared by digest in constant time; they are not stored in a form fit for production.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Jid, makeJid, normalLocal } from './jid.ts'
import type { Roster } from './roster.ts'
import type { Session } from './session.ts'

export type Account = {
  readonly jid: Jid
  /** Undefined for an anonymous account. */
  passwordDigest: Buffer | undefined
  readonly sessions: Map<string, Session>
  readonly roster: Roster
}

const ANONYMOUS_NAME_BYTES = 16 // XEP-0175 §3: unpredictable, so that nobody can wait for a name.

export class Accounts {
  readonly domain: string
  private readonly maxAccounts: number
  private readonly table: Map<string, Account>

  constructor(domain: string, maxAccounts: number) {
    this.domain = domain
    this.maxAccounts = maxAccounts
    this.table = new Map()
  }

  get full(): boolean {
    return this.table.size >= this.maxAccounts
  }

  find(local: string): Account | undefined {
    return this.table.get(local)
  }

  findBare(bare: string): Account | undefined {
    const at = bare.indexOf('@')
    return at > 0 && bare.slice(at + 1) === this.domain ? this.table.get(bare.slice(0, at)) : undefined
  }

  create(username: string, password: string): Account | 'conflict' | 'not-acceptable' | 'resource-constraint' {
    const local = normalLocal(username)
    if (local === undefined || password === '') return 'not-acceptable'
    if (this.table.has(local)) return 'conflict'
    return this.full ? 'resource-constraint' : this.add(local, digestOf(password))
  }

  createAnonymous(): Account | undefined {
    return this.full ? undefined : this.add(randomBytes(ANONYMOUS_NAME_BYTES).toString('hex'), undefined)
  }

  check(username: string, password: string): Account | undefined {
    const account = this.table.get(normalLocal(username) ?? '')
    const given = digestOf(password)
    if (account?.passwordDigest === undefined) return undefined
    return timingSafeEqual(account.passwordDigest, given) ? account : undefined
  }

  changePassword(account: Account, password: string): void {
    account.passwordDigest = digestOf(password)
  }

  remove(account: Account): void {
    if (this.table.get(account.jid.local) === account) this.table.delete(account.jid.local)
  }

  private add(local: string, passwordDigest: Buffer | undefined): Account {
    const account: Account = {
      jid: makeJid(local, this.domain),
      passwordDigest,
      sessions: new Map(),
      roster: { items: new Map(), pending: new Map() },
    }
    this.table.set(local, account)
    return account
  }
}

function digestOf(password: string): Buffer {
  return createHash('sha256').update(password).digest()
}
