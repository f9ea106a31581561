/** What members seal for each other, as decoders: a stranger changes it, and a member may seal whatever it likes. */
import fc from 'fast-check'
import type { Address } from '../../src/overlay/address.ts'
import { Introductions } from '../../src/peer/introductions.ts'
import { openBroadcast, sealBroadcast } from '../../src/security/broadcast-seal.ts'
import { EndSession } from '../../src/security/end-session.ts'
import { nobleKeyPair } from '../../src/security/key-pair.ts'
import { type Decoder, HASH } from './decoder.ts'

const filled = (value: number, length = 32) => new Uint8Array(length).fill(value)
const data = fc.uint8Array({ maxLength: 60 })
const US = HASH as Address
const FAR = '20'.repeat(20) as Address

function sessionOf(sending: number, receiving: number): EndSession {
  return new EndSession({ remote: filled(1), sending: filled(sending), receiving: filled(receiving), hash: filled(4) })
}

function introductions(): Introductions {
  const clock = { now: () => 0, wakeAt: () => () => undefined }
  return new Introductions({
    address: US,
    keyPair: nobleKeyPair(filled(5)),
    psk: filled(6),
    namespaceHash: HASH,
    clock,
  })
}

export const SEALED_DECODERS: Decoder[] = [
  {
    name: 'sealed-broadcast',
    valid: fc
      .record({
        number: fc.nat(),
        signingKey: fc.constant(filled(7)),
        signature: fc.constant(filled(8, 64)),
        data,
      })
      .map((said) => sealBroadcast(filled(9), filled(3, 24), said)),
    decode: (bytes) => openBroadcast(filled(9), bytes),
  },
  {
    name: 'end-sealed',
    valid: data.map((plain) => sessionOf(1, 2).seal(plain) as Uint8Array),
    decode: (bytes) => sessionOf(2, 1).open(bytes),
  },
  {
    name: 'introduction-signal',
    valid: fc
      .record({ what: fc.constantFrom(0xe0, 0xe1, 0xe2, 0xe3), rest: fc.uint8Array({ minLength: 8, maxLength: 120 }) })
      .map(({ what, rest }) => Uint8Array.of(what, ...rest)),
    decode: (bytes) => introductions().receive(FAR, bytes),
  },
]
