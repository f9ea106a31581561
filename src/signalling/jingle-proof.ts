/**
 * Jingle proof: was this said by a member of the namespace, to us, and like this? A keyed hash (HMAC-SHA-256, RFC 2104) over
 * both full JIDs and all that the stanza says, so that a server which rewrites a fingerprint, a candidate or who sends it
 * is found out by whoever gets it.
 *
 *   <jingle …> … <proof xmlns='urn:overture:signal:0'>base64</proof></jingle>
 *
 * Services may write namespaces in other places and other ways; what is hashed is what they mean.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { type Element, xml } from '../xmpp/stanza.ts'

const PROOF_XMLNS = 'urn:overture:signal:0'
const PROOF = /^[A-Za-z0-9+/]{43}=$/
/** A guess: three times as deep as anything we write. */
const MAX_DEPTH = 16

export type SignalPath = { from: string; to: string }

/** Adds the proof. Nothing may be added to the element after it. */
export function prove(jingle: Element, path: SignalPath, key: Uint8Array): Element {
  const text = encode(proofOf(jingle, path, key) as Uint8Array)
  jingle.append(xml('proof', { xmlns: PROOF_XMLNS }, text))
  return jingle
}

export function isProved(jingle: Element, path: SignalPath, key: Uint8Array): boolean {
  const text = jingle.getChild('proof', PROOF_XMLNS)?.text() ?? ''
  const expected = PROOF.test(text) ? proofOf(jingle, path, key) : undefined
  return expected !== undefined && isSame(encode(expected), text)
}

function proofOf(jingle: Element, { from, to }: SignalPath, key: Uint8Array): Uint8Array | undefined {
  const meaning = meaningOf(jingle, 0)
  return meaning === undefined ? undefined : hmac(sha256, key, utf8ToBytes(JSON.stringify([from, to, meaning])))
}

type Meaning = [name: string, namespace: string, attributes: [string, string][], children: (Meaning | string)[]]

function meaningOf(element: Element, depth: number): Meaning | undefined {
  if (depth > MAX_DEPTH) return undefined
  const attributes = Object.entries(element.attrs as Record<string, string>)
    .filter(([name]) => name !== 'xmlns' && !name.startsWith('xmlns:'))
    .map(([name, value]): [string, string] => [name, String(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const children: (Meaning | string)[] = []
  for (const child of element.getChildElements()) {
    if (child.is('proof', PROOF_XMLNS)) continue
    const meaning = meaningOf(child, depth + 1)
    if (meaning === undefined) return undefined
    children.push(meaning)
  }
  const text = element.text()
  if (text !== '') children.push(text)
  return [element.getName(), element.getNS() ?? '', attributes, children]
}

/** Takes as long wherever they differ. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at)
  return difference === 0
}

function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}
