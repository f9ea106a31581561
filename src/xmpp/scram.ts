/**
 * SCRAM: how do we prove that we know a password without showing it, and has the service proved the same? One exchange
 * of RFC 5802 with SHA-1 or with SHA-256 (RFC 7677), by the page's own WebCrypto. No channel binding: a page cannot see
 * its TLS connection.
 *
 *   new --first--> asked --answer()--> answering --> answered --verify()--> proven
 *
 * Each step is taken once. What the service sends is a stranger's: it is bounded, and whatever is wrong with it throws an
 * OvertureError.
 */
import { OvertureError } from '../overture-error.ts'

export type ScramHash = 'SHA-256' | 'SHA-1'

export const MIN_ITERATIONS = 4_096 // RFC 5802 §5.1 and RFC 7677 §4 ask for no less.
export const MAX_ITERATIONS = 2_000_000 // A guess: above what servers are told to use, and some seconds of a telephone.

const MAX_MESSAGE_LENGTH = 4_096 // A guess: twenty times what servers send.
const HASH_BITS: Record<ScramHash, number> = { 'SHA-1': 160, 'SHA-256': 256 }
const GS2_HEADER = 'n,,' // RFC 5802 §7: no channel binding, and to act as ourselves.

/** RFC 5802 §7: server-first-message. What is mandatory and unknown (`m=`) does not fit, extensions at the end do. */
const SERVER_FIRST = /^r=([\x21-\x2B\x2D-\x7E]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,9})(?:,[A-Za-z]=[^\0]*)?$/

export type ScramOptions = {
  hash: ScramHash
  domain: string
  username: string
  password: string
  /** Printable, without a comma, and nobody's guess. */
  nonce: string
}

/** WebCrypto's better half exists only in a secure context: over https, or on localhost. */
export function canScram(): boolean {
  return globalThis.crypto?.subtle !== undefined
}

export class Scram {
  private readonly options: ScramOptions
  private readonly clientFirstBare: string
  private state: 'asked' | 'answering' | 'answered' | 'proven' = 'asked'
  private serverSignature = ''

  constructor(options: ScramOptions) {
    this.options = options
    const name = saslPrep(options.username).replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.clientFirstBare = `n=${name},r=${options.nonce}`
  }

  get first(): string {
    return GS2_HEADER + this.clientFirstBare
  }

  /** Whether the service has shown that it knows the password, too. */
  get isProven(): boolean {
    return this.state === 'proven'
  }

  /** Whether the service owes us nothing but its proof. */
  get isAnswered(): boolean {
    return this.state === 'answered'
  }

  /** Our last message. After it the service's proof is known, so that it can be judged at once when it comes. */
  async answer(serverFirst: string): Promise<string> {
    if (this.state !== 'asked') throw this.complaint('it asks twice')
    this.state = 'answering'
    const { hash, password } = this.options
    const { nonce, salt, iterations } = this.read(serverFirst)
    const salted = await saltedPassword(hash, saslPrep(password), salt, iterations)
    const withoutProof = `c=${btoa(GS2_HEADER)},r=${nonce}`
    const authMessage = `${this.clientFirstBare},${serverFirst},${withoutProof}`
    const clientKey = await hmac(hash, salted, 'Client Key')
    const storedKey = new Uint8Array(await crypto.subtle.digest(hash, clientKey))
    const clientSignature = await hmac(hash, storedKey, authMessage)
    const serverKey = await hmac(hash, salted, 'Server Key')
    this.serverSignature = base64(await hmac(hash, serverKey, authMessage))
    this.state = 'answered'
    return `${withoutProof},p=${base64(clientKey.map((octet, index) => octet ^ (clientSignature[index] ?? 0)))}`
  }

  /** Throws unless the service has proved that it knows the password. */
  verify(serverFinal: string): void {
    if (this.state !== 'answered') throw this.complaint('it lets us in before we have answered')
    const [proof] = serverFinal.split(',', 1)
    if (!proof?.startsWith('v=')) throw this.complaint('it lets us in without a proof')
    if (proof.slice(2) !== this.serverSignature) throw this.complaint('its proof is wrong')
    this.state = 'proven'
  }

  complaint(why: string): OvertureError {
    return OvertureError.unprovenService(this.options.domain, why)
  }

  private read(serverFirst: string): { nonce: string; salt: Uint8Array<ArrayBuffer>; iterations: number } {
    const [, nonce, salt, iterations] =
      serverFirst.length <= MAX_MESSAGE_LENGTH ? (SERVER_FIRST.exec(serverFirst) ?? []) : []
    const octets = salt === undefined ? undefined : octetsOfBase64(salt)
    if (nonce === undefined || octets === undefined) throw this.complaint('its challenge cannot be read')
    // RFC 5802 §5.1: else it may be an old exchange that somebody plays back.
    const { nonce: ours } = this.options
    if (!nonce.startsWith(ours) || nonce === ours) throw this.complaint('its challenge belongs to another sign-in')
    const rounds = Number(iterations)
    if (rounds < MIN_ITERATIONS || rounds > MAX_ITERATIONS) throw this.complaint(`it asks for ${rounds} iterations`)
    return { nonce, salt: octets, iterations: rounds }
  }
}

/**
 * RFC 4013 §2.1 and §2.2: what looks the same becomes the same. Left out are the refusals of §2.3 to §2.5 (control
 * characters, mixed directions, unassigned code points): a server that has let somebody choose such a password has an
 * opinion of its own on it.
 */
export function saslPrep(text: string): string {
  return text
    .replace(/[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/g, ' ') // RFC 3454, C.1.2
    .replace(/[\u00AD\u1806\u200C\u2060\uFEFF]|\u034F|\u200D|[\u180B-\u180D]|[\uFE00-\uFE0F]/g, '') // RFC 3454, B.1
    .normalize('NFKC')
}

async function saltedPassword(
  hash: ScramHash,
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const octets = new TextEncoder().encode(password)
  const key = await crypto.subtle.importKey('raw', octets, 'PBKDF2', false, ['deriveBits'])
  const how = { name: 'PBKDF2', hash, salt, iterations }
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, HASH_BITS[hash]))
}

async function hmac(hash: ScramHash, secret: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text)))
}

function base64(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets))
}

function octetsOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
