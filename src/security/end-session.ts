/**
 * End session: what two nodes that have proved to each other who they are say through others. Each packet may be lost,
 * late or doubled on the way, and is opened on its own, once.
 *
 *   session u32   number u48, big-endian   ciphertext and tag (ChaChaPoly, the head is its associated data)
 *
 * Each direction has its own keys and numbers. A receiver knows again the numbers of a window, and takes what is older
 * for said before.
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { decryptAs, encryptAs, KEY_BYTES, rekeyed, TAG_BYTES } from './cipher-state.ts'
import { REKEY_EVERY } from './frame-seal.ts'
import type { NoiseResult } from './noise-handshake.ts'

const HEAD_BYTES = 10
/** What sealing adds to each packet. */
export const END_SEAL_BYTES = HEAD_BYTES + TAG_BYTES
/** Numbers that are known again. As IPsec and WireGuard have at the least (RFC 4303 §3.4.3). */
export const REPLAY_WINDOW = 64
/** So many keys ahead of ours a packet may be, or whoever sends any would make us reckon without end. A guess. */
const MAX_KEYS_AHEAD = 4
const MAX_NUMBER = 2 ** 48 - 1
const PURPOSE = utf8ToBytes('overture end to end')

/** `lost`: so many packets before it have not come that there is no telling whether it is true. */
export type EndFault = 'replayed' | 'forged' | 'lost'

export class EndSession {
  /** Nobody chooses it: it follows from the handshake, at both ends. */
  readonly id: number
  private readonly sending: SendingKeys
  private readonly receiving: ReceivingKeys

  constructor({ sending, receiving, hash }: NoiseResult) {
    this.id = readU32(hash, 0)
    this.sending = new SendingKeys(hkdf(sha256, sending, undefined, PURPOSE, KEY_BYTES))
    this.receiving = new ReceivingKeys(hkdf(sha256, receiving, undefined, PURPOSE, KEY_BYTES))
  }

  /** Undefined when all numbers are used up. */
  seal(plain: Uint8Array): Uint8Array | undefined {
    const place = this.sending.next()
    if (!place) return undefined
    const sealed = new Uint8Array(plain.length + END_SEAL_BYTES)
    const view = new DataView(sealed.buffer)
    view.setUint32(0, this.id)
    view.setUint16(4, Math.floor(place.number / 0x1_0000_0000))
    view.setUint32(6, place.number % 0x1_0000_0000)
    sealed.set(encryptAs(place.key, place.number, plain, sealed.subarray(0, HEAD_BYTES)), HEAD_BYTES)
    return sealed
  }

  open(sealed: Uint8Array): Uint8Array | EndFault {
    if (sealed.length < END_SEAL_BYTES) return 'forged'
    const number = (readU32(sealed, 2) % 0x1_0000) * 0x1_0000_0000 + readU32(sealed, 6)
    if (this.receiving.hasSeen(number)) return 'replayed'
    const key = this.receiving.keyFor(number)
    if (!key) return 'lost'
    const plain = decryptAs(key, number, sealed.subarray(HEAD_BYTES), sealed.subarray(0, HEAD_BYTES))
    if (!plain) return 'forged'
    this.receiving.take(number, key)
    return plain
  }
}

/** Of which session a sealed packet says that it is. */
export function sessionOf(sealed: Uint8Array): number | undefined {
  return sealed.length < END_SEAL_BYTES ? undefined : readU32(sealed, 0)
}

class SendingKeys {
  private key: Uint8Array
  private number = 0

  constructor(key: Uint8Array) {
    this.key = key
  }

  next(): { number: number; key: Uint8Array } | undefined {
    const number = this.number
    if (number > MAX_NUMBER) return undefined
    if (number > 0 && number % REKEY_EVERY === 0) this.key = rekeyed(this.key)
    this.number++
    return { number, key: this.key }
  }
}

class ReceivingKeys {
  private key: Uint8Array
  /** What is late may be of the key before. */
  private previous: Uint8Array | undefined
  private epoch = 0
  private highest = -1
  /** The number that was last seen at its place in the window. */
  private readonly seen = new Float64Array(REPLAY_WINDOW).fill(-1)

  constructor(key: Uint8Array) {
    this.key = key
  }

  hasSeen(number: number): boolean {
    return number <= this.highest - REPLAY_WINDOW || this.seen[number % REPLAY_WINDOW] === number
  }

  /** Takes no key for used before something has been opened with it. */
  keyFor(number: number): Uint8Array | undefined {
    const ahead = epochOf(number) - this.epoch
    if (ahead < 0) return this.previous
    if (ahead > MAX_KEYS_AHEAD) return undefined
    let { key } = this
    for (let step = 0; step < ahead; step++) key = rekeyed(key)
    return key
  }

  take(number: number, key: Uint8Array): void {
    this.seen[number % REPLAY_WINDOW] = number
    this.highest = Math.max(this.highest, number)
    const epoch = epochOf(number)
    if (epoch <= this.epoch) return
    // The window is smaller than what one key is for: nothing older than the last key is opened any more.
    for (; this.epoch < epoch; this.epoch++) {
      this.previous = this.key
      this.key = rekeyed(this.key)
    }
    this.key = key
  }
}

function epochOf(number: number): number {
  return Math.floor(number / REKEY_EVERY)
}

function readU32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset)
}
