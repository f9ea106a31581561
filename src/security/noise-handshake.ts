/**
 * Noise handshake: `Noise_XXpsk3_25519_ChaChaPoly_SHA256` (Noise revision 34, §7.5 and §9). Three messages, after which
 * each end knows the other's static key, that the other knows the shared secret, and that both know the same prologue.
 *
 *   initiator: greeting --1, e--> awaiting 2 --2, e ee s es--> proving --3, s se psk--> done
 *   responder: awaiting 1 --1--> answering --2--> awaiting 3 --3--> done
 *
 * The initiator's key and the secret are shown only to an end whose own key has come with its second message; a stranger
 * without the secret learns the responder's key, and nothing else.
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { CipherState, KEY_BYTES, TAG_BYTES } from './cipher-state.ts'
import { ephemeralKeyPair, type KeyPair, PUBLIC_KEY_BYTES, type RemoteKey } from './key-pair.ts'

const PROTOCOL = utf8ToBytes('Noise_XXpsk3_25519_ChaChaPoly_SHA256')
const NOTHING = new Uint8Array()
const SEALED_KEY_BYTES = PUBLIC_KEY_BYTES + TAG_BYTES

export type NoiseFacts = {
  static: KeyPair
  /** 32 bytes that members share. */
  psk: Uint8Array
  /** What both ends believe of the channel; they must believe the same. */
  prologue: Uint8Array
  /** For test vectors only: otherwise one is made. */
  ephemeral?: KeyPair
}

export type NoiseResult = {
  /** The other end's static key, proved. */
  remote: Uint8Array
  /** Keys for what follows. */
  sending: Uint8Array
  receiving: Uint8Array
  /** Unique to this handshake. */
  hash: Uint8Array
}

/**
 * Why a message is not what an honest member sends: `other-channel`, the ends do not believe the same of the channel;
 * `bad-proof`, it was changed on the way, or its sender does not have the key; `wrong-secret`, all else is right.
 */
export type NoiseFault = 'other-channel' | 'bad-proof' | 'wrong-secret'

export class NoiseError extends Error {
  readonly fault: NoiseFault

  constructor(fault: NoiseFault) {
    super(`Noise: ${fault}`)
    this.fault = fault
  }
}

/** §5.2: what both ends have said so far, and the key that follows from it. */
class SymmetricState {
  hash: Uint8Array
  private chainingKey: Uint8Array
  private cipher: CipherState | undefined

  constructor(prologue: Uint8Array) {
    this.hash = sha256(PROTOCOL)
    this.chainingKey = this.hash
    this.mixHash(prologue)
  }

  mixHash(data: Uint8Array): void {
    this.hash = sha256(concatBytes(this.hash, data))
  }

  mixKey(material: Uint8Array): void {
    const [chainingKey, key] = derive(this.chainingKey, material, 2)
    this.chainingKey = chainingKey as Uint8Array
    this.cipher = new CipherState(key as Uint8Array)
  }

  mixKeyAndHash(material: Uint8Array): void {
    const [chainingKey, hash, key] = derive(this.chainingKey, material, 3)
    this.chainingKey = chainingKey as Uint8Array
    this.mixHash(hash as Uint8Array)
    this.cipher = new CipherState(key as Uint8Array)
  }

  encrypt(plaintext: Uint8Array): Uint8Array {
    if (!this.cipher) throw new Error('Noise: nothing is encrypted before a key is mixed in.')
    const ciphertext = this.cipher.encrypt(plaintext, this.hash)
    this.mixHash(ciphertext)
    return ciphertext
  }

  decrypt(ciphertext: Uint8Array, fault: NoiseFault): Uint8Array {
    const plaintext = this.cipher?.decrypt(ciphertext, this.hash)
    if (!plaintext) throw new NoiseError(fault)
    this.mixHash(ciphertext)
    return plaintext
  }

  split(): [Uint8Array, Uint8Array] {
    const [first, second] = derive(this.chainingKey, NOTHING, 2)
    return [first as Uint8Array, second as Uint8Array]
  }
}

export class NoiseInitiator {
  private readonly facts: NoiseFacts
  private readonly symmetric: SymmetricState
  private ephemeral: KeyPair | undefined

  constructor(facts: NoiseFacts) {
    this.facts = facts
    this.symmetric = new SymmetricState(facts.prologue)
  }

  async first(payload = NOTHING): Promise<Uint8Array> {
    const { symmetric } = this
    this.ephemeral = this.facts.ephemeral ?? (await ephemeralKeyPair())
    mixEphemeral(symmetric, this.ephemeral.publicKey)
    return concatBytes(this.ephemeral.publicKey, symmetric.encrypt(payload))
  }

