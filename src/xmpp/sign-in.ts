/**
 * How do we get in? With the account that the user gave; else as a stranger: ANONYMOUS (XEP-0175) where offered, else
 * with an account that we made here earlier, else with one that we make now (XEP-0077 §3.1).
 *
 * A password goes by SCRAM where the service and the page can do it, and in plain text only where they cannot. That text
 * goes no further than TLS or this machine, which is seen to when the service's address is read; only the password of an
 * account made here may travel unencrypted, as it has to when the account is made.
 */
import { OvertureError } from '../overture-error.ts'
import { type Random, StanzaError, type Storage } from '../ports.ts'
import { randomText } from './random-text.ts'
import type { ServiceAddress } from './service-address.ts'

const USERNAME_LENGTH = 20 // 100 bits: nobody else has it.
const PASSWORD_LENGTH = 32 // 160 bits.
const REGISTRATION_ATTEMPTS = 2 // A second name, should the first be taken against all odds.

/** RFC 6120 §6.5: what means that another try with the same password cannot help. */
const REFUSALS = ['not-authorized', 'account-disabled', 'credentials-expired', 'invalid-authzid', 'malformed-request']

export type Credentials = { username: string; password: string }

export type Mechanism = 'ANONYMOUS' | PasswordMechanism
type PasswordMechanism = (typeof PASSWORD_MECHANISMS)[number]

/** The best first. */
const PASSWORD_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'] as const

/** The door of one stream, before sign-in. Failures reject with a StanzaError. */
export type Door = {
  /** What the service offers and the page can do. */
  mechanisms: string[]
  authenticate(mechanism: Mechanism, credentials?: Credentials): Promise<void>
  register(credentials: Credentials): Promise<void>
}

export type SignInOptions = {
  address: Pick<ServiceAddress, 'domain' | 'username'>
  password: string | undefined
  storage: Storage
  random: Random
}

export class SignIn {
  private readonly options: SignInOptions

  constructor(options: SignInOptions) {
    this.options = options
  }

  /** What is wrong where service and page have no mechanism in common. */
  get noWayIn(): OvertureError {
    const { domain, username } = this.options.address
    return username === undefined ? OvertureError.noWayIn(domain) : OvertureError.noPasswordAccepted(domain)
  }

  /** Resolves when we are in; rejects with an OvertureError, or a StanzaError that says nothing about our account. */
  async through(door: Door): Promise<void> {
    const { address, password } = this.options
    if (address.username !== undefined) return this.withAccount(door, address.username, password ?? '')
    if (door.mechanisms.includes('ANONYMOUS')) return door.authenticate('ANONYMOUS')
    const mechanism = passwordMechanism(door)
    if (mechanism === undefined) throw this.noWayIn
    const kept = await this.keptAccount()
    if (kept !== undefined && (await accepts(door, mechanism, kept))) return
    const made = await this.makeAccount(door)
    // Kept before it is used, so that a page that goes away in between does not leave it behind.
    await this.keep(made)
    await door.authenticate(mechanism, made)
  }

  private async withAccount(door: Door, username: string, password: string): Promise<void> {
    const { domain } = this.options.address
    const mechanism = passwordMechanism(door)
    if (mechanism === undefined) throw this.noWayIn
    if (await accepts(door, mechanism, { username, password })) return
    throw OvertureError.wrongPassword(`${username}@${domain}`)
  }

  private async makeAccount(door: Door): Promise<Credentials> {
    const { address, random } = this.options
    for (let attempt = 1; ; attempt++) {
      const credentials = {
        username: randomText(random, USERNAME_LENGTH),
        password: randomText(random, PASSWORD_LENGTH),
      }
      try {
        await door.register(credentials)
        return credentials
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error
        if (error.condition === 'conflict' && attempt < REGISTRATION_ATTEMPTS) continue
        // RFC 6120 §8.3.3.19 and §8.3.3.10: there is no registration, as opposed to one that wants more or later.
        const closed = ['service-unavailable', 'feature-not-implemented', 'not-allowed', 'forbidden', 'not-authorized']
        if (closed.includes(error.condition)) throw OvertureError.noWayIn(address.domain)
        throw OvertureError.registrationRefused(address.domain, error.condition)
      }
    }
  }

  private get storageKey(): string {
    return `xmpp-account:${this.options.address.domain}`
  }

  private async keptAccount(): Promise<Credentials | undefined> {
    // A browser may deny storage; then the account lives as long as the page.
    const kept = await this.options.storage.get(this.storageKey).catch(() => undefined)
    if (typeof kept !== 'object' || kept === null) return undefined
    const { username, password } = kept as Partial<Record<keyof Credentials, unknown>>
    return typeof username === 'string' && typeof password === 'string' ? { username, password } : undefined
  }

  private keep(credentials: Credentials): Promise<void> {
    return this.options.storage.set(this.storageKey, credentials).catch(() => undefined)
  }
}

function passwordMechanism({ mechanisms }: Door): PasswordMechanism | undefined {
  return PASSWORD_MECHANISMS.find((mechanism) => mechanisms.includes(mechanism))
}

/**
 * False when the service knows no such account and password. Another mechanism is not tried then: a service that says no
 * to a proof must not get the password itself.
 */
async function accepts(door: Door, mechanism: PasswordMechanism, credentials: Credentials): Promise<boolean> {
  try {
    await door.authenticate(mechanism, credentials)
    return true
  } catch (error) {
    if (error instanceof StanzaError && REFUSALS.includes(error.condition)) return false
    throw error
  }
}
