import { readFileSync } from 'node:fs'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CipherState } from './cipher-state.ts'
import { generateKeyPair, type KeyPair, keyPairOf, nobleKeyPair } from './key-pair.ts'
import { NoiseError, type NoiseFacts, NoiseInitiator, NoiseResponder } from './noise-handshake.ts'

type Vector = Record<string, string> & {
  init_psks: string[]
  resp_psks: string[]
  messages: { payload: string; ciphertext: string }[]
}

const { vectors } = JSON.parse(readFileSync(new URL('noise-vectors.json', import.meta.url), 'utf8')) as {
  vectors: Vector[]
}
const NOTHING = new Uint8Array()
const PSK = new Uint8Array(32).fill(7)
const hex = (text: string | undefined) => hexToBytes(text as string)

describe.each([
  ['WebCrypto', keyPairOf],
  ['noble', async (secret: Uint8Array) => nobleKeyPair(secret)],
])('by %s', (_, pairOf: (secret: Uint8Array) => Promise<KeyPair>) => {
  test('all messages of the published vectors come out, and are understood', async () => {
    expect(vectors).toHaveLength(1)
    for (const vector of vectors) {
      const initiator = new NoiseInitiator({
        static: await pairOf(hex(vector.init_static)),
        ephemeral: await pairOf(hex(vector.init_ephemeral)),
        psk: hex(vector.init_psks[0]),
        prologue: hex(vector.init_prologue),
      })
      const responder = new NoiseResponder({
        static: await pairOf(hex(vector.resp_static)),
        ephemeral: await pairOf(hex(vector.resp_ephemeral)),
        psk: hex(vector.resp_psks[0]),
        prologue: hex(vector.resp_prologue),
      })
      const [one, two, three, ...rest] = vector.messages as [
        Vector['messages'][0],
        Vector['messages'][0],
        Vector['messages'][0],
      ]
      const first = await initiator.first(hex(one.payload))
      const second = await responder.second(first, () => hex(two.payload))
      const third = await initiator.third(second.message, hex(three.payload))
      const end = await responder.finish(third.message)
      expect([first, second.message, third.message].map(bytesToHex)).toEqual(
        [one, two, three].map(({ ciphertext }) => ciphertext),
      )
      expect([second.payload, third.payload, end.payload].map(bytesToHex)).toEqual(
        [one, two, three].map(({ payload }) => payload),
      )
      for (const { hash } of [third.result, end.result]) expect(bytesToHex(hash)).toBe(vector.handshake_hash)
      const ends = [
        [new CipherState(end.result.sending), new CipherState(third.result.receiving)],
        [new CipherState(third.result.sending), new CipherState(end.result.receiving)],
      ] as const
      for (const [index, { payload, ciphertext }] of rest.entries()) {
        const [from, to] = ends[index % 2] as (typeof ends)[0]
        expect(bytesToHex(from.encrypt(hex(payload), NOTHING))).toBe(ciphertext)
        expect(bytesToHex(to.decrypt(hex(ciphertext), NOTHING) ?? NOTHING)).toBe(payload)
      }
      expect(rest.length).toBeGreaterThan(2)
    }
  })
})

describe('a handshake fails', () => {
  const factsOf = async (facts: Partial<NoiseFacts> = {}): Promise<NoiseFacts> => ({
    static: await generateKeyPair(),
    psk: PSK,
    prologue: utf8ToBytes('this channel'),
    ...facts,
  })
  const faultOf = async (attempt: Promise<unknown>) => {
    const error = await attempt.then(
      () => undefined,
      (each) => each,
    )
    expect(error).toBeInstanceOf(NoiseError)
    return (error as NoiseError).fault
  }

  test('of one who does not know the secret', async () => {
    const initiator = new NoiseInitiator(await factsOf({ psk: new Uint8Array(32) }))
    const responder = new NoiseResponder(await factsOf())
    const { message } = await responder.second(await initiator.first())
    const third = await initiator.third(message)
    expect(await faultOf(responder.finish(third.message))).toBe('wrong-secret')
  })

  test('of two who do not believe the same of the channel, before either has shown its key', async () => {
    const initiator = new NoiseInitiator(await factsOf({ prologue: utf8ToBytes('another channel') }))
    const responder = new NoiseResponder(await factsOf())
    expect(await faultOf(responder.second(await initiator.first()))).toBe('other-channel')
  })

  test('of one whose public key makes everybody agree on zeros', async () => {
    const zeros: KeyPair = { publicKey: new Uint8Array(32), agree: async () => new Uint8Array(32) }
    const initiator = new NoiseInitiator(await factsOf({ ephemeral: zeros }))
    const responder = new NoiseResponder(await factsOf())
    expect(await faultOf(responder.second(await initiator.first()))).toBe('bad-proof')
  })

  test('when any message is changed, cut or made longer anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: -20, max: 20 }),
        async (which, at, flip, grow) => {
          let changed = 0
          const alter = (message: Uint8Array, index: number) => {
            if (index !== which) return message
            changed++
            const other = new Uint8Array(Math.max(0, message.length + grow))
            other.set(message.subarray(0, other.length))
            const place = at % other.length
            if (grow === 0) other[place] = (other[place] as number) ^ flip
            return other
          }
          const initiator = new NoiseInitiator(await factsOf())
          const responder = new NoiseResponder(await factsOf())
          const run = async () => {
            const { message } = await responder.second(alter(await initiator.first(), 0))
            const third = await initiator.third(alter(message, 1))
            await responder.finish(alter(third.message, 2))
          }
          // X25519 does not look at the highest bit of a key; the hash of all that was said does.
          expect(await faultOf(run())).toBeDefined()
          expect(changed).toBe(1)
        },
      ),
      { numRuns: 60 },
    )
  })
})