  /**
   * Takes the second message and makes the third. `payloadHash`: of what both had said before the second's payload.
   * Rejects with a NoiseError.
   */
  async third(
    second: Uint8Array,
    payload = NOTHING,
  ): Promise<{ message: Uint8Array; payload: Uint8Array; payloadHash: Uint8Array; result: NoiseResult }> {
    const { symmetric, ephemeral, facts } = this
    if (!ephemeral) throw new Error('Noise: the third message follows the first.')
    if (second.length < PUBLIC_KEY_BYTES + SEALED_KEY_BYTES + TAG_BYTES) throw new NoiseError('bad-proof')
    const theirs = { bytes: second.slice(0, PUBLIC_KEY_BYTES) }
    mixEphemeral(symmetric, theirs.bytes)
    // What needs nothing of each other is reckoned at once.
    const [ee, se] = [agreed(ephemeral, theirs), agreed(facts.static, theirs)]
    se.catch(() => {})
    symmetric.mixKey(await ee)
    const remote = symmetric.decrypt(
      second.subarray(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + SEALED_KEY_BYTES),
      'bad-proof',
    )
    symmetric.mixKey(await agreed(ephemeral, { bytes: remote }))
    const payloadHash = symmetric.hash
    const answer = symmetric.decrypt(second.subarray(PUBLIC_KEY_BYTES + SEALED_KEY_BYTES), 'bad-proof')
    const sealedKey = symmetric.encrypt(facts.static.publicKey)
    symmetric.mixKey(await se)
    symmetric.mixKeyAndHash(facts.psk)
    const message = concatBytes(sealedKey, symmetric.encrypt(payload))
    const [sending, receiving] = symmetric.split()
    return { message, payload: answer, payloadHash, result: { remote, sending, receiving, hash: symmetric.hash } }
  }
}

export class NoiseResponder {
  private readonly facts: NoiseFacts
  private readonly symmetric: SymmetricState
  private ephemeral: KeyPair | undefined

  constructor(facts: NoiseFacts) {
    this.facts = facts
    this.symmetric = new SymmetricState(facts.prologue)
  }

  /** Takes the first message and makes the second, whose payload follows from what both have said. Rejects as `third`. */
  async second(
    first: Uint8Array,
    payloadFor: (hash: Uint8Array) => Uint8Array = () => NOTHING,
  ): Promise<{ message: Uint8Array; payload: Uint8Array }> {
    const { symmetric, facts } = this
    if (first.length < PUBLIC_KEY_BYTES + TAG_BYTES) throw new NoiseError('bad-proof')
    const theirs = { bytes: first.slice(0, PUBLIC_KEY_BYTES) }
    mixEphemeral(symmetric, theirs.bytes)
    const asked = symmetric.decrypt(first.subarray(PUBLIC_KEY_BYTES), 'other-channel')
    const ephemeral = facts.ephemeral ?? (await ephemeralKeyPair())
    this.ephemeral = ephemeral
    mixEphemeral(symmetric, ephemeral.publicKey)
    const [ee, es] = [agreed(ephemeral, theirs), agreed(facts.static, theirs)]
    es.catch(() => {})
    symmetric.mixKey(await ee)
    const sealedKey = symmetric.encrypt(facts.static.publicKey)
    symmetric.mixKey(await es)
    const answer = symmetric.encrypt(payloadFor(symmetric.hash))
    return { message: concatBytes(ephemeral.publicKey, sealedKey, answer), payload: asked }
  }

  /** Takes the third message. Rejects with a NoiseError. */
  async finish(third: Uint8Array): Promise<{ payload: Uint8Array; result: NoiseResult }> {
    const { symmetric, ephemeral, facts } = this
    if (!ephemeral) throw new Error('Noise: the third message follows the second.')
    if (third.length < SEALED_KEY_BYTES + TAG_BYTES) throw new NoiseError('bad-proof')
    const remote = symmetric.decrypt(third.subarray(0, SEALED_KEY_BYTES), 'bad-proof')
    symmetric.mixKey(await agreed(ephemeral, { bytes: remote }))
    symmetric.mixKeyAndHash(facts.psk)
    const payload = symmetric.decrypt(third.subarray(SEALED_KEY_BYTES), 'wrong-secret')
    const [receiving, sending] = symmetric.split()
    return { payload, result: { remote, sending, receiving, hash: symmetric.hash } }
  }
}

/** §9.2: where a secret is shared, an ephemeral key is mixed in twice. */
function mixEphemeral(symmetric: SymmetricState, publicKey: Uint8Array): void {
  symmetric.mixHash(publicKey)
  symmetric.mixKey(publicKey)
}

async function agreed(pair: KeyPair, remote: RemoteKey): Promise<Uint8Array> {
  try {
    return await pair.agree(remote)
  } catch {
    throw new NoiseError('bad-proof')
  }
}

/** §4.3, HKDF: with this salt and nothing told of the purpose. */
function derive(chainingKey: Uint8Array, material: Uint8Array, count: 2 | 3): Uint8Array[] {
  const all = hkdf(sha256, material, chainingKey, undefined, count * KEY_BYTES)
  return Array.from({ length: count }, (_, index) => all.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES))
}
