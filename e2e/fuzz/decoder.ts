/**
 * Decoder: something that reads what a stranger has written, as the fuzzer sees it. Whatever it reads comes as bytes, so
 * that one kind of input is changed, kept and shown for all of them: text is UTF-8, a stanza is its XML, a stored value
 * its JSON.
 */
import fc from 'fast-check'
import { type Element, parseXml } from '../../src/xmpp/stanza.ts'

export type Decoder = {
  /** In kebab case: it names the files of what was found. */
  name: string
  /** What it is made to read. */
  valid: fc.Arbitrary<Uint8Array>
  /** Must neither throw nor reject, whatever the bytes. Resolves to what was read, or undefined. */
  decode(bytes: Uint8Array): unknown
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function textDecoder(name: string, valid: fc.Arbitrary<string>, decode: (text: string) => unknown): Decoder {
  return {
    name,
    valid: valid.map((text) => encoder.encode(text)),
    decode: (bytes) => decode(decoder.decode(bytes)),
  }
}

/** Gets an element only: what is none, the readers of XML refuse before. */
export function stanzaDecoder(
  name: string,
  valid: fc.Arbitrary<Element | string>,
  decode: (element: Element) => unknown,
): Decoder {
  return textDecoder(
    name,
    valid.map((element) => `${element}`),
    (text) => {
      const element = parseXml(text)
      return element && decode(element)
    },
  )
}

/** Gets a value that a storage may hold, as another version of ours or another script of the origin has left it there. */
export function storedDecoder(
  name: string,
  valid: fc.Arbitrary<unknown>,
  decode: (value: unknown) => unknown,
): Decoder {
  return textDecoder(
    name,
    valid.map((value) => JSON.stringify(value)),
    (text) => {
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        value = text
      }
      return decode(value)
    },
  )
}

export const jidLocal = fc.stringMatching(/^[a-z0-9]{1,12}$/)
export const HASH = 'ab'.repeat(20)
export const fullJids = fc.tuple(jidLocal, fc.domain(), jidLocal).map(([a, b, c]) => `${a}@${b}/${HASH}.${c}`)
