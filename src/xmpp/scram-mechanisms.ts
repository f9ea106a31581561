/**
 * SCRAM mechanisms: how does a client of @xmpp/client speak SCRAM? It drives a mechanism by `response` and `challenge`,
 * and awaits both; but of what comes with `<success/>` it shows a mechanism nothing in SASL (RFC 6120 §6.4.6), and in
 * SASL2 (XEP-0388) only what is there. So `complaintAbout` judges each element before the library sees it.
 *
 * The library takes one character for one octet, in both directions.
 */
import type { Client } from '@xmpp/client'
import { OvertureError } from '../overture-error.ts'
import { type Random, StanzaError } from '../ports.ts'
import { randomText } from './random-text.ts'
import { canScram, Scram, type ScramHash } from './scram.ts'
import type { Element } from './stanza.ts'

export type ScramMechanism = `SCRAM-${ScramHash}`

const NONCE_LENGTH = 32 // 160 bits.
const SASL_NS = 'urn:ietf:params:xml:ns:xmpp-sasl'
const SASL2_NS = 'urn:xmpp:sasl:2'

/** What its types leave out. */
type Mechanisms = { _mechs: { name: string; mech: unknown }[] }

export class ScramMechanisms {
  private readonly options: { domain: string; random: Random }
  private exchange: Scram | undefined

  /** Takes the place of the library's own, which exists in Node only and believes every service. */
  constructor(client: Client, options: { domain: string; random: Random }) {
    this.options = options
    const factory = (client as unknown as { saslFactory: Mechanisms }).saslFactory
    const others = factory._mechs.filter(({ name }) => !name.startsWith('SCRAM'))
    factory._mechs = canScram() ? [this.entryOf('SHA-256'), this.entryOf('SHA-1'), ...others] : others
  }

  /** To be called before each sign-in; undefined for one without SCRAM. */
  prepare(mechanism: string, credentials: { username: string; password: string } | undefined): void {
    const { domain, random } = this.options
    const hash = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : mechanism === 'SCRAM-SHA-1' ? 'SHA-1' : undefined
    this.exchange =
      hash && credentials && new Scram({ hash, domain, ...credentials, nonce: randomText(random, NONCE_LENGTH) })
  }

  /** Why the service may not be believed, should this element be what shows it. */
  complaintAbout(element: Element): OvertureError | undefined {
    const { exchange } = this
    const isSasl2 = element.getNS() === SASL2_NS
    if (exchange === undefined || !(isSasl2 || element.getNS() === SASL_NS)) return undefined
    const isSuccess = element.name === 'success'
    if (!isSuccess && element.name !== 'challenge') return undefined
    try {
      const text = textOfBase64(isSuccess && isSasl2 ? element.getChildText('additional-data') : element.getText())
      if (text === undefined) throw exchange.complaint('what it sends cannot be read')
      // Whoever has sent the proof as one more challenge need not send it again.
      if (isSuccess && !exchange.isProven) exchange.verify(text)
    } catch (error) {
      if (error instanceof OvertureError) return error
      throw error
    }
    return undefined
  }

  private entryOf(hash: ScramHash): Mechanisms['_mechs'][number] {
    const exchange = () => {
      if (this.exchange === undefined) throw new Error('A mechanism is prepared before it is used.')
      return this.exchange
    }
    const name: ScramMechanism = `SCRAM-${hash}`
    // Made by the library with `new`, once for each sign-in.
    class Mechanism {
      readonly name = name
      readonly clientFirst = true
      private next = octetsOf(exchange().first)

      response(): string {
        return this.next
      }

      async challenge(octets: string): Promise<void> {
        const text = textOf(octets) ?? ''
        if (text.startsWith('e=')) throw new StanzaError('not-authorized', text)
        if (exchange().isAnswered) exchange().verify(text)
        this.next = exchange().isProven ? '' : octetsOf(await exchange().answer(text))
      }
    }
    return { name, mech: Mechanism }
  }
}

/** Each octet of the text in UTF-8 as one character. */
export function octetsOf(text: string): string {
  return Array.from(new TextEncoder().encode(text), (octet) => String.fromCharCode(octet)).join('')
}

function textOf(octets: string): string | undefined {
  try {
    const bytes = Uint8Array.from(octets, (character) => character.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function textOfBase64(base64: string | null): string | undefined {
  try {
    // RFC 6120 §6.4.2: `=` is nothing, as opposed to not there.
    return base64 === null || base64 === '=' ? '' : textOf(atob(base64))
  } catch {
    return undefined
  }
}
