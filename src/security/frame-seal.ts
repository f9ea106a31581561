/**
 * Frame seal: what the frames of a channel look like to those who carry it. Each is sealed for its place in its lane, so
 * that none can be read, changed, cut, moved, left out or said again without the far end noticing.
 *
 *   lane u8 (0 all else, 1 bulk)   number u32, big-endian   ciphertext and tag (ChaChaPoly, the head is its associated data)
 *
 * Bulk and all else may pass each other (`Channel`), so each has its own numbers and keys.
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { decryptAs, encryptAs, KEY_BYTES, rekeyed, TAG_BYTES } from './cipher-state.ts'

const HEAD_BYTES = 5
/** What sealing adds to each frame. */
export const SEAL_BYTES = HEAD_BYTES + TAG_BYTES
/** After so many frames a key is replaced by one that does not lead back to it. A guess: a minute of a busy relay. */
export const REKEY_EVERY = 4_096
const LANES = ['overture lane other', 'overture lane bulk']
const MAX_NUMBER = 0xffff_ffff

/**
 * `replayed`: of a number that was there already. `gap`: frames before it are missing. `forged`: all else that the far
 * end has not sent like this.
 */
export type SealFault = 'replayed' | 'gap' | 'forged'

/** The key and the number that are next in one lane. */
class Lane {
  next = 0
  private readonly first: Uint8Array
  private key: Uint8Array
  private epoch = 0

  constructor(secret: Uint8Array, name: string) {
    this.first = hkdf(sha256, secret, undefined, utf8ToBytes(name), KEY_BYTES)
    this.key = this.first
  }

  /** The key for a number that is not before `next`; for one that is an epoch ahead without taking it. */
  keyFor(number: number): Uint8Array | undefined {
    const epoch = Math.floor(number / REKEY_EVERY)
    if (epoch === this.epoch) return this.key
    return epoch === this.epoch + 1 ? rekeyed(this.key) : undefined
  }

  advance(number: number, key: Uint8Array): void {
    this.next = number + 1
    this.epoch = Math.floor(number / REKEY_EVERY)
    this.key = key
  }
}

export class FrameSealer {
  private readonly lanes: Lane[]

  constructor(secret: Uint8Array) {
    this.lanes = LANES.map((name) => new Lane(secret, name))
  }

  /** Undefined when all numbers are used up. */
  seal(frame: Uint8Array, bulk: boolean): Uint8Array | undefined {
    const lane = this.lanes[bulk ? 1 : 0] as Lane
    const number = lane.next
    const key = number <= MAX_NUMBER ? lane.keyFor(number) : undefined
    if (!key) return undefined
    const sealed = new Uint8Array(frame.length + SEAL_BYTES)
    const head = sealed.subarray(0, HEAD_BYTES)
    sealed[0] = bulk ? 1 : 0
    new DataView(sealed.buffer).setUint32(1, number)
    sealed.set(encryptAs(key, number, frame, head), HEAD_BYTES)
    lane.advance(number, key)
    return sealed
  }
}

export class FrameOpener {
  private readonly lanes: Lane[]
  private readonly mayMiss: boolean

  /** `mayMiss`: whether the channel may lose frames by its nature, as a tunnel does that takes another forwarder. */
  constructor(secret: Uint8Array, mayMiss: boolean) {
    this.lanes = LANES.map((name) => new Lane(secret, name))
    this.mayMiss = mayMiss
  }

  open(sealed: Uint8Array): Uint8Array | SealFault {
    const lane = this.lanes[sealed[0] ?? 2]
    if (!lane || sealed.length < SEAL_BYTES) return 'forged'
    const number = new DataView(sealed.buffer, sealed.byteOffset).getUint32(1)
    if (number < lane.next) return 'replayed'
    const key = lane.keyFor(number)
    const frame = key && decryptAs(key, number, sealed.subarray(HEAD_BYTES), sealed.subarray(0, HEAD_BYTES))
    if (!frame || !key) return 'forged'
    // Only what the far end has sealed shows that something before it is missing.
    if (number > lane.next && !this.mayMiss) return 'gap'
    lane.advance(number, key)
    return frame
  }
}
